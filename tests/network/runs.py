"""What a run left on the disks of a network: at the Root, and in the notebooks of those who took part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import parse_study
from jazari.studies.cards import run_id
from jazari.studies.messages import decode
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.testing import made_up
from jazari.testing.network import ROOT, Network
from jazari.testing.serving import wake
from jazari.testing.waiting import until

CLOSE = 1e-9
ALL = ["agadir", "fes", "rabat"]
OF_ALL, MODELLED = "plots-of-all", "plots-modelled"
"""What the three offer for studies of all of them, statistics and models: together these would tell too much."""
Files = dict[str, tuple[bytes, int]]
"""Content and time of last change, by name."""


@dataclass(frozen=True)
class OneRun:
    """The run ``reference`` of ``study``."""

    network: Network
    study: str
    reference: str

    @property
    def id(self) -> str:
        """What the engine calls it."""
        return run_id(self.reference)

    @property
    def proposer(self) -> str:
        """Who had it run."""
        return self.reference.partition("/")[0]

    def at_root(self) -> Files:
        """Answers and totals, by file name."""
        return _files(self.network.home(ROOT) / "engine" / "runs" / self.id / "rounds")

    def notebook(self, name: str) -> Files:
        """What an institute wrote down: the answers that it sent and the totals that it received."""
        return _files(self.network.home(name) / "engine" / "answers" / self.id, "[0-9]*")

    def totals(self) -> int:
        """How many rounds are closed."""
        return sum(name.endswith(".total") for name in self.at_root())

    def has_ended(self) -> bool:
        """Whether the Root's engine has ended it."""
        return (self.network.home(ROOT) / "engine" / "runs" / self.id / "end.json").exists()

    def told(self) -> str:
        """What the proposer's node says of the run, which goes on."""
        refusal = self.network.refused(self.proposer, "study", "watch", self.reference, "--timeout", "0")
        return refusal.sentence if refusal.code == "studies.timed-out" else ""

    def pending(self) -> list[str]:
        """Institutes that the open round waits for: for their sums or, once all are there, to open the masks."""
        number, folder = self.totals() + 1, self.network.home(ROOT) / "engine" / "runs" / self.id / "rounds"
        for step in ("answer", "unmask"):
            missing = [n for n in self.participants if not (folder / f"{number:04}.{n}.{step}").exists()]
            if missing:
                return missing
        return []

    @property
    def participants(self) -> list[str]:
        """The institutes that take part."""
        runs = self.network.run(self.proposer, "study", "show", self.study)["runs"]
        return sorted(next(run for run in runs if run["run"] == self.reference)["participants"])


def _files(folder: Path, pattern: str = "[0-9]*") -> Files:
    found: Files = {}
    for path in folder.glob(pattern):
        if path.suffix in (".answer", ".total"):
            found[path.name] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found


def start(network: Network, proposer: str, study: str) -> OneRun:
    """Have ``study`` run."""
    return OneRun(network, study, network.start_run(proposer, study))


@contextmanager
def in_mid_run(run: OneRun, holder: str) -> Iterator[None]:
    """Hold a run that has begun, by holding the job of ``holder``, once its first total is out.

    What was closed by then must be the same, and untouched, after the block.
    """
    network = run.network
    jobs = until(lambda: network.node(holder).jobs(), f"the job at {holder}")
    until(run.totals, "the first total")
    with network.node(holder).held_jobs() as held:
        assert held, "the job was over before it could be held"
        assert not run.has_ended(), "the run was over before it could be disturbed"
        root, notebooks = run.at_root(), {name: run.notebook(name) for name in run.participants}
        yield
    wake(jobs)
    assert _kept(root, run.at_root()), "the Root made a closed round again"
    for name, before in notebooks.items():
        assert _kept(before, run.notebook(name)), f"{name} computed a round again"


def _kept(before: Files, after: Files) -> bool:
    return before == {name: after.get(name) for name in before}


def assert_sound(run: OneRun, result: dict[str, Any]) -> None:
    """The result is the pooled one, all attested it, every round was computed once and sent as it was computed."""
    network, card = run.network, result["card"]
    participants = card["provenance"]["participants"]
    assert card["provenance"]["attested"] == participants
    assert_pooled(network, run.study, participants, result["values"])
    sent = run.at_root()
    for name in participants:
        released = [entry["detail"]["round"] for entry in events(network, name, "studies.guard-released", run)]
        assert released == list(range(1, card["rounds"] + 1)), f"{name} computed a round twice or left one out"
        for file, (data, _) in run.notebook(name).items():
            there = file if file.endswith(".total") else f"{file[:4]}.{name}.answer"
            assert sent[there][0] == data, f"{file} at {name} is not what the Root has"


def assert_pooled(network: Network, study: str, participants: list[str], values: dict[str, Any]) -> None:
    """``values`` are what all rows of the participants give in one place."""
    item = network.run(ROOT, "catalog", "show", study)
    text = parse_study(item["card"])
    offered = {name: RecordRef.parse(text.datasets[name]).name for name in participants}
    tables = {name: made_up.read_plots(network.data(name, data_set)) for name, data_set in offered.items()}
    assert max_relative_difference(values, pooled(text, tables), declared_scales(text)) <= CLOSE


def events(network: Network, name: str, kind: str, run: OneRun) -> list[dict[str, Any]]:
    """What the audit trail of ``name`` says about a run, once the worker has taken all of it in."""
    spool = network.home(name) / "engine" / "spool"
    until(lambda: not list(spool.glob("*.json")), f"{name}'s worker takes in the engine's events")
    return network.trail(name, kind, run.reference)


def assert_trails_intact(network: Network) -> None:
    """Nobody's audit trail lost or changed an entry."""
    for name in network.nodes:
        assert network.run(name, "audit", "verify")["intact"], name


def permits(network: Network, name: str) -> set[str]:
    """The runs that ``name`` permits now."""
    return {path.stem for path in (network.home(name) / "engine" / "permits").glob("*.json")}


def answers_of(files: Files) -> dict[str, bytes]:
    """The messages among ``files`` that left an institute, each of which must be readable."""
    found = {name: data for name, (data, _) in files.items() if name.endswith(".answer")}
    for data in found.values():
        decode(data)
    return found


def read_end(network: Network, run: OneRun) -> dict[str, Any]:
    """How the Root's engine ended a run."""
    path = network.home(ROOT) / "engine" / "runs" / run.id / "end.json"
    ended: dict[str, Any] = json.loads(path.read_text())
    return ended
