"""Credits, exact at every moment: reserved before a call, settled after it, and all of it in the journal first.

For every project ``granted - spent - reserved`` never becomes negative through a call, and ``spent`` is the sum of the
charges of its receipts. One event loop uses it; no method waits for anything but one small write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from jazari.core import clock
from jazari.core.audit import AuditEvent
from jazari.gateway.balances import Balances, Reservation
from jazari.gateway.credits import CREDIT, MOST
from jazari.gateway.errors import BadAccounting, JournalDamaged, OutOfCredits
from jazari.gateway.journal import Journal
from jazari.gateway.merkle import leaf_hash
from jazari.gateway.receipts import INTERRUPTED, Receipt, canonical_text
from jazari.gateway.words import DataClass, Kind


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


@dataclass(frozen=True)
class About:
    """What is known of a call when it begins, for its receipt in case that it never ends."""

    key: str = ""
    route: str = ""
    kind: Kind | None = None
    data_class: DataClass | None = None
    declassified: bool = False


_UNKNOWN = About()


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
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise JournalDamaged(
                    f"Line {line.n} of the journal in {journal.folder} cannot follow the lines before it: restore it "
                    "from a backup."
                ) from error
        journal.replay = []
        for call, held in list(self._state.calls.items()):
            self.settle(call, _interrupted(call, held))

    def set_grants(self, grants: Mapping[str, int]) -> None:
        """What each project was granted in all, in microcredits; a project that is not named has nothing."""
        for project, granted in grants.items():
            if not 0 <= granted <= MOST:
                raise BadAccounting(f"The grants of {project} add up to {granted}: keep them from 0 to {MOST}.")
        self._granted = dict(grants)

    def balance(self, project: str) -> Balance:
        """Where ``project`` stands now."""
        state = self._state
        return Balance(self._granted.get(project, 0), state.spent.get(project, 0), state.reserved.get(project, 0))

    def reserve(self, call: str, project: str, amount: int, about: About = _UNKNOWN) -> None:
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
        held = Reservation(project, amount, asdict(about))
        body = {"about": held.about, "amount": amount, "call": call, "project": project}
        self._journal.append("reserve", canonical_text(body))
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
        if self._journal.full:
            self._roll()
        return leaf.hex()

    def _roll(self) -> None:
        self.anchor()
        self._journal.roll(self._state.snapshot())

    def anchor(self) -> AuditEvent | None:
        """Close the batch of receipts since the last anchor; None if there is none. Deliver ``undelivered_events``."""
        if not self._state.batch:
            return None
        anchor = self._state.anchor(self._journal.head)
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
        return len(self._state.batch)

    def sync(self) -> None:
        """See ``Journal.sync``."""
        self._journal.sync()


def _interrupted(call: str, held: Reservation) -> Receipt:
    about = held.about
    return Receipt(
        id=call,
        project=held.project,
        key=about["key"],
        route=about["route"],
        kind=Kind(about["kind"]) if about["kind"] else None,
        data_class=DataClass(about["data_class"]) if about["data_class"] else None,
        declassified=about["declassified"],
        outcome=INTERRUPTED,
        moment=clock.timestamp(),
    )
