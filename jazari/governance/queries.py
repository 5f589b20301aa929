"""Reading and verifying the audit trail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jazari.governance.cards import CheckpointCard
from jazari.governance.models import AuditEntry
from jazari.governance.rules import Entry, Problem, check_chain

if TYPE_CHECKING:
    from jazari.trust.reading import Reader
    from jazari.trust.records import Record

_CHUNK = 1000


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


def published_checkpoints(reader: Reader, namespace: str) -> list[CheckpointCard]:
    """The checkpoints in the verified log of ``namespace``, oldest first."""
    records = reader.records(namespace)
    return [checkpoint_of(record) for record in records if record.type == "checkpoint"]


def checkpoint_of(record: Record) -> CheckpointCard:
    """The card of a record of type ``checkpoint``; the Root accepted none that is not valid."""
    return CheckpointCard.model_validate(record.card)
