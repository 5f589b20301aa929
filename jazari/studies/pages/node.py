"""The node behind the pages, and what is shown when one of our errors stops a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.federation.http import http_status
from jazari.settings.home import Home
from jazari.settings.runtime import this_home
from jazari.studies.here import open_here
from jazari.studies.operations import Here

Open = Callable[[Home], Here]


def _open(home: Home) -> Here:
    return open_here(home.path)


_opener: Open = _open


def open_with(opener: Open = _open) -> None:
    """How the node of a home is opened: from its mirror and index, unless somebody else keeps the records."""
    global _opener
    _opener = opener


def this_node() -> Here:
    """The node that this process serves; raises ``NotAdmitted`` before it belongs to a network."""
    return _opener(this_home())


def plainly(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Show the sentence of one of our errors as a page with the right status."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except JazariError as error:
            return problem(request, error)

    return shown


def problem(request: HttpRequest, error: JazariError) -> HttpResponse:
    """The page that says what was wrong and what to do."""
    status = http_status(error)
    return render(request, "studies/problem.html", {"error": error, "missing": status == 404}, status=status)


def reference(kind: str, namespace: str, name: str, version: int) -> str:
    """The reference of a record in the parts of an address; raises ``BadIdentifier``."""
    return str(RecordRef.parse(f"{namespace}/{kind}/{name}@{version}"))


def titles(node: Here) -> dict[str, dict[str, str]]:
    """What institutes are called, by namespace; empty while nothing of the network is here."""
    try:
        return {name: dict(entry.titles) for name, entry in node.directory().entries.items()}
    except JazariError:
        return {}


def person_of(request: HttpRequest) -> int:
    """Who asks: the page is one that only people who have signed in may open."""
    return int(request.user.pk or 0)


def person_asked(request: HttpRequest, what: str, subject: str) -> None:
    """Tell the audit trail that a person did at a page what the node then published in its own name."""
    events.emit(AuditEvent("studies.asked-at-a-page", f"person:{person_of(request)}", subject, {"what": what}))
