"""Writing the audit trail: append an entry, take a checkpoint, take in the engine's spool."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db import transaction

from jazari.core import clock
from jazari.core.audit import AuditEvent
from jazari.governance.cards import CheckpointCard
from jazari.governance.models import AuditEntry
from jazari.governance.rules import (
    GENESIS,
    Entry,
    checkpoint_due,
    detail_text,
    entry_hash,
    plain_name,
)
from jazari.governance.turns import take_turn

# Any number serves, as long as nothing else in the database locks the same.
_TURN = 0x4A415A415249


def record(event: AuditEvent) -> None:
    """Append ``event``; an event whose ``id`` is in the trail already is not repeated.

    Inside a transaction of the caller the entry stands or falls with it, so report a *refusal* outside the
    transaction that it rolls back, and a success as the last thing inside. Until the caller commits, other
    processes that want to append wait.
    """
    with transaction.atomic():
        append(event)


def append(event: AuditEvent) -> Entry | None:
    """``record`` for a caller that holds a transaction; the new entry, or None for a repeated event."""
    take_turn(_TURN)
    event_id = plain_name(event.id) if event.id else None
    if event_id and AuditEntry.objects.filter(event_id=event_id).exists():
        return None
    entry = _next_entry(event, event_id)
    AuditEntry.objects.create(
        seq=entry.seq,
        moment=entry.moment,
        kind=entry.kind,
        actor=entry.actor,
        subject=entry.subject,
        detail_text=entry.detail,
        event_id=entry.event_id,
        previous_hash=entry.previous_hash,
        hash=entry.hash,
    )
    return entry


def _next_entry(event: AuditEvent, event_id: str | None) -> Entry:
    last = AuditEntry.objects.order_by("-seq").values_list("seq", "hash").first() or (0, GENESIS)
    entry = Entry(
        seq=last[0] + 1,
        moment=_exact(clock.now()),
        kind=plain_name(event.kind),
        actor=plain_name(event.actor),
        subject=plain_name(event.subject),
        detail=detail_text(event.detail),
        event_id=event_id,
        previous_hash=last[1],
        hash="",
    )
    return replace(entry, hash=entry_hash(entry))


def _exact(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def checkpoint() -> CheckpointCard | None:
    """Where the trail stands now, to be published in the node's log; None while it is empty."""
    last = AuditEntry.objects.order_by("-seq").values_list("seq", "hash").first()
    if last is None:
        return None
    return CheckpointCard(entries=last[0], head=last[1], moment=clock.timestamp())


def due_checkpoint(
    published: CheckpointCard | None, *, most: int = 100, longest: timedelta = timedelta(hours=1)
) -> CheckpointCard | None:
    """The checkpoint to publish now, or None while there is too little to say.

    ``published`` is the last one in the node's log. One is due after ``most`` new entries, or ``longest``
    after the last one when anything but its own publication happened since.
    """
    card = checkpoint()
    if card is None:
        return None
    age = clock.now() - _parse(published.moment) if published else longest
    return card if checkpoint_due(published, card.entries, age, most=most, longest=longest) else None


def _parse(moment: str) -> datetime:
    return datetime.fromisoformat(moment.replace("Z", "+00:00"))
