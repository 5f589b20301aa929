"""Processes that die, vanish or hang in the middle of a run: it goes on or fails clearly, and repeats no round."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jazari.governance.spool import read_event
from jazari.studies.data.loading import load_table
from jazari.studies.flare.tests import study
from jazari.studies.flare.tests.network import SERVER, EngineNetwork, until
from jazari.studies.simulate import simulate

RUN = "tried"


def _totals(network: EngineNetwork) -> dict[str, tuple[bytes, int]]:
    folder = network.engine_folder(SERVER) / "runs" / RUN / "rounds"
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("*.total")}


def _told(network: EngineNetwork, name: str, kind: str) -> list[int]:
    events = [read_event(path)[0] for path in sorted((network.engine_folder(name) / "spool").glob("*.json"))]
    return sorted(event.detail["round"] for event in events if event.kind == kind)


@contextmanager
def _in_mid_run(network: EngineNetwork, deadline: int = 90) -> Iterator[None]:
    """Order a study, and hold it (by holding fes) once its first total is out."""
    network.start_all()
    until(lambda: all(network.is_connected(name) for name in network.names), what="connecting")
    network.engine.start(study.prepare(network, RUN, deadline=deadline))
    until(lambda: _totals(network) or network.engine.status(RUN).ended, what="the first round")
    for found in network.job_processes("fes"):
        found.send_signal(signal.SIGSTOP)
    assert not network.engine.status(RUN).ended, network.engine.status(RUN).message
    before = _totals(network)
    yield
    after = _totals(network)
    assert {name: after.get(name) for name in before} == before, "a released total was made again"


def _let_go(network: EngineNetwork) -> None:
    for found in network.job_processes("fes"):
        found.send_signal(signal.SIGCONT)


def _finishes_without_repeating(network: EngineNetwork) -> None:
    status = network.wait_for_end(RUN)
    assert (status.state, status.message.split()[0]) == ("finished", "Finished")
    outcome = network.engine.outcome(RUN)
    tables = {n: load_table(network.home(n) / "data/people.csv", study.schema()) for n in network.names}
    assert outcome.result == simulate(study.study_text(tuple(network.names)), tables).result
    for name in network.names:
        released, again = (_told(network, name, f"studies.guard-{kind}") for kind in ("released", "sent-again"))
        assert len(set(released)) == len(released), "a round was computed again"
        # Killed between storing an answer and telling so, an institute tells of it when it is sent again.
        assert {*released, *again} == set(range(1, outcome.rounds + 1))


@pytest.mark.slow
def test_a_killed_job_process_of_an_institute(idle: EngineNetwork) -> None:
    with _in_mid_run(idle):
        for found in idle.job_processes("rabat"):
            found.kill()
        _let_go(idle)
        _finishes_without_repeating(idle)


@pytest.mark.slow
def test_a_killed_institute_that_comes_back(idle: EngineNetwork) -> None:
    with _in_mid_run(idle):
        idle.kill("rabat")
        _let_go(idle)
        until(lambda: idle.engine.status(RUN).pending == ("rabat",), what="waiting for rabat")
        idle.start("rabat")
        _finishes_without_repeating(idle)


@pytest.mark.slow
def test_a_killed_root_that_comes_back(idle: EngineNetwork) -> None:
    with _in_mid_run(idle):
        idle.kill(SERVER)
        _let_go(idle)
        until(lambda: not idle.is_connected("rabat"), what="the loss")
        idle.start(SERVER)
        _finishes_without_repeating(idle)


@pytest.mark.slow
def test_a_killed_job_process_of_the_root(idle: EngineNetwork) -> None:
    with _in_mid_run(idle):
        for found in idle.job_processes(SERVER):
            found.kill()
        _let_go(idle)
        _finishes_without_repeating(idle)


@pytest.mark.slow
def test_everybody_killed_at_once(idle: EngineNetwork) -> None:
    with _in_mid_run(idle):
        _let_go(idle)
        for name in (SERVER, *idle.names):
            idle.kill(name)
        idle.start_all()
        _finishes_without_repeating(idle)


@pytest.mark.slow
def test_a_hanging_job_process_ends_in_a_clear_failure(idle: EngineNetwork) -> None:
    with _in_mid_run(idle, deadline=25):
        status = idle.wait_for_end(RUN)
        assert status.state == "failed"
        assert "not answered in time by fes" in status.message
        _let_go(idle)


@pytest.mark.slow
def test_a_hanging_institute_ends_in_a_clear_failure_and_the_next_run_works(idle: EngineNetwork) -> None:
    with _in_mid_run(idle, deadline=25):
        idle.running["fes"].send_signal(signal.SIGSTOP)
        assert idle.wait_for_end(RUN).state == "failed"
        idle.running["fes"].send_signal(signal.SIGCONT)
        _let_go(idle)
    idle.engine.start(study.prepare(idle, "next"))
    assert idle.wait_for_end("next").state == "finished"


@pytest.mark.slow
def test_an_institute_that_never_starts_ends_in_a_clear_failure(idle: EngineNetwork) -> None:
    idle.start(SERVER)
    idle.start("fes")
    idle.engine.start(study.prepare(idle, RUN, deadline=20))
    until(lambda: idle.engine.status(RUN).message == "Waiting for rabat to connect.", what="the note")
    status = idle.wait_for_end(RUN)
    assert (status.state, "rabat" in status.message) == ("failed", True)
    assert not Path(idle.engine_folder("fes") / "answers" / RUN).exists()
