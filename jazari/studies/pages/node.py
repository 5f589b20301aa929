"""The node behind the pages, and who asks."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest

from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
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
