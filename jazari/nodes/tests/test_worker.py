"""The worker: a duty that fails stops no other one, waits longer each time, and wakes those that follow it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.errors import Busy, DiskFull
from jazari.nodes.duties import Duty
from jazari.nodes.tests.test_processes import wait_until
from jazari.nodes.worker import Worker, retry_delay
from jazari.settings.home import Home, NodeConfig
from jazari.settings.process_state import read_duties


def nothing(_home: Home) -> bool:
    return False


@given(st.floats(0.0, 3600.0), st.integers(1, 1000), st.floats(1.0, 600.0))
def test_a_failing_duty_is_tried_less_and_less_often_within_bounds(every: float, failures: int, longest: float) -> None:
    duty = Duty("x", every, nothing, longest_delay_seconds=longest)
    assert min(1.0, longest) <= retry_delay(duty, failures) <= max(every, longest)
    assert retry_delay(duty, failures + 1) >= retry_delay(duty, failures)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="fes"))


class Running:
    """A worker in a thread."""

    def __init__(self, home: Home, *duties: Duty) -> None:
        self.worker = Worker(home, duties)
        self.thread = threading.Thread(target=self.worker.run)

    def __enter__(self) -> Worker:
        self.thread.start()
        return self.worker

    def __exit__(self, *_error: object) -> None:
        self.worker.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


def counting(results: Callable[[int], bool]) -> tuple[list[int], Callable[[Home], bool]]:
    calls: list[int] = []

    def run(_home: Home) -> bool:
        calls.append(len(calls))
        return results(len(calls))

    return calls, run


def test_duties_run_again_and_again(home: Home) -> None:
    calls, run = counting(lambda _number: False)
    with Running(home, Duty("often", 0.01, run)):
        wait_until(lambda: len(calls) > 3)


def test_a_defect_in_one_duty_stops_no_other(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_home: Home) -> bool:
        raise ZeroDivisionError("a defect")

    calls, run = counting(lambda _number: False)
    with Running(home, Duty("broken", 0.01, broken), Duty("well", 0.01, run)) as worker:
        wait_until(lambda: len(calls) > 3 and worker.threads[0].failures)
        worker._sign_of_life()
        assert read_duties(home)["broken"]["problem"] == "ZeroDivisionError: a defect"
        assert read_duties(home)["broken"]["code"] == ""
        assert read_duties(home)["well"]["problem"] == ""
    assert "Traceback" in capsys.readouterr().out


def test_an_error_of_ours_is_logged_once_as_its_sentence(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    def busy(_home: Home) -> bool:
        raise Busy("Somebody uses it: wait.")

    with Running(home, Duty("busy", 0.01, busy, longest_delay_seconds=0.02)) as worker:
        wait_until(lambda: worker.threads[0].failures > 3)
        worker._sign_of_life()
        assert read_duties(home)["busy"]["code"] == Busy.code
    printed = capsys.readouterr().out
    assert printed.count("busy: Somebody uses it: wait.") == 1
    assert "Traceback" not in printed


def test_a_duty_that_recovers_is_well_again(home: Home) -> None:
    def results(number: int) -> bool:
        if number == 1:
            raise Busy("Not yet.")
        return False

    calls, run = counting(results)
    with Running(home, Duty("late", 0.01, run, longest_delay_seconds=0.02)) as worker:
        wait_until(lambda: len(calls) > 2)
        assert worker.threads[0].problem == ""


def test_a_change_wakes_those_that_follow_and_nobody_else(home: Home) -> None:
    change = threading.Event()
    first, source = counting(lambda _number: change.wait(20))
    second, follower = counting(lambda _number: True)
    third, last = counting(lambda _number: False)
    other, bystander = counting(lambda _number: False)
    with Running(
        home,
        Duty("source", 3600, source),
        Duty("follower", 3600, follower, after=("source",)),
        Duty("last", 3600, last, after=("follower",)),
        Duty("bystander", 3600, bystander),
    ):
        wait_until(lambda: second and other)
        change.set()
        wait_until(lambda: len(second) == 2 and len(third) >= 2)
    assert (len(first), len(other)) == (1, 1)


def test_the_worker_does_not_wait_for_those_who_only_wait(home: Home) -> None:
    hold = threading.Event()
    with Running(home, Duty("waiting", 0, lambda _home: hold.wait(3600), waits=True)):
        wait_until((home.run / "worker.alive").exists)
    hold.set()


def test_the_sign_of_life_is_there_and_readable(home: Home) -> None:
    with Running(home, Duty("x", 3600, nothing)):
        wait_until((home.run / "worker.alive").exists)
        assert set(json.loads((home.run / "worker.alive").read_text())) == {"moment", "duties"}


def test_a_full_disk_ends_neither_worker_nor_supervisor(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from jazari.nodes import processes, supervision, worker

    def full(*_arguments: object) -> None:
        raise DiskFull("The disk is full: free some space.")

    calls, run = counting(lambda _number: False)
    (home.run / "worker.alive").write_text("{}")
    before = (home.run / "worker.alive").stat().st_mtime_ns
    monkeypatch.setattr(worker, "write_atomic", full)
    monkeypatch.setattr(supervision, "write_atomic", full)
    with Running(home, Duty("x", 0.01, run)):
        wait_until(lambda: len(calls) > 2 and (home.run / "worker.alive").stat().st_mtime_ns > before)
    (home.run / "thing.log").mkdir()
    spec = processes.ProcessSpec("thing", ["sleep", "600"])
    supervisor = supervision.Supervisor(home, [spec], lambda _text: None)
    supervisor.processes[0].start()
    supervisor._tend()
    assert supervisor.processes[0].pid
    supervisor._stop_all()


def test_a_new_publishing_key_ends_the_worker_so_that_it_starts_again_with_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jazari.nodes.worker.SIGN_OF_LIFE_SECONDS", 0.02)
    home.publishing_key.write_text("old")
    with Running(home, Duty("x", 3600, nothing)) as worker:
        wait_until((home.run / "worker.alive").exists)
        home.publishing_key.unlink()  # lost for a moment: nothing to start again with
        following = home.publishing_key.with_name("next.pem")
        following.write_text("new")
        assert not worker.stopping.wait(0.2)
        following.replace(home.publishing_key)
        assert worker.stopping.wait(10)


def test_a_log_that_cannot_be_written_ends_no_duty(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_home: Home) -> bool:
        calls.append(1)
        raise Busy(f"Try number {len(calls)}.") if len(calls) % 2 else ZeroDivisionError(str(len(calls)))

    calls: list[int] = []
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with Running(home, Duty("x", 0.01, run, longest_delay_seconds=0.01)):
            wait_until(lambda: len(calls) > 3)
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
