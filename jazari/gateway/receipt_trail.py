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
    return next((row.seq for row in rows if _tells(row, anchor)), None)


def missing_anchors(checked: Checked) -> list[int]:
    """Entries of the audit trail that anchor receipts which the journal does not hold as they were.

    Segments that were put away are not missed: what ends before the journal's first line.
    """
    known = {anchor.root: anchor for anchor in checked.anchors}
    return [row.seq for row in _entries() if not _is_put_away(row, checked) and not _is_held(row, known)]


def _is_put_away(row: AuditEntry, checked: Checked) -> bool:
    last = row.detail.get("last")
    return isinstance(last, int) and last < checked.first


def _is_held(row: AuditEntry, known: dict[str, Anchor]) -> bool:
    anchor = known.get(str(row.detail.get("root")))
    return anchor is not None and _tells(row, anchor)


def _tells(row: AuditEntry, anchor: Anchor) -> bool:
    # The trail adds when it happened.
    return row.detail.items() >= anchor.model_dump().items()
