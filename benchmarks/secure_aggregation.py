"""What secure aggregation costs a run: ten institutes, ten thousand numbers, twenty rounds, beside plain sums."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from benchmarks.base import Finding, Options, Outcome, at_most, median, spread
from jazari.studies.contract import Contract, Output
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Table
from jazari.studies.engine import RunOrder
from jazari.studies.inprocess import InProcessEngine
from jazari.studies.messages import Sums
from jazari.studies.recipes import registry
from jazari.studies.recipes.base import Plan, parse_parameters
from jazari.studies.saying import Sentence, worded
from jazari.studies.tests.builders import Site, make_order, make_sites, make_study

INSTITUTES, NUMBERS, ROUNDS = 10, 10_000, 20
MOST_TIMES, MOST_BYTES, MOST_TRIPS = 2.2, 1.2, 1.0
NAMES = ("agadir", "fes", "ifrane", "kenitra", "laayoune", "marrakech", "nador", "oujda", "rabat", "tanger")


class ManyParameters(BaseModel):
    """``numbers`` in each of ``rounds``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variable: str
    numbers: int
    rounds: int


@dataclass(frozen=True)
class ManyState:
    """How many rounds there were."""

    rounds: int = 0
    done: bool = False
    failure: str = ""


class Many:
    """A recipe of this benchmark alone: as many numbers and rounds as one likes, and nothing to compute for them."""

    name: ClassVar[str] = "many"
    title: ClassVar[str] = "Many numbers"
    sources: ClassVar[tuple[str, ...]] = ()
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = ManyParameters

    def parse(self, values: Mapping[str, Any]) -> ManyParameters:
        """The parameters."""
        return parse_parameters(ManyParameters, values, self.name)

    def variables(self, parameters: ManyParameters) -> tuple[str, ...]:
        """The one that is named."""
        return (parameters.variable,)

    def check(self, plan: Plan) -> None:
        """Nothing can be wrong."""

    def contracts(self, parameters: ManyParameters, variables: Mapping[str, AgreedVariable]) -> tuple[Contract, ...]:
        """So many numbers within 1."""
        del variables
        return (_contract(parameters),)

    def contract(self, state: ManyState, plan: Plan) -> Contract:
        """The same in each round."""
        del state
        return _contract(plan.parameters)

    def initial_state(self, plan: Plan, /) -> ManyState:
        """No round yet."""
        del plan
        return ManyState()

    def local(self, table: Table, state: ManyState, plan: Plan) -> Sums:
        """Numbers that follow from the round and the table's size."""
        source = np.random.default_rng([state.rounds, table.rows])
        return {"numbers": source.uniform(-1, 1, plan.parameters.numbers)}

    def update(self, state: ManyState, total: Sums, plan: Plan) -> ManyState:
        """One round more."""
        del total
        return ManyState(state.rounds + 1, state.rounds + 1 >= plan.parameters.rounds)

    def result(self, state: ManyState, plan: Plan) -> dict[str, Any]:
        """How many rounds there were."""
        del plan
        return {"rounds": state.rounds}

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """Nothing about anybody leaves."""
        del plan, datasets
        return [worded("Random numbers.")]

    def scales(self, plan: Plan, /) -> dict[str, float]:
        """None."""
        del plan
        return {}


def _contract(parameters: ManyParameters) -> Contract:
    return Contract(phase="many", outputs=(Output(name="numbers", shape=(parameters.numbers,), lower=-1.0, upper=1.0),))


@contextmanager
def installed() -> Iterator[None]:
    """The recipe among the installed ones, in this process."""
    registry._RECIPES[Many.name] = Many()
    try:
        yield
    finally:
        del registry._RECIPES[Many.name]


@dataclass
class Measured:
    """One run: from the order to its last total; bytes of messages both ways; messages to one institute."""

    seconds: float = 0.0
    processor: float = 0.0
    up: int = 0
    down: int = 0
    trips: int = 0
    per_round: list[float] = field(default_factory=list)


def run(options: Options) -> Outcome:
    """Plain and secure in turn, several times, on the same machine."""
    numbers, rounds, times = (50, 3, 1) if options.smoke else (NUMBERS, ROUNDS, 3)
    found: dict[bool, list[Measured]] = {False: [], True: []}
    with installed():
        for _ in range(times):
            for secure in (False, True):
                found[secure].append(_one(numbers, rounds, secure))
    return _outcome(found[False], found[True], rounds)


