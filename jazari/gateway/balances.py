"""The state that the journal's lines give: what is spent, what is reserved, what is not anchored yet. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jazari.gateway.journal_lines import Line
from jazari.gateway.merkle import leaf_hash, root_of
from jazari.gateway.receipts import Anchor, canonical_text


@dataclass(frozen=True)
class Reservation:
    """``amount`` microcredits held for one call of ``project``, and what a receipt would say if the call got lost."""

    project: str
    amount: int
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class Balances:
    """Microcredits by project, reservations by call, the receipts (line, leaf hash) since the last anchor.

    ``undelivered``: anchors that the audit trail may not have yet, by root. Anchors are never cut by the end of a
    segment: a batch is closed before a new segment begins.
    """

    spent: dict[str, int] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)
    calls: dict[str, Reservation] = field(default_factory=dict)
    batch: list[tuple[int, bytes]] = field(default_factory=list)
    undelivered: dict[str, Anchor] = field(default_factory=dict)

    def reserve(self, call: str, reservation: Reservation) -> None:
        """Hold an amount for ``call``."""
        self.calls[call] = reservation
        self.reserved[reservation.project] = self.reserved.get(reservation.project, 0) + reservation.amount

    def settle(self, call: str, project: str, amount: int, n: int, leaf: bytes) -> None:
        """Charge ``amount``, give back what was held for ``call`` (if anything was), and add the receipt's leaf."""
        held = self.calls.pop(call, None)
        if held is not None:
            self.reserved[held.project] -= held.amount
        if amount:
            self.spent[project] = self.spent.get(project, 0) + amount
        self.batch.append((n, leaf))

    def anchor(self, head: str) -> Anchor:
        """The anchor of the receipts since the last one, which follows the line hashed ``head``."""
        root = root_of([leaf for _, leaf in self.batch]).hex()
        return Anchor(first=self.batch[0][0], last=self.batch[-1][0], count=len(self.batch), root=root, head=head)

    def anchored(self, anchor: Anchor) -> None:
        """A new batch begins."""
        self.batch = []
        self.undelivered[anchor.root] = anchor

    def apply(self, line: Line) -> None:
        """What one line of the journal changes; ``ValueError`` or ``KeyError`` if it cannot follow."""
        body = line.body
        if line.kind == "reserve":
            self.reserve(body["call"], Reservation(body["project"], body["amount"], body["about"]))
        elif line.kind == "receipt":
            leaf = leaf_hash(canonical_text(body).encode())
            self.settle(body["id"], body["project"], body["charge"], line.n, leaf)
        elif line.kind == "anchor":
            if self.anchor(line.prev) != (anchor := Anchor(**body)):
                raise ValueError("it anchors other receipts than those before it")
            self.anchored(anchor)
        elif line.kind == "snapshot":
            self._restore(body)
        else:
            raise ValueError(f"its kind {line.kind[:40]!r} is unknown")

    def snapshot(self) -> str:
        """The state as canonical JSON, for the first line of a segment (no receipt waits for an anchor then)."""
        calls = {
            call: {"about": held.about, "amount": held.amount, "project": held.project}
            for call, held in self.calls.items()
        }
        undelivered = [anchor.model_dump() for anchor in self.undelivered.values()]
        return canonical_text({"calls": calls, "spent": self.spent, "undelivered": undelivered})

    def _restore(self, body: dict[str, Any]) -> None:
        self.spent = dict(body.get("spent", {}))
        self.reserved, self.calls, self.batch = {}, {}, []
        for call, held in body.get("calls", {}).items():
            self.reserve(call, Reservation(**held))
        anchors = [Anchor(**one) for one in body.get("undelivered", [])]
        self.undelivered = {anchor.root: anchor for anchor in anchors}
