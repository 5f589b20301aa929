"""Whole runs with secure aggregation for tests: who drops out when, and what everything adds up to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from jazari.core import clock
from jazari.studies import guard
from jazari.studies.agreement import StudyText
from jazari.studies.coordinator import Coordinator
from jazari.studies.messages import Array, Message, Step, Sums, decode, encode
from jazari.studies.participant import Participant
from jazari.studies.rounds import Fold, add_up, read_included
from jazari.studies.secure import fixed_point
from jazari.studies.tests.builders import Site, make_order, make_sites, make_study

NAMES = ("agadir", "fes", "nador", "oujda", "rabat", "safi", "taza")
STEPS: tuple[Step, ...] = ("keys", "shares", "sums", "agree", "unmask")
RUN = "r-1"
Drops = Mapping[tuple[int, Step], Collection[str]]


class Network:
    """A Root's folder and institutes with permits for one study."""

    def __init__(self, folder: Path, recipe: str, parameters: dict[str, Any], count: int = 4, **changes: Any) -> None:
        self.folder, self.names = folder, NAMES[:count]
        rows = changes.pop("rows", 80)
        self.sites: dict[str, Site] = make_sites(folder / "sites", self.names, rows)
        self.study: StudyText = make_study(recipe, parameters, self.names, **changes)

    def order(self, run: str = RUN, institutes: Sequence[str] | None = None) -> Coordinator:
        """A run, with a permit at each of its institutes."""
        for name in institutes or self.names:
            self.sites[name].permit(self.study, run, institutes)
        return Coordinator(self.folder / "runs", make_order(self.study, run, institutes=institutes))

    def participants(self) -> dict[str, Participant]:
        """New processes of all institutes."""
        return {name: site.participant() for name, site in self.sites.items()}

    def root_bytes(self, run: str = RUN) -> dict[str, bytes]:
        """Everything that the Root has of a run."""
        files = sorted((self.folder / "runs" / run).rglob("*"))
        return {path.name: path.read_bytes() for path in files if path.is_file()}

    def answers(self, run: str = RUN) -> dict[tuple[int, str], Sums]:
        """The sums that each institute sent in each round, as the Root has them."""
        files = sorted((self.folder / "runs" / run / "rounds").glob("*.answer"))
        return {(int(p.name[:4]), p.name.split(".")[1]): decode(p.read_bytes()).arrays for p in files}

    def totals(self, run: str = RUN) -> list[Message]:
        """The totals of the rounds."""
        files = sorted((self.folder / "runs" / run / "rounds").glob("*.total"))
        return [decode(path.read_bytes()) for path in files]

    def plain(self, run: str = RUN, institutes: int | None = None) -> list[dict[str, Sums]]:
        """What each institute's sums were in each round that has a total, computed from its table here."""
        fold = Fold(self.study, institutes or len(self.names))
        found = []
        for total in self.totals(run):
            state, contract = fold.state(fold.known), fold.contract(fold.known)
            found.append({
                name: guard.release(contract, fold.recipe.local(site.table, state, fold.plan), self.study.floor)
                for name, site in self.sites.items()
            })  # fmt: skip
            fold.take(total.arrays)
        return found

    def check_totals(self, run: str = RUN) -> list[tuple[str, ...]]:
        """Assert that each total is the exact sum of the rounded sums of those in it; who that is, by round."""
        sets = []
        fold = Fold(self.study, len(self.names))
        for total, parts in zip(self.totals(run), self.plain(run), strict=True):
            contract = fold.contract(fold.known)
            included = read_included(total.extra, self.names)
            scale = fixed_point.exponents(contract, self.study.largest_rows, len(self.names))
            words = [fixed_point.to_words(contract, parts[name], scale, len(self.names)) for name in included]
            expected = fixed_point.from_words(contract, add_up(words), scale)
            assert {n: a.tobytes() for n, a in total.arrays.items()} == {n: a.tobytes() for n, a in expected.items()}
            sets.append(included)
            fold.take(total.arrays)
        return sets


def play(coordinator: Coordinator, participants: Mapping[str, Participant], drops: Drops | None = None) -> list[str]:
    """Rounds until the run ends; who drops out in a step says nothing more. The steps that were asked, in order."""
    gone: set[str] = set()
    steps: list[str] = []
    while pending := coordinator.pending():
        number, step = coordinator.step()
        if coordinator.status().ended:
            gone |= set((drops or {}).get((0, "keys"), ()))
        else:
            gone |= set((drops or {}).get((number, step), ()))
            steps += [f"{number}.{step}"] if f"{number}.{step}" not in steps else []
        present = [name for name in pending if name not in gone]
        for name in present:
            if coordinator.status().state == "failed":
                return steps
            request = coordinator.request(name)
            coordinator.receive(name, participants[name].respond(coordinator.order.run, request))
        if not present:
            if coordinator.status().ended:
                return steps
            deadline_passes(coordinator)
    return steps


def deadline_passes(coordinator: Coordinator) -> None:
    """What the Root does when nobody else has answered in time."""
    seconds = coordinator.order.round_deadline_seconds + 1
    with clock.frozen(clock.now() + timedelta(seconds=seconds)):
        coordinator.tick()


def request_of(coordinator: Coordinator, name: str, **changes: Any) -> bytes:
    """The Root's request to an institute with fields of it replaced."""
    message = decode(coordinator.request(name))
    fields = {**vars(message), **changes}
    return encode(Message(**fields))


def cells_of(sums: Mapping[str, Array]) -> Array:
    """All numbers of a message in one row of float64."""
    return np.concatenate([np.asarray(array, dtype=np.float64).reshape(-1) for array in sums.values()])
