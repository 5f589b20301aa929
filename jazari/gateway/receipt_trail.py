"""The journal against the node's audit trail, which has the root of every batch of receipts. Needs Django."""

from __future__ import annotations

from collections.abc import Iterator

from jazari.gateway.receipt_files import Checked
from jazari.gateway.receipts import ANCHORED, Anchor
from jazari.governance.models import AuditEntry
from jazari.governance.queries import find_entries

_PAGE = 500


def _entries() -> Iterator[AuditEntry]:
    before: int | None = None
    while page := find_entries(kind=ANCHORED, before=before, limit=_PAGE):
        yield from page
        before = page[-1].seq


def trail_entry(anchor: Anchor) -> int | None:
    """The number of the entry in the audit trail that has exactly ``anchor``; None if there is none (yet)."""
    rows = find_entries(kind=ANCHORED, subject=anchor.event().subject, limit=_PAGE)
    return next((row.seq for row in rows if row.detail == anchor.model_dump()), None)


def missing_anchors(checked: Checked) -> list[int]:
    """Entries of the audit trail that anchor receipts which the journal does not hold as they were.

    Segments that were put away are not missed: what ends before the journal's first line.
    """
    held = [anchor.model_dump() for anchor in checked.anchors]
    known = {one["root"]: one for one in held}
    return [
        row.seq
        for row in _entries()
        if row.detail.get("last", checked.first) >= checked.first and known.get(row.detail.get("root")) != row.detail
    ]
