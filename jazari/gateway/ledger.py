"""Credits, exact at every moment: reserved before a call, settled after it, and all of it in the journal first.

For every project ``granted - spent - reserved`` never becomes negative through a call, and ``spent`` is the sum of the
charges of its receipts. One event loop uses it; no method waits for anything but one small write.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jazari.core import clock
from jazari.core.audit import AuditEvent
from jazari.gateway.balances import UNKNOWN, About, Balances, Reservation
from jazari.gateway.credits import CREDIT, MOST
from jazari.gateway.errors import BadAccounting, JournalDamaged, JournalUnwritable, OutOfCredits
from jazari.gateway.journal import Journal
from jazari.gateway.merkle import leaf_hash
from jazari.gateway.receipts import INTERRUPTED, Receipt, canonical_text


@dataclass(frozen=True)
class Balance:
    """Microcredits of one project."""

    granted: int
    spent: int
    reserved: int

    @property
    def available(self) -> int:
        """What the next call may reserve; negative only where a grant was taken back."""
        return self.granted - self.spent - self.reserved


MOST_IN_BATCH = 1024
"""Receipts after which a batch is closed by itself."""


class Ledger:
    """The balances of all projects over one open journal."""

    def __init__(self, journal: Journal) -> None:
        """Read the journal's newest segment; calls cut off by a crash get a receipt ``interrupted``, free of charge."""
        self._journal = journal
        self._granted: dict[str, int] = {}
        self._state = Balances()
        for line in journal.replay:
            try:
                self._state.apply(line)
            except (ValueError, KeyError, TypeError) as error:
                raise JournalDamaged(
                    f"Line {line.n} of the journal in {journal.folder} cannot follow the lines before it: restore it "
                    "from a backup."
                ) from error
        journal.replay = []
        for call, held in list(self._state.calls.items()):
            self.settle(call, _interrupted(call, held))

    @property
    def folder(self) -> Path:
        """Where the journal is, for who reads receipts beside it."""
        return self._journal.folder

    def set_grants(self, grants: Mapping[str, int]) -> None:
        """What each project was granted in all, in microcredits; a project that is not named has nothing."""
        for project, granted in grants.items():
            _check_grant(project, granted)
        self._granted = dict(grants)

    def set_grant(self, project: str, granted: int) -> None:
        """What one project was granted in all, in microcredits, until ``set_grants`` is called again."""
        _check_grant(project, granted)
        self._granted[project] = granted

    def balance(self, project: str) -> Balance:
        """Where ``project`` stands now."""
        state = self._state
        return Balance(self._granted.get(project, 0), state.spent.get(project, 0), state.reserved.get(project, 0))

    def reserve(self, call: str, project: str, amount: int, about: About = UNKNOWN) -> None:
        """Hold ``amount`` microcredits for ``call``.

        Raises ``OutOfCredits`` where the project has less, ``JournalUnwritable`` where it cannot be written down.
        """
        if call in self._state.calls or not 0 <= amount <= MOST:
            raise BadAccounting(f"The call {call} cannot reserve {amount}: it holds some already, or is no amount.")
        available = self.balance(project).available
        if amount > available:
            raise OutOfCredits(
                f"The project {project} has {max(available, 0) / CREDIT:.6f} credits to spare and this call may cost "
                f"up to {amount / CREDIT:.6f}: ask for less output, wait for calls under way, or ask for a grant."
            )
        held = Reservation(project, amount, about)
        self._journal.append("reserve", canonical_text(held.body() | {"call": call}))
        self._state.reserve(call, held)

    def settle(self, call: str, receipt: Receipt) -> str:
        """Charge what ``receipt`` says, give back the rest, and return the receipt's hash (hexadecimal).

        Raises ``BadAccounting`` if the receipt is of another call or project or charges more than was reserved, and
        ``JournalUnwritable`` where it cannot be written down: then the reservation stays, and it may be tried again.
        """
        held = self._state.calls.get(call)
        if held is None or receipt.id != call or receipt.project != held.project or receipt.charge > held.amount:
            raise BadAccounting(f"The receipt {receipt.id} does not settle what {call} reserved: report this mistake.")
        return self._write(receipt)

    def record(self, receipt: Receipt) -> str:
        """Keep the receipt of a call that was refused before it reserved anything, and return its hash."""
        if receipt.charge or receipt.id in self._state.calls:
            raise BadAccounting(f"The receipt {receipt.id} charges without a reservation: report this mistake.")
        return self._write(receipt)

    def _write(self, receipt: Receipt) -> str:
        text = receipt.text()
        number = self._journal.append("receipt", text, owed=True)
        leaf = leaf_hash(text.encode())
        self._state.settle(receipt.id, receipt.project, receipt.charge, number, leaf)
        self._tidy()
        return leaf.hex()

    def _tidy(self) -> None:
        """Close a batch or a segment that is large enough; what fails here is done later (the receipt is kept)."""
        full = self._journal.full
        if full or self.unanchored >= MOST_IN_BATCH:
            with contextlib.suppress(JournalUnwritable):
                self.anchor()
        if full and not self.unanchored:
            self._journal.roll(self._state.snapshot())

    def anchor(self) -> AuditEvent | None:
        """Close the batch of receipts since the last anchor; None if there is none. Deliver ``undelivered_events``."""
        if not self.unanchored:
            return None
        anchor = self._state.batch.anchor(self._journal.head)
        self._journal.append("anchor", canonical_text(anchor.model_dump()), owed=True)
        self._state.anchored(anchor)
        return anchor.event()

    def undelivered_events(self) -> list[AuditEvent]:
        """Anchors for the audit trail, the oldest first, until ``delivered``; some come again after a restart."""
        return [anchor.event() for anchor in self._state.undelivered.values()]

    def delivered(self, event: AuditEvent) -> None:
        """The audit trail (or its spool) has ``event``."""
        self._state.undelivered.pop(event.id, None)

    @property
    def unanchored(self) -> int:
        """How many receipts wait for an anchor."""
        return self._state.batch.tree.count

    def sync(self) -> None:
        """See ``Journal.sync``."""
        self._journal.sync()


def _check_grant(project: str, granted: int) -> None:
    if not 0 <= granted <= MOST:
        raise BadAccounting(f"The grants of {project} add up to {granted}: keep them from 0 to {MOST}.")


def _interrupted(call: str, held: Reservation) -> Receipt:
    about = held.about
    return Receipt(
        id=call,
        project=held.project,
        key=about.key,
        route=about.route,
        kind=about.kind,
        data_class=about.data_class,
        declassified=about.declassified,
        outcome=INTERRUPTED,
        moment=clock.timestamp(),
    )
