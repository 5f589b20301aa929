"""Masking, floors, differencing and retries attacked together: each can hold alone while their combination leaks.

The attacker is the Root, with the proposer and one institute in its hands. It wants the sums of one other institute,
the victim, in whose data a small group lies under the floor. It plays several runs of one agreement: an honest one,
one in which the victim is left out, one that it declares failed when everybody has opened it, one in which the victim
is told a total of its own. Then it subtracts whatever it has from whatever it has.

Each control takes one defence away and shows that this same attack then finds what it looks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jazari.studies.coordinator import Coordinator
from jazari.studies.memory import Memory
from jazari.studies.messages import Array, Message, Sums, decode, encode
from jazari.studies.participant import Participant
from jazari.studies.rounds import Fold, add_up, places_of
from jazari.studies.secure import member, unmasking
from jazari.studies.tests.builders import Site, make_table, write_csv
from jazari.studies.tests.secure_runs import Network, play, request_of

GROUPED: dict[str, Any] = {"variables": ["ph"], "by": ["crop"]}
SMALL_GROUP, FEW = 2, 4
"""The victim has so few subjects with the last crop: fewer than the floor of 10."""


def counts_of(victim: int, others: Sequence[int]) -> list[int]:
    """Rows of each crop at one institute: the victim's last group is small."""
    return [*others, FEW] if victim else [*others, 40]


@dataclass
class Attacker:
    """The Root with all that it sees, and one institute's own sums."""

    network: Network
    opened: dict[str, list[tuple[tuple[str, ...], Sums]]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    @property
    def victim(self) -> str:
        """Whose sums are wanted."""
        return self.network.names[1]

    @property
    def accomplice(self) -> str:
        """Who tells the Root its own sums."""
        return self.network.names[0]

    def attack(self) -> None:
        """Every run in turn, in other processes of the institutes each time."""
        self._honest("r-1")
        self._without_the_victim("r-2")
        self._declared_failed("r-3")
        self._another_total_for_the_victim("r-4")

    def _honest(self, run: str) -> None:
        play(self.network.order(run), self.network.participants())
        self._keep(run)

    def _without_the_victim(self, run: str) -> None:
        coordinator = self.network.order(run)
        play(coordinator, self.network.participants(), {(1, "sums"): [self.victim]})
        self.refusals.append(coordinator.status().message)
        self._keep(run)

    def _declared_failed(self, run: str) -> None:
        """All reveal for all; then the Root asks each for a total without the victim, first by agreement."""
        coordinator, participants = self.network.order(run), self.network.participants()
        _up_to(coordinator, participants, (1, "unmask"))
        for name in coordinator.pending():
            participants[name].answer(run, coordinator.request(name))
        left = tuple(name for name in self.network.names if name != self.victim)
        places = places_of(left, self.network.names)
        for name in left:
            for step in ("agree", "unmask"):
                request = Message("request", run, 1, step=step, extra={"members": places})  # type: ignore[arg-type]
                said = decode(participants[name].respond(run, encode(request)))
                self.refusals.append(said.text if said.kind == "refusal" else f"answered {step}")

    def _another_total_for_the_victim(self, run: str) -> None:
        """Round 2 computes around means that follow from the total: the victim gets other means than all others."""
        coordinator, participants = self.network.order(run), self.network.participants()
        _up_to(coordinator, participants, (2, "sums"))
        honest = decode(coordinator.request(self.victim)).arrays
        crafted = {name: array.copy() for name, array in honest.items()}
        crafted["ph.sum"] *= 1.001
        for name in coordinator.pending():
            changes: dict[str, Any] = {"arrays": crafted} if name == self.victim else {}
            request = request_of(coordinator, name, **changes)
            coordinator.receive(name, participants[name].answer(run, request))
        while not coordinator.status().ended and coordinator.step() == (2, "unmask"):
            for name in coordinator.pending():
                coordinator.receive(name, participants[name].answer(run, coordinator.request(name)))
        self.refusals.append(coordinator.status().message)
        self._keep(run)

    def _keep(self, run: str) -> None:
        for number, total in enumerate(self.network.totals(run), start=1):
            decided = Coordinator.open(self.network.folder / "runs", run)._files.decided(number, "sums") or ()
            self.opened.setdefault(f"{run} {number}", []).append((decided, total.arrays))

    def own(self, number: int) -> dict[str, Sums]:
        """The plain sums of every institute in a round: the truth to compare with."""
        return self.network.plain("r-1")[number - 1]

    def guesses(self) -> list[Sums]:
        """Totals, answers, and all their differences and sums of two, with and without the accomplice's part."""
        bases = [total for of_run in self.opened.values() for _, total in of_run]
        for run in ("r-1", "r-2", "r-3", "r-4"):
            bases += [_signed(sums) for sums in self.network.answers(run).values()]
        known = [self.own(1)[self.accomplice], self.own(2)[self.accomplice]]
        found = list(bases)
        for one, other in combinations([*bases, *known], 2):
            if _form(one) == _form(other):
                found += [_minus(one, other), _minus(other, one)]
        return [guess for one in found for guess in (one, *(_minus(one, k) for k in known if _form(k) == _form(one)))]

    def finds(self, wanted: Sums) -> bool:
        """Whether any guess agrees with ``wanted`` in any array that tells something."""
        telling = [name for name, array in wanted.items() if np.abs(np.asarray(array, dtype=float)).max() > 5]
        return any(_same(guess, wanted, name) for guess in self.guesses() for name in telling)


def _same(guess: Sums, wanted: Sums, name: str) -> bool:
    if name not in guess or guess[name].shape != wanted[name].shape:
        return False
    return np.allclose(guess[name], wanted[name], rtol=1e-9, atol=1e-9)


def _signed(sums: Sums) -> Sums:
    return {name: array.view(np.int64) if array.dtype == np.uint64 else array for name, array in sums.items()}


def _form(sums: Sums) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in sums.items()}


