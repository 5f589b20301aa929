"""The state that the journal's lines give: what is spent, what is reserved, what is not anchored yet. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jazari.gateway.journal_lines import Line
from jazari.gateway.merkle import Tree, leaf_hash
from jazari.gateway.receipts import Anchor, canonical_text
from jazari.gateway.words import DataClass, Kind


@dataclass(frozen=True)
class About:
    """What is known of a call when it begins, for its receipt in case that it never ends."""

    key: str = ""
    route: str = ""
    kind: Kind | None = None
    data_class: DataClass | None = None
    declassified: bool = False

    def body(self) -> dict[str, Any]:
        """As JSON, without what is not known."""
        # Not dataclasses.asdict: it copies deeply, which costs more than writing the line.
        return {name: value for name, value in vars(self).items() if value}

    @classmethod
    def read(cls, body: dict[str, Any]) -> About:
        """From ``body``; ``ValueError`` or ``TypeError`` if it is something else."""
        about = cls(**body)
        kind = Kind(about.kind) if about.kind else None
        data_class = DataClass(about.data_class) if about.data_class else None
        return cls(about.key, about.route, kind, data_class, about.declassified)


UNKNOWN = About()


@dataclass(frozen=True)
class Reservation:
    """``amount`` microcredits held for one call of ``project``."""

    project: str
    amount: int
    about: About = UNKNOWN

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"about": self.about.body(), "amount": self.amount, "project": self.project}

    @classmethod
    def read(cls, body: dict[str, Any]) -> Reservation:
        """From ``body``, which may hold more."""
        return cls(body["project"], body["amount"], About.read(body["about"]))


class Batch:
    """The receipts since the last anchor: their Merkle tree, and on which lines the first and the last are."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.first = 0
        self.last = 0

    def add(self, n: int, leaf: bytes) -> None:
        """One more receipt, on line ``n``."""
        self.tree.add(leaf)
        self.first, self.last = self.first or n, n

    def anchor(self, head: str) -> Anchor:
        """The anchor that closes it, to follow the line hashed ``head``."""
        return Anchor(
            first=self.first, last=self.last, count=self.tree.count, root=self.tree.root().hex(), head=head
        )  # fmt: skip


@dataclass
class Balances:
    """Microcredits by project, reservations by call, the batch that is not anchored yet.

    ``undelivered``: anchors that the audit trail may not have yet, by root. No batch goes over the end of a segment:
    it is closed before a new one begins. ``known``: some snapshot was read.
    """

    spent: dict[str, int] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    calls: dict[str, Reservation] = field(default_factory=dict)
    batch: Batch = field(default_factory=Batch)
    undelivered: dict[str, Anchor] = field(default_factory=dict)
    known: bool = False

    def reserve(self, call: str, held: Reservation) -> None:
        """Hold an amount for ``call``."""
        self.calls[call] = held
        self.reserved[held.project] = self.reserved.get(held.project, 0) + held.amount

    def settle(self, call: str, project: str, amount: int, n: int, leaf: bytes) -> None:
        """Charge ``amount``, give back what was held for ``call`` (if anything was), and add the receipt's leaf."""
        held = self.calls.pop(call, None)
        if held is not None:
            self.reserved[held.project] -= held.amount
        if amount:
            self.spent[project] = self.spent.get(project, 0) + amount
        self.batch.add(n, leaf)

    def anchored(self, anchor: Anchor) -> None:
        """A new batch begins."""
        self.batch = Batch()
        self.undelivered[anchor.root] = anchor

    def apply(self, line: Line) -> None:
        """What one line of the journal changes; ``ValueError``, ``KeyError`` or ``TypeError`` if it cannot follow."""
        change = {
            "reserve": self._apply_reserve,
            "receipt": self._apply_receipt,
            "anchor": self._apply_anchor,
            "snapshot": self._apply_snapshot,
        }
        change[line.kind](line)

    def _apply_reserve(self, line: Line) -> None:
        call = line.body["call"]
        if call in self.calls:
            raise ValueError(f"it reserves again for {call}")
        self.reserve(call, Reservation.read(line.body))

    def _apply_receipt(self, line: Line) -> None:
        call, project, amount = line.body["id"], line.body["project"], line.body.get("charge", 0)
        held = self.calls.get(call, Reservation(project, 0))
        if held.project != project or not 0 <= amount <= held.amount:
            raise ValueError(f"it charges more than was reserved for {call}")
        self.settle(call, project, amount, line.n, leaf_hash(line.text))

    def _apply_anchor(self, line: Line) -> None:
        anchor = Anchor(**line.body)
        if self.batch.anchor(line.prev) != anchor:
            raise ValueError("it anchors other receipts than those before it")
        self.anchored(anchor)

    def _apply_snapshot(self, line: Line) -> None:
        """The state begins here; where it is known already, the snapshot must tell the same."""
        told = _restored(line.body)
        if self.known and (told.calls, told.spent) != (self.calls, self.spent):
            raise ValueError("it tells other balances than the lines before it")
        self.spent, self.reserved, self.calls = told.spent, told.reserved, told.calls
        self.batch, self.undelivered, self.known = told.batch, told.undelivered, True

    def snapshot(self) -> str:
        """The state as canonical JSON, for the first line of a segment (no receipt waits for an anchor then)."""
        calls = {call: held.body() for call, held in self.calls.items()}
        undelivered = [anchor.model_dump() for anchor in self.undelivered.values()]
        return canonical_text({"calls": calls, "spent": self.spent, "undelivered": undelivered})


def _restored(body: dict[str, Any]) -> Balances:
    state = Balances(spent=dict(body.get("spent", {})))
    for call, held in body.get("calls", {}).items():
        state.reserve(call, Reservation.read(held))
    anchors = [Anchor(**one) for one in body.get("undelivered", [])]
    state.undelivered = {anchor.root: anchor for anchor in anchors}
    return state
