"""Pages of who looks after people: list, roles, invitations."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from jazari.accounts import invitations, mails, operations, queries
from jazari.accounts.access import requires
from jazari.accounts.errors import AccountsError, PersonUnknown
from jazari.accounts.forms import ROLE_NAMES, InvitationForm
from jazari.accounts.models import Invitation, Person
from jazari.accounts.pages import person_of, refused
from jazari.accounts.rules import Permission, Role, may_hold
from jazari.core import clock

_PAGE = 25
_manage = requires(Permission.MANAGE_PEOPLE)


@_manage
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with an account here, found by name or address, and the open invitations."""
    text = request.GET.get("q", "")[:100]
    page = Paginator(queries.search_people(text), _PAGE).get_page(request.GET.get("page"))
    rows = [{"person": person, "roles": _role_names(person)} for person in page]
    invited = [
        {"invitation": one, "roles": [ROLE_NAMES[Role(role)] for role in one.roles], "old": one.expires <= clock.now()}
        for one in queries.open_invitations()[:200]
    ]
    found = {"q": text, "page": page, "rows": rows, "invited": invited, "address": f"?{urlencode({'q': text})}&"}
    return render(request, "accounts/people.html", found)


@_manage
@never_cache
def invite(request: HttpRequest) -> HttpResponse:
    """Invite somebody: a letter with a link that works once within 7 days."""
    form, status = InvitationForm(request.POST or None), 200
    if request.method == "POST":
        status = 400
        try:
            if form.is_valid():
                values = form.cleaned_data
                roles = [Role(role) for role in values.pop("roles")]
                made = invitations.invite(roles=roles, actor=operations.actor_of(person_of(request)), **values)
                return _sent(request, *made)
        except AccountsError as error:
            status = refused(request, error)
    return render(request, "accounts/invite.html", {"form": form}, status=status)


@_manage
@never_cache
@require_POST
def resend(request: HttpRequest, number: int) -> HttpResponse:
    """A new letter with a new link; the former link ends."""
    try:
        made = invitations.resend(number, operations.actor_of(person_of(request)))
    except AccountsError as error:
        raise Http404 from error
    return _sent(request, *made)


@_manage
@require_POST
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Take an invitation back."""
    try:
        invitations.revoke(number, operations.actor_of(person_of(request)))
    except AccountsError as error:
        raise Http404 from error
    messages.success(request, _("The invitation was taken back."))
    return redirect("accounts:people")


@_manage
def person(request: HttpRequest, number: int) -> HttpResponse:
    """One person: their roles, who gave them, and what can be changed."""
    return _shown(request, _find(number))


@_manage
@require_POST
def give_role(request: HttpRequest, number: int) -> HttpResponse:
    """Give a role."""
    return _changed(request, number, lambda found, actor: operations.give_role(found, _role(request), actor))


@_manage
@require_POST
def take_role(request: HttpRequest, number: int) -> HttpResponse:
    """Take a role back."""
    return _changed(request, number, lambda found, actor: operations.take_role(found, _role(request), actor))


@_manage
@require_POST
def deactivate(request: HttpRequest, number: int) -> HttpResponse:
    """Close an account."""
    return _changed(request, number, operations.deactivate)


@_manage
@require_POST
def activate(request: HttpRequest, number: int) -> HttpResponse:
    """Open an account again, without roles."""
    return _changed(request, number, operations.activate)


def _changed(request: HttpRequest, number: int, change: Callable[[Person, str], object]) -> HttpResponse:
    found = _find(number)
    try:
        change(found, operations.actor_of(person_of(request)))
    except AccountsError as error:
        return _shown(request, found, refused(request, error))
    messages.success(request, _("The change was made."))
    return redirect("accounts:person", found.pk)


def _shown(request: HttpRequest, found: Person, status: int = 200) -> HttpResponse:
    held = [
        {
            "value": grant.role,
            "name": ROLE_NAMES[Role(grant.role)],
            "given_by": queries.name_of(grant.given_by),
            "given": grant.given,
        }
        for grant in found.grants.filter(ended__isnull=True).order_by("given")
    ]
    holds = {grant["value"] for grant in held}
    free = [
        {"value": str(role), "name": name}
        for role, name in ROLE_NAMES.items()
        if str(role) not in holds and may_hold(role, federated=bool(found.home_issuer))
    ]
    values = {"person": found, "held": held, "free": free}
    return render(request, "accounts/person.html", values, status=status)


def _sent(request: HttpRequest, invitation: Invitation, secret: str) -> HttpResponse:
    """Say whether the letter went out. Without a mail server, the link is shown this once to whoever invited."""
    link = invitations.link_of(secret)
    sent = mails.has_mail_server() and mails.send("invitation", invitation.email, invitation.language, link=link)
    values = {"invitation": invitation, "sent": sent, "link": "" if sent else link}
    return render(request, "accounts/invited.html", values)


def _find(number: int) -> Person:
    try:
        return queries.find_person(number)
    except PersonUnknown as error:
        raise Http404 from error


def _role(request: HttpRequest) -> Role:
    try:
        return Role(request.POST.get("role", ""))
    except ValueError as error:
        raise Http404 from error


def _role_names(found: Person) -> list[object]:
    return [ROLE_NAMES[Role(grant.role)] for grant in found.grants.all() if grant.ended is None]
