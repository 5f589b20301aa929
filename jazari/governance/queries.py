"""Reading and verifying the audit trail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jazari.core.canonical import canonical_json
from jazari.governance.cards import CheckpointCard
from jazari.governance.models import AuditEntry
from jazari.governance.rules import Entry, Problem, check_chain
from jazari.trust.log_store import LogStore

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


def published_checkpoints(logs: LogStore, namespace: str) -> list[CheckpointCard]:
    """The checkpoints in the verified log of ``namespace``, oldest first.

    The Root accepted none that is not valid, so a card that does not validate is a damaged copy.
    """
    records = logs.records(namespace, kind="checkpoint")
    return [CheckpointCard.model_validate_json(canonical_json(record.card)) for record in records]