def _one(numbers: int, rounds: int, secure: bool) -> Measured:
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        sites = make_sites(Path(folder) / "sites", NAMES, 20)
        study = make_study(
            Many.name, {"variable": "ph", "numbers": numbers, "rounds": rounds}, NAMES, secure_aggregation=secure,
            minimum_institutes=3, max_rounds=rounds, floor=1,
        )  # fmt: skip
        for site in sites.values():
            site.permit(study)
        return _run(Path(folder) / "runs", sites, make_order(study, deadline=600))


def _run(folder: Path, sites: Mapping[str, Site], order: RunOrder) -> Measured:
    found, lock = Measured(), threading.Lock()
    asked: set[tuple[str, bytes]] = set()
    participants = {name: site.participant() for name, site in sites.items()}

    def carry(name: str, run_id: str, request: bytes) -> bytes:
        answer = participants[name].respond(run_id, request)
        with lock:
            found.down += len(request)
            found.up += len(answer)
            asked.add((name, request))  # the engine may ask again for what is on its way: that is no trip more
            found.trips = sum(who == NAMES[0] for who, _ in asked)
        return answer

    engine = InProcessEngine(folder, {name: _to(carry, name) for name in sites})
    began, worked = time.perf_counter(), time.process_time()
    engine.start(order)
    while not engine.status(order.run).ended:
        time.sleep(0.05)
    found.seconds, found.processor = time.perf_counter() - began, time.process_time() - worked
    engine.outcome(order.run)
    while engine.status(order.run).pending:
        time.sleep(0.05)
    engine.close()
    moments = sorted(path.stat().st_mtime for path in (folder / order.run / "rounds").glob("*.total"))
    found.per_round = [later - earlier for earlier, later in pairwise(moments)]
    return found


def _to(carry: Any, name: str) -> Any:
    return lambda run_id, request: carry(name, run_id, request)


def _outcome(plain: list[Measured], secure: list[Measured], rounds: int) -> Outcome:
    def ratio(value: Any) -> float:
        return median(value(m) for m in secure) / median(value(m) for m in plain)

    more_trips = (secure[0].trips - plain[0].trips - 2) / rounds
    findings = [
        at_most("time of the run, secure / plain", ratio(lambda m: m.seconds), MOST_TIMES, "times"),
        at_most("bytes both ways, secure / plain", ratio(lambda m: m.up + m.down), MOST_BYTES, "times", 3),
        at_most("more trips in each round", more_trips, MOST_TRIPS, "", 0),
        Finding("more trips once, before the first round", "2 (keys, shares)"),
        Finding("processor time, all on one machine, secure / plain", f"{ratio(lambda m: m.processor):.2f} times"),
        Finding("seconds of the run (median, range), plain", spread(m.seconds for m in plain)),
        Finding("seconds of the run (median, range), secure", spread(m.seconds for m in secure)),
        Finding("seconds of a round, median, plain", f"{median(s for m in plain for s in m.per_round):.3f}"),
        Finding("seconds of a round, median, secure", f"{median(s for m in secure for s in m.per_round):.3f}"),
        Finding("bytes from institutes, plain and secure", f"{plain[0].up:,} and {secure[0].up:,}"),
        Finding("bytes to institutes, plain and secure", f"{plain[0].down:,} and {secure[0].down:,}"),
        Finding("messages to one institute, plain and secure", f"{plain[0].trips} and {secure[0].trips}"),
    ]
    return Outcome(
        measured={"plain": [vars(m) for m in plain], "secure": [vars(m) for m in secure], "cores": os.cpu_count()},
        findings=findings,
        notes=[
            f"{INSTITUTES} institutes, {rounds} rounds, with guard, durable answers and totals, through the engine in "
            "one process: all institutes and the Root share this machine's processor, so that the ratio of times is "
            "an upper bound for institutes with machines of their own. A recipe that computes nothing: any real one "
            "makes the ratio smaller.",
            "Bytes to and from the institutes, all messages of the run.",
        ],
    )
