"""A steward's inbox: what waits, what would leave, a check on site, and the decision as the steward confirms it.

Nothing here signs: the steward's key is not where pages are served. See ``studies.intents``.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jazari.accounts.access import requires
from jazari.accounts.confirmation import has_passkey, passkey_confirmation
from jazari.accounts.rules import Permission
from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.federation.answers import plain_errors, refusal
from jazari.settings.runtime import this_home
from jazari.studies import intents
from jazari.studies.checks import ask_for_check
from jazari.studies.decisions import Choice
from jazari.studies.errors import NotAsked
from jazari.studies.listing import waiting_for
from jazari.studies.models import Intent, OnSiteCheck
from jazari.studies.operations import Here
from jazari.studies.overview import Study, study_of
from jazari.studies.pages.node import person_of, reference, this_node
from jazari.studies.pages.reading import study_context
from jazari.studies.saying import Sentence, worded
from jazari.studies.templatetags.studies import record_url

MOST_WAITING = 100


@requires(Permission.DECIDE_STUDIES)
@require_safe
@plain_errors
def inbox(request: HttpRequest) -> HttpResponse:
    """The studies that wait for this institute, the oldest first, and what was confirmed and is not signed yet."""
    node = this_node()
    waiting = waiting_for(node.records, node.namespace, clock.now())
    lines = [_summary(node, study_of(node.records, ref)) for ref in waiting[:MOST_WAITING]]
    unsigned = [row for ref in _intended() for row in _unsigned(node, ref)]
    return render(request, "studies/inbox.html", {"lines": lines, "more": len(waiting) - len(lines),
                                                  "unsigned": unsigned})  # fmt: skip


def _intended() -> list[str]:
    rows = Intent.objects.exclude(confirmed=None).order_by().values_list("study", flat=True)
    return list(dict.fromkeys(rows))[:MOST_WAITING]


def _unsigned(node: Here, ref: str) -> list[Intent]:
    try:
        return intents.open_intents(study_of(node.records, ref), node.namespace)[:1]
    except JazariError:
        return []


def _summary(node: Here, found: Study) -> dict[str, Any]:
    return {"study": found, "text": found.text, "dataset": found.text.datasets[node.namespace],
            "check": OnSiteCheck.objects.filter(study=found.reference).first()}  # fmt: skip


@requires(Permission.DECIDE_STUDIES)
@require_http_methods(["GET", "HEAD", "POST"])
@plain_errors
def deciding(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """All that a steward needs to decide on one study; posted, what they mean to decide, to be confirmed next."""
    node = this_node()
    found = study_of(node.records, reference("study", namespace, name, version))
    if node.namespace not in found.text.institutes:
        raise NotAsked(f"{found.reference} does not ask {node.namespace}: there is nothing to decide here.")
    if request.method != "POST":
        return _decision_page(request, node, found)
    wanted, reason = request.POST.get("choice", ""), request.POST.get("reason", "").strip()
    if wanted not in set(Choice):
        choose = worded("Choose whether to approve, to refuse or to take an approval back.")
        return _decision_page(request, node, found, choose)
    try:
        intent = intents.ask(node, person_of(request), found.reference, Choice(wanted), reason)
    except JazariError as error:
        return _decision_page(request, node, found, error)
    return redirect("studies:confirm", intent.pk)


def _decision_page(
    request: HttpRequest, node: Here, found: Study, error: JazariError | Sentence | None = None
) -> HttpResponse:
    check = OnSiteCheck.objects.filter(study=found.reference).first()
    mine = found.decisions.get(node.namespace)
    context = study_context(node, found) | {
        "check": check,
        "checking": check is not None and check.ended is None,
        "own": _own_notes(node, found),
        "unmapped": _unmapped(node, found),
        "mine": mine,
        "may_withdraw": mine is not None and mine.choice is Choice.APPROVE,
        "can_approve": found.status(clock.now()) not in ("withdrawn", "expired"),
        "unsigned": [(row, intents.command_of(row)) for row in intents.open_intents(found, node.namespace)],
        "has_passkey": has_passkey(request.user),
        "error": error,
        "said": {"choice": request.POST.get("choice", ""), "reason": request.POST.get("reason", "")[:2000]},
    }
    return render(request, "studies/deciding.html", context, status=422 if error else 200)


def _own_notes(node: Here, found: Study) -> list[Sentence]:
    from jazari.studies import on_site  # recipes, so numpy

    try:
        return on_site.notes(node, found.reference)
    except JazariError:
        return []


def _unmapped(node: Here, found: Study) -> JazariError | None:
    """Why this institute's columns do not fit the study as they are; None when they do or are mapped."""
    from jazari.studies.mappings import mapping_to_approve

    try:
        mapping_to_approve(node, found)
    except JazariError as error:
        return error
    return None


@requires(Permission.DECIDE_STUDIES)
@require_POST
@plain_errors
def check(_request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """Have the worker try the study on this institute's data; back to the page, which shows how far it is."""
    ref = reference("study", namespace, name, version)
    ask_for_check(this_node(), ref)
    return redirect(f"{record_url('deciding', ref)}#check")


@requires(Permission.DECIDE_STUDIES)
@require_http_methods(["GET", "HEAD", "POST"])
@plain_errors
def confirm(request: HttpRequest, number: int) -> HttpResponse:
    """What is about to be confirmed. Without a fresh answer of the passkey it leads to giving one; then it is kept."""
    intent = _own_intent(request, number)
    if intent.confirmed is not None:
        return redirect(record_url("deciding", intent.study))
    answer = passkey_confirmation(request, intent.asked)
    if request.method == "POST":
        try:
            intents.confirm(intent, answer)
        except JazariError as error:
            return refusal(request, error)
        messages.success(request, _("Your decision is noted. It counts once it is signed with the steward's key."))
        return redirect(record_url("deciding", intent.study))
    again = f"{reverse('mfa_reauthenticate_webauthn')}?{urlencode({'next': request.path})}"
    context = {"intent": intent, "answered": bool(answer), "again": again, "has_passkey": has_passkey(request.user)}
    return render(request, "studies/confirm.html", context)


def _own_intent(request: HttpRequest, number: int) -> Intent:
    intent = Intent.objects.filter(pk=number, person=person_of(request)).first()
    if intent is None or this_home().is_root:
        raise Http404
    return intent
