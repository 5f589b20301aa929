"""Runs over weak lines, real processes and real TCP: slow, lossy, cut, and an institute that dies again and again.

The lines are made by ``links``: netem where the kernel has it, packets carried by this process where it has not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jazari.governance.spool import read_event
from jazari.studies.data.loading import load_table
from jazari.studies.flare.tests import links, paced_site, small_parts, study
from jazari.studies.flare.tests.links import FAR_ADDRESS, NEAR_ADDRESS, WEAK, Link
from jazari.studies.flare.tests.network import SERVER, EngineNetwork, until
from jazari.studies.simulate import simulate

pytestmark = [pytest.mark.slow, pytest.mark.long]
NAMES = ["agadir", "fes", "rabat"]
FAR = "agadir"
AMPLE = 120
"""Seconds for a round that ends as soon as all have answered, however busy the machine is."""


def computed(network: EngineNetwork, name: str, run: str) -> list[int]:
    """The rounds of a run that an institute computed, in order."""
    events = [read_event(path)[0] for path in sorted((network.engine_folder(name) / "spool").glob("*.json"))]
    found = [event.detail for event in events if event.kind == "studies.guard-released"]
    return sorted(detail["round"] for detail in found if detail["run"] == run)


def finishes(network: EngineNetwork, run: str, seconds: float = 120) -> None:
    """The run ends well; fails the test with the sentence that it ended with."""
    status = network.wait_for_end(run, seconds)
    assert status.state == "finished", status.message


def is_sound(network: EngineNetwork, run: str, data_set: str = study.PEOPLE, **changes: object) -> None:
    """The result is that of the computation without a network, and nobody computed a round twice."""
    outcome = network.engine.outcome(run)
    paths = {n: study.write_data(network.home(n) / "data", n, data_set=data_set) for n in outcome.participants}
    tables = {name: load_table(path, study.schema()) for name, path in paths.items()}
    assert (
        outcome.result == simulate(study.study_text(outcome.participants, data_set=data_set, **changes), tables).result
    )
    for name in outcome.participants:
        rounds = computed(network, name, run)
        # Killed between storing an answer and telling so, an institute has no event of it; but never two.
        assert len(rounds) == len(set(rounds)), f"{name} computed a round twice"
        assert set(rounds) <= set(range(1, outcome.rounds + 1))


def totals(network: EngineNetwork, run: str) -> int:
    """How many rounds of a run are closed."""
    return len(list((network.engine_folder(SERVER) / "runs" / run / "rounds").glob("*.total")))


@pytest.fixture(scope="module")
def line() -> Iterator[Link]:
    links.need_namespaces()
    made = Link()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def far_away(line: Link, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineNetwork]:
    """The Root, fes and rabat at one end of a weak line, agadir alone at the other."""
    places = dict.fromkeys([SERVER, *NAMES], line.near) | {FAR: line.far}
    network = EngineNetwork(tmp_path_factory.mktemp("far"), NAMES, NEAR_ADDRESS, places)
    assert NEAR_ADDRESS != FAR_ADDRESS
    try:
        network.start_all()
        until(lambda: all(network.is_connected(name) for name in NAMES), 90, "connecting")
        yield network
    finally:
        network.stop()


def test_a_run_over_256_kbit_500_ms_and_5_percent_loss_with_a_cut_of_60_seconds(
    far_away: EngineNetwork, line: Link
) -> None:
    """In the middle of round 2 the line is dead for 60 s; then the run finishes, and nothing is computed again."""
    root, run, began = far_away.running[SERVER].pid, "weak", time.monotonic()
    there, back = line.bytes_from(line.near), line.bytes_from(line.far)
    far_away.engine.start(study.prepare(far_away, run, deadline=300, parameters=study.LINEAR))
    until(lambda: totals(far_away, run) == 1, 200, "the first total")
    first = time.monotonic()
    line.cut()
    cut_there = line.bytes_from(line.near) + line.bytes_from(line.far)
    time.sleep(60)
    assert totals(far_away, run) == 1, "the institute was not cut off"
    cut_there = line.bytes_from(line.near) + line.bytes_from(line.far) - cut_there
    line.become(WEAK)
    mended = time.monotonic()
    finishes(far_away, run, 300)
    outcome = far_away.engine.outcome(run)
    figures = {
        "line": line.how,
        "rounds": outcome.rounds,
        "seconds to the first total": round(first - began, 1),
        "seconds after the cut": round(time.monotonic() - mended, 1),
        "to the institute": line.bytes_from(line.near) - there,
        "from the institute": line.bytes_from(line.far) - back,
        "sent into the cut": cut_there,
    }
    print("weak line:", figures)
    is_sound(far_away, run, parameters=study.LINEAR)
    assert (far_away.running[SERVER].pid, far_away.running[SERVER].poll()) == (root, None)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineNetwork]:
    """Four institutes on loopback, of which taza does not start by itself."""
    network = EngineNetwork(tmp_path_factory.mktemp("four"), [*NAMES, "taza"])
    try:
        for name in (SERVER, *NAMES):
            network.start(name)
        until(lambda: all(network.is_connected(name) for name in NAMES), what="connecting")
        yield network
    finally:
        network.stop()


@pytest.fixture
def without_taza(four: EngineNetwork) -> EngineNetwork:
    """The network while taza is away, whose session has ended at the Root.

    Each run asks about other people: totals with and without taza over the same would be refused (see ``memory``).
    """
    if "taza" in four.running:
        four.running["taza"].terminate()
        four.running.pop("taza").wait()
    return four


def test_an_absent_institute_does_not_hold_up_the_others(without_taza: EngineNetwork) -> None:
    network = without_taza
    network.engine.start(study.prepare(network, "absent", deadline=16, data_set="absent", parameters=study.LINEAR))
    until(lambda: network.engine.status("absent").message == "Waiting for taza to connect.", what="the note")
    finishes(network, "absent")
    assert network.engine.outcome("absent").dropped == {"taza": 1}


def test_an_institute_that_comes_before_the_deadline_takes_part(without_taza: EngineNetwork) -> None:
    network = without_taza
    network.engine.start(study.prepare(network, "late", deadline=AMPLE, data_set="late", parameters=study.LINEAR))
    until(lambda: network.engine.status("late").pending == ("taza",), 60, "only taza is awaited")
    network.start("taza")
    finishes(network, "late", 2 * AMPLE)
    assert network.engine.outcome("late").dropped == {}
    is_sound(network, "late", "late", parameters=study.LINEAR)


def test_a_stalled_institute_is_left_behind_and_the_others_finish(without_taza: EngineNetwork) -> None:
    network = without_taza
    _pace(network, "taza", {"stalled_at": "sums"})
    network.start("taza", paced_site.__spec__.name)
    until(lambda: network.is_connected("taza"), what="connecting")
    network.engine.start(study.prepare(network, "stalled", deadline=16, data_set="stalled", parameters=study.LINEAR))
    finishes(network, "stalled")
    outcome = network.engine.outcome("stalled")
    assert outcome.dropped == {"taza": 1}
    for name in NAMES:
        assert computed(network, name, "stalled") == list(range(1, outcome.rounds + 1))
    # It comes to itself, is told nothing more of this run, and takes part in the next.
    _pace(network, "taza", {})
    network.engine.start(study.prepare(network, "next", deadline=AMPLE, data_set="next", parameters=study.LINEAR))
    finishes(network, "next", 2 * AMPLE)
    assert network.engine.outcome("next").dropped == {}


def _pace(network: EngineNetwork, name: str, pace: dict[str, object]) -> None:
    (network.engine_folder(name) / paced_site.PACE).write_text(json.dumps(pace))


WIDE = 200
"""Columns: 20,100 products, which masked are 160 kB that do not compress; in parts of 8 KiB, 20 parts."""


def parts_that_came(network: EngineNetwork, name: str) -> dict[str, list[int]]:
    """The parts that arrived at a node, by transfer, in order."""
    path, found = network.engine_folder(name) / small_parts.LOG, {}
    for line in path.read_text().splitlines() if path.exists() else []:
        digest, index = line.split()
        found.setdefault(digest, []).append(int(index))
    return found


def half_way(network: EngineNetwork, name: str) -> bool:
    """Whether five parts or more of a message are at a node, and not all."""
    return any(5 <= len(parts) < 15 for parts in parts_that_came(network, name).values())


def test_of_a_large_message_only_what_is_missing_is_sent_after_a_kill(tmp_path: Path) -> None:
    """An answer and a request (the total) of 20 parts, with the institute killed while each is on its way."""
    network, run = EngineNetwork(tmp_path / "large", NAMES), "large"
    try:
        for name in (SERVER, *NAMES):
            network.start(name, small_parts.__spec__.name)
        until(lambda: all(network.is_connected(name) for name in NAMES), what="connecting")
        network.engine.start(study.prepare(network, run, deadline=300, wide=WIDE))
        for where in (SERVER, FAR):
            until(lambda: half_way(network, where), 120, "half a message")  # noqa: B023
            network.kill(FAR)
            network.start(FAR, small_parts.__spec__.name)
        finishes(network, run)
        until(lambda: len(network.engine.outcome(run).confirmed) == 3, 60, "confirmations")
        assert computed(network, FAR, run) == [1, 2]
        for name in (SERVER, FAR):
            for parts in parts_that_came(network, name).values():
                # A part that had arrived when its sender or receiver died may be on its way once more.
                assert sorted(set(parts)) == list(range(max(parts) + 1))
                assert len(parts) - len(set(parts)) <= 1, f"{name} was sent more than one part again"
        print("parts:", {name: [len(p) for p in parts_that_came(network, name).values()] for name in (SERVER, FAR)})
    finally:
        network.stop()


KILLS, IN_MID_ROUND = 100, 20


def test_100_kills_of_one_institute(tmp_path: Path) -> None:
    """In mid-round every fifth time, and otherwise as soon as it is connected again, whatever it was doing."""
    network = EngineNetwork(tmp_path / "kills", NAMES)
    runs: list[str] = []
    began, mid = time.monotonic(), 0
    try:
        network.start_all()
        until(lambda: all(network.is_connected(name) for name in NAMES), what="connecting")
        root = network.running[SERVER].pid
        for kill in range(KILLS):
            if not runs or network.engine.status(runs[-1]).ended:
                runs.append(f"kills-{len(runs) + 1}")
                network.engine.start(study.prepare(network, runs[-1], deadline=600))
            if kill % (KILLS // IN_MID_ROUND) == 0:
                before = answers(network, runs[-1])
                until(lambda: answers(network, runs[-1]) > before, 60, "progress")  # noqa: B023
                mid += not network.engine.status(runs[-1]).ended
            network.kill(FAR)
            network.start(FAR)
            until(lambda: network.is_connected(FAR), what="reconnecting")
        finishes(network, runs[-1])
        assert (network.running[SERVER].pid, network.running[SERVER].poll()) == (root, None)
        for run in runs:
            assert network.engine.status(run).message.startswith("Finished"), run
            assert network.engine.outcome(run).dropped == {}
            is_sound(network, run)
        seconds = round(time.monotonic() - began)
        print("kills:", {"kills": KILLS, "in mid-round": mid, "runs": len(runs), "seconds": seconds})
        assert mid >= IN_MID_ROUND // 2
    finally:
        network.stop()


def answers(network: EngineNetwork, run: str) -> int:
    """How many answers of all institutes the Root has."""
    rounds = network.engine_folder(SERVER) / "runs" / run / "rounds"
    return sum(path.suffix not in (".json", ".total") for path in rounds.glob("[0-9]*"))
