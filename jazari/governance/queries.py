"""Reading and verifying the audit trail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from jazari.core.canonical import canonical_json
from jazari.governance.cards import CheckpointCard
from jazari.governance.models import AuditEntry
from jazari.governance.rules import Entry, Problem, check_chain
from jazari.trust.log_store import LogStore

_CHUNK = 1000
MOST_SEARCHED = 100_000
"""Entries that one search looks through; it says how far it came."""


@dataclass(frozen=True)
class Asked:
    """What is looked for. ``kind``, ``actor`` and ``subject`` as in ``find_entries``; days are whole ones of UTC."""

    kind: str = ""
    actor: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None

    def condition(self) -> Q:
        """For the database."""
        found = Q()
        if self.kind:
            found &= Q(kind__startswith=f"{self.kind}.") | Q(kind=self.kind)
        if self.actor:
            found &= Q(actor=self.actor)
        if self.subject:
            found &= Q(subject__contains=self.subject)
        if self.since:
            found &= Q(moment__gte=self.since.isoformat())
        if self.until:
            found &= Q(moment__lt=f"{self.until.isoformat()}T99")  # moments are texts, in order
        return found


@dataclass(frozen=True)
class Found:
    """Entries, the newest first; all others down to number ``down_to`` are none. ``older``: where to go on, or None."""

    entries: list[AuditEntry]
    down_to: int
    older: int | None


def search_entries(asked: Asked, before: int | None = None, limit: int = 50) -> Found:
    """The newest entries below ``before`` that fit, at most ``limit`` out of ``MOST_SEARCHED``."""
    last = last_number()
    top = last + 1 if before is None else min(before, last + 1)
    bottom = max(1, top - MOST_SEARCHED)
    rows = AuditEntry.objects.filter(asked.condition(), seq__lt=top, seq__gte=bottom).order_by("-seq")
    entries = list(rows[: limit + 1])
    if len(entries) > limit:
        entries.pop()
        return Found(entries, entries[-1].seq, entries[-1].seq)
    return Found(entries, bottom, bottom if bottom > 1 else None)


def entries_after(asked: Asked = Asked()) -> Iterator[AuditEntry]:
    """Every entry that fits, in order; no cursor stays open between two of them."""
    seq = 0
    while page := list(AuditEntry.objects.filter(asked.condition(), seq__gt=seq).order_by("seq")[:_CHUNK]):
        yield from page
        seq = page[-1].seq


def last_number() -> int:
    """The number of the last entry; 0 while there is none."""
    return AuditEntry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def all_entries() -> Iterator[Entry]:
    """Every entry in order, read in chunks."""
    for row in AuditEntry.objects.order_by("seq").iterator(chunk_size=_CHUNK):
        yield row.as_entry()


def find_entries(
    *, kind: str = "", actor: str = "", subject: str = "", before: int | None = None, limit: int = 50
) -> list[AuditEntry]:
    """The newest entries first, at most ``limit``.

    ``kind`` matches a whole kind or its slice (``studies``), ``subject`` a part of it, ``actor`` exactly;
    ``before`` continues below that number.
    """
    rows = AuditEntry.objects.order_by("-seq")
    if kind:
        rows = rows.filter(kind__startswith=f"{kind}.") | rows.filter(kind=kind)
    if actor:
        rows = rows.filter(actor=actor)
    if subject:
        rows = rows.filter(subject__contains=subject)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return list(rows[:limit])


def verify_trail(checkpoints: Iterable[CheckpointCard] = ()) -> list[Problem]:
    """What is wrong with this node's trail; empty when it is exactly what was written.

    ``checkpoints`` are those published in the node's signed log: only they show a trail that was cut at
    its end or rewritten as a whole.
    """
    return list(check_chain(all_entries(), checkpoints))


def published_checkpoints(logs: LogStore, namespace: str) -> list[CheckpointCard]:
    """The checkpoints in the verified log of ``namespace``, oldest first.

    The Root accepted none that is not valid, so a card that does not validate is a damaged copy.
    """
    records = logs.records(namespace, kind="checkpoint")
    return [CheckpointCard.model_validate_json(canonical_json(record.card)) for record in records]
