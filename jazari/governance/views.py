"""The audit trail as pages, for those who may read it. Nothing here changes anything."""

from __future__ import annotations

import json

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.core.errors import JazariError
from jazari.federation.answers import download, plain_errors
from jazari.federation.exchange import open_mirror
from jazari.governance import queries
from jazari.governance.exports import as_table, ndjson_lines
from jazari.governance.forms import SearchForm
from jazari.governance.models import AuditEntry
from jazari.governance.rules import GENESIS, entry_hash
from jazari.governance.verification import MOST_AT_ONCE, known_checkpoints, last_result, verify_part
from jazari.settings.home import Home
from jazari.settings.runtime import this_home
from jazari.trust.records import Record

PAGE = 50
LARGEST_NUMBER = 2**53
_POLICIES = ("residency",)
"""Card types by which a node states rules of its own."""


@require_safe
@requires(Permission.READ_AUDIT)
def index(request: HttpRequest) -> HttpResponse:
    """Search, the newest entries first; older ones by number."""
    form = SearchForm(request.GET)
    asked = form.asked()
    found = queries.search_entries(asked, _number(request, "before"), PAGE)
    kept = {name: str(value) for name, value in request.GET.items() if name in form.fields and value}
    context = {
        "form": form,
        "found": found,
        "total": queries.last_number(),
        "searched": any([asked.kind, asked.actor, asked.subject, asked.since, asked.until]),
        "query": urlencode(kept),
    }
    return render(request, "governance/index.html", context, status=200 if form.is_valid() else 400)


@require_safe
@requires(Permission.READ_AUDIT)
def entry(request: HttpRequest, number: int) -> HttpResponse:
    """One entry, its detail, and how it hangs together with its neighbours."""
    if number > LARGEST_NUMBER:
        raise Http404
    rows = {row.seq: row for row in AuditEntry.objects.filter(seq__range=(number - 1, number + 1))}
    if number not in rows:
        raise Http404
    before, here, after = (rows.get(number + step) for step in (-1, 0, 1))
    assert here is not None  # noqa: S101  checked above
    follows = here.previous_hash == (before.hash if before else GENESIS if number == 1 else "")
    context = {
        "entry": here,
        "before": before,
        "after": after,
        "detail": _pretty(here.detail_text),
        "hash_fits": entry_hash(here.as_entry()) == here.hash,
        "follows": follows,
        "is_followed": after is not None and after.previous_hash == here.hash,
    }
    return render(request, "governance/entry.html", context)


@require_safe
@requires(Permission.READ_AUDIT)
def verification(request: HttpRequest) -> HttpResponse:
    """Verify a part of the trail now, and show what the worker found in the whole."""
    home = this_home()
    first = _number(request, "from")
    checked = verify_part(first, known_checkpoints(home)) if first else None
    context = {
        "total": queries.last_number(),
        "most": MOST_AT_ONCE,
        "checked": checked,
        "go_on": checked.last + 1 if checked and checked.last < checked.total else None,
        "result": last_result(home),
    }
    return render(request, "governance/verification.html", context)


@require_safe
@requires(Permission.READ_AUDIT)
def policies(request: HttpRequest) -> HttpResponse:
    """The rules that this node has signed, as its log has them."""
    home = this_home()
    records = _own_policies(home)
    shown = [{"record": one, "card": json.dumps(one.card, ensure_ascii=False, indent=2)} for one in records]
    context = {"policies": shown, "checkpoints": known_checkpoints(home)[-10:][::-1]}
    return render(request, "governance/policies.html", context)


@require_safe
@requires(Permission.READ_AUDIT)
@plain_errors
def export_lines(request: HttpRequest) -> HttpResponseBase:
    """The whole trail as NDJSON, for ``jazari audit verify --file`` elsewhere."""
    entries = (row.as_entry() for row in queries.entries_after())
    return download(request, ndjson_lines(entries), "application/x-ndjson", f"{_name()}.ndjson")


@require_safe
@requires(Permission.READ_AUDIT)
@plain_errors
def export_table(request: HttpRequest) -> HttpResponseBase:
    """What a search finds, all of it, as a table."""
    form = SearchForm(request.GET)
    if not form.is_valid():
        return index(request)
    entries = (row.as_entry() for row in queries.entries_after(form.asked()))
    return download(request, as_table(entries), "text/csv; charset=utf-8", f"{_name()}.csv")


def _name() -> str:
    return f"audit-{this_home().namespace}"


def _own_policies(home: Home) -> list[Record]:
    """The newest first; none before the node was admitted."""
    try:
        logs = open_mirror(home).logs
        found = [record for kind in _POLICIES for record in logs.records(home.namespace, kind=kind)]
    except JazariError:
        return []
    return sorted(found, key=lambda record: record.published, reverse=True)


def _number(request: HttpRequest, name: str) -> int | None:
    """A number of an entry in the address; None where there is none that can be one."""
    text = request.GET.get(name, "")
    if not (text.isascii() and text.isdigit()) or len(text) > 16:
        return None
    number = int(text)
    return number if 0 < number < LARGEST_NUMBER else None


def _pretty(detail: str) -> str:
    try:
        return json.dumps(json.loads(detail), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return detail
