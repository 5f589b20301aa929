"""The trail verified piece by piece, so that neither a page nor the worker ever does it all at once for nothing.

A page verifies ``MOST_AT_ONCE`` entries; the worker verifies the whole trail once a day and keeps what it found.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.core.files import write_atomic
from jazari.federation.exchange import open_mirror
from jazari.governance.cards import CheckpointCard
from jazari.governance.models import AuditEntry
from jazari.governance.queries import entries_after, last_number, published_checkpoints
from jazari.governance.rules import GENESIS, Problem, check_chain
from jazari.settings.home import Home

MOST_AT_ONCE = 10_000
RESULT = "audit-verification.json"
OLD = timedelta(hours=24)


@dataclass(frozen=True)
class Verified:
    """What was checked: entries ``first`` to ``last`` of ``total``, at ``moment``; with which published checkpoints.

    ``checkpoint`` is the last entry that one of them speaks of, 0 without any.
    """

    first: int
    last: int
    total: int
    moment: str
    checkpoints: int = 0
    checkpoint: int = 0
    problems: tuple[Problem, ...] = field(default=())

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the trail was left out."""
        return self.first == 1 and self.last == self.total


def known_checkpoints(home: Home) -> list[CheckpointCard]:
    """The node's published checkpoints as its mirror has them; none before it was admitted. Asks nobody."""
    try:
        reader = open_mirror(home)
        return published_checkpoints(reader.logs, home.namespace)
    except JazariError:
        return []


def verify_part(first: int, checkpoints: Sequence[CheckpointCard], most: int = MOST_AT_ONCE) -> Verified:
    """Verify ``most`` entries from number ``first`` on; the hash before them is taken as it stands there."""
    total = last_number()
    first = min(max(first, 1), max(total, 1))
    last = min(total, first + most - 1)
    rows = AuditEntry.objects.filter(seq__gte=first, seq__lte=last).order_by("seq").iterator(chunk_size=1000)
    # Only at the end of the trail does a checkpoint of later entries mean that some are missing.
    compared = [card for card in checkpoints if card.entries >= first and (card.entries <= last or last == total)]
    problems = check_chain((row.as_entry() for row in rows), compared, (first - 1, _hash_of(first - 1)))
    return _verified(first, last, total, compared, tuple(problems))


def verify_all(home: Home) -> Verified:
    """Verify the whole trail, and keep what was found for the page."""
    checkpoints, total = known_checkpoints(home), last_number()
    problems = check_chain((row.as_entry() for row in entries_after()), checkpoints)
    found = _verified(1, total, total, checkpoints, tuple(problems))
    write_atomic(home.run / RESULT, json.dumps(asdict(found)).encode(), 0o600)
    return found


def verify_when_old(home: Home) -> None:
    """``verify_all`` if the last time is ``OLD``; also if the trail is shorter than it was then."""
    last = last_result(home)
    fresh = last is not None and clock.now() - datetime.fromisoformat(last.moment) < OLD
    if last is None or not fresh or last_number() < last.total:
        verify_all(home)


def last_result(home: Home) -> Verified | None:
    """What the worker found last; None before the first time, or where its file is no such thing."""
    try:
        value: dict[str, Any] = json.loads((home.run / RESULT).read_bytes())
        return Verified(**(value | {"problems": tuple(Problem(**one) for one in value["problems"])}))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _verified(
    first: int, last: int, total: int, checkpoints: Sequence[CheckpointCard], problems: tuple[Problem, ...]
) -> Verified:
    newest = max((card.entries for card in checkpoints), default=0)
    return Verified(first, last, total, clock.timestamp(), len(checkpoints), newest, problems)


def _hash_of(seq: int) -> str:
    if seq == 0:
        return GENESIS
    return AuditEntry.objects.filter(seq=seq).values_list("hash", flat=True).first() or ""