def _minus(one: Sums, other: Sums) -> Sums:
    with np.errstate(over="ignore"):
        return {name: np.asarray(one[name] - other[name]) for name in one}


def _up_to(coordinator: Coordinator, participants: dict[str, Participant], until: tuple[int, str]) -> None:
    while coordinator.step() != until:
        for name in coordinator.pending():
            coordinator.receive(name, participants[name].answer(coordinator.order.run, coordinator.request(name)))


@pytest.fixture
def attacker(tmp_path: Path) -> Attacker:
    network = Network(tmp_path, "statistics", GROUPED, 4, max_runs=5)
    for place, site in enumerate(network.sites.values()):
        _fill(site, place, counts_of(place == 1, (30 + 3 * place, 50 + 7 * place)))
    return Attacker(network)


def _fill(site: Site, seed: int, counts: Sequence[int]) -> None:
    source = np.random.default_rng(seed)
    crop = np.repeat(np.arange(3), counts)
    ph = source.normal(6, 1, crop.size).clip(0, 14).round(3)
    zeros = [0.0] * crop.size
    site.table = make_table(crop.tolist(), ph.tolist(), zeros, zeros, list(range(crop.size)))
    write_csv(site.data, site.table)


def test_the_combined_attack_finds_neither_the_victim_nor_its_small_group(attacker: Attacker) -> None:
    attacker.attack()
    victim = attacker.own(1)[attacker.victim]
    assert len(attacker.guesses()) > 500
    assert not attacker.finds(victim)
    assert not attacker.finds(attacker.own(2)[attacker.victim])
    # The small group: in no total, at no place, and the victim's part of each cell is none or the floor at least.
    assert victim["rows"][SMALL_GROUP] == 0
    assert all(rows == 0 or rows >= attacker.network.study.floor for rows in victim["subjects"].tolist())
    others = [attacker.own(1)[name]["rows"] for name in attacker.network.names if name != attacker.victim]
    assert all(
        total["rows"][SMALL_GROUP] == sum(rows[SMALL_GROUP] for rows in others)
        for of_run in attacker.opened.values()
        for _, total in of_run
        if "rows" in total
    )
    # Every total that was opened is over all four: no two differ by anybody.
    assert {names for of_run in attacker.opened.values() for names, _ in of_run} == {attacker.network.names}
    assert "studies.other-institutes" in attacker.refusals[0]
    assert not any("answered" in refusal for refusal in attacker.refusals)
    assert len(attacker.network.totals("r-4")) == 1, "the total with a state made up for the victim is noise"


def test_control_retry_minus_first_is_the_victim_without_the_memory_of_sets(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks and floors hold, and the victim's sums are the difference of two totals."""
    monkeypatch.setattr(Memory, "released", lambda *_: None)
    attacker.attack()
    assert attacker.finds(attacker.own(1)[attacker.victim])


def test_control_a_state_made_up_for_the_victim_works_if_masks_do_not_depend_on_it(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The total is then a true one, with the victim's part computed from what the Root made up for it alone."""
    for module in (member, unmasking):
        monkeypatch.setattr(module, "mask_context", lambda *_: "the same")
    attacker.attack()
    assert len(attacker.network.totals("r-4")) == 2
    total = attacker.network.totals("r-4")[1].arrays
    honest = add_up(list(attacker.own(2).values()))
    network = attacker.network
    fold = Fold(network.study, 4)
    crafted = {n: a.copy() for n, a in network.totals("r-1")[0].arrays.items()}
    crafted["ph.sum"] *= 1.001
    fold.take(crafted)
    own = fold.recipe.local(network.sites[attacker.victim].table, fold.state(1), fold.plan)
    moved = {name: own[name] - attacker.own(2)[attacker.victim][name] for name in total}
    assert all(np.allclose(total[name] - honest[name], moved[name], rtol=1e-6, atol=1e-6) for name in total)
    assert any(np.abs(change).max() > 1e-3 for change in moved.values())


def test_control_without_masks_every_answer_is_one_institutes(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def zeros(_key: bytes, count: int) -> Array:
        return np.zeros(count, dtype=np.uint64)

    monkeypatch.setattr(member, "words_of", zeros)
    attacker.attack()
    assert attacker.finds(attacker.own(1)[attacker.victim])


def test_control_without_the_floor_the_small_group_is_in_the_total(attacker: Attacker) -> None:
    """The retry is refused and nothing is unmasked, yet the accomplices of all others would know the group."""
    network = attacker.network
    study = network.study.model_copy(update={"floor": 1})
    fold = Fold(study, 4)
    sums = fold.recipe.local(network.sites[attacker.victim].table, fold.state(0), fold.plan)
    assert sums["rows"][SMALL_GROUP] == FEW
