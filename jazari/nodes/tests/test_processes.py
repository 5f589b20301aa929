"""One supervised process, with real ones: restarted with back-off, killed when it hangs, stopped with its kin."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.nodes import processes
from jazari.nodes.processes import FIRST_DELAY, LONGEST_DELAY, ManagedProcess, ProcessSpec, backoff
from jazari.settings.process_state import birth

SLEEP = "import time; time.sleep(600)"


@given(st.integers(1, 10_000))
def test_the_delay_doubles_and_is_bounded(failures: int) -> None:
    assert FIRST_DELAY <= backoff(failures) <= LONGEST_DELAY
    assert backoff(failures + 1) in (2 * backoff(failures), LONGEST_DELAY)


def test_the_first_start_waits_for_nothing() -> None:
    assert backoff(0) == 0.0
    assert backoff(1) == FIRST_DELAY


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


Make = Callable[..., ManagedProcess]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[ManagedProcess] = []

    def start(code: str, **options: object) -> ManagedProcess:
        spec = ProcessSpec("thing", [sys.executable, "-c", code], **options)  # type: ignore[arg-type]
        process = ManagedProcess(spec, tmp_path / "thing.log")
        made.append(process)
        process.start()
        return process

    yield start
    for process in made:
        process.kill()


def tend_until(process: ManagedProcess, condition: Callable[[], object]) -> list[str]:
    news: list[str] = []

    def look() -> object:
        sentence = process.tend()
        if sentence:
            news.append(sentence)
        return condition()

    wait_until(look)
    return news


def test_a_process_that_was_killed_is_started_again(make: Make) -> None:
    process = make(SLEEP)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    news = tend_until(process, lambda: process.pid not in (first, None))
    assert "ended with -9" in news[0]
    assert "started again" in news[1]
    assert (process.restarts, process.last_exit) == (1, -signal.SIGKILL)


def test_a_process_that_cannot_start_is_tried_less_and_less_often(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_DELAY", 0.01)
    process = make("raise SystemExit(3)")
    news = tend_until(process, lambda: process.restarts == 4)
    delays = [float(text.split(" again in ")[1].split(" s")[0]) for text in news if "ended with 3" in text]
    assert delays == pytest.approx([0.01, 0.02, 0.04, 0.08])


def test_a_process_that_lived_long_starts_again_soon(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(processes, "STEADY_SECONDS", 0.0)
    process = make("raise SystemExit(3)")
    news = tend_until(process, lambda: process.restarts == 3)
    assert all("again in 0.01 s" in text for text in news if "ended" in text)


def test_a_process_that_hangs_is_killed(make: Make, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    process = make(f"import pathlib; pathlib.Path({str(alive)!r}).touch();" + SLEEP, alive=alive, hang_seconds=0.5)
    first = process.pid
    news = tend_until(process, lambda: process.pid not in (first, None))
    assert "no sign of life" in news[0]


def test_a_process_is_ready_when_it_says_so(make: Make, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    alive.touch()  # of an earlier run: it does not count
    process = make(SLEEP, alive=alive)
    assert not process.ready
    alive.touch()
    assert process.ready
    assert make(SLEEP).ready


def test_what_a_process_started_ends_with_it(make: Make, tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = (
        "import subprocess, sys, pathlib;"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid));" + SLEEP
    )
    process = make(code)
    wait_until(lambda: note.exists() and note.read_text())
    child = int(note.read_text())
    process.stop()
    wait_until(lambda: process.pid is None)
    process.kill()
    wait_until(lambda: birth(child) == "" or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_restart_on_request_waits_for_nothing(make: Make) -> None:
    process = make(SLEEP)
    first = process.pid
    process.restart()
    assert process.pid is None
    process.tend()
    assert process.pid not in (first, None)
    assert process.restarts == 0


def test_the_log_is_bounded_and_its_end_is_kept(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LARGEST_LOG", 1000)
    process = make("print('x' * 5000, flush=True); print('the end', flush=True);" + SLEEP)
    wait_until(lambda: process.log.read_text().endswith("the end\n"))
    process.trim_log()
    assert process.log.stat().st_size == 0
    kept = process.log.with_name("thing.log.1").read_text()
    assert len(kept) == 1000
    assert kept.endswith("the end\n")


def test_a_process_sees_its_environment_and_descriptors(tmp_path: Path, make: Make) -> None:
    reading, writing = os.pipe()
    process = make(
        "import os; os.write(int(os.environ['THERE']), b'hello')",
        environment={"THERE": str(writing)},
        descriptors=(writing,),
    )
    os.close(writing)
    assert os.read(reading, 10) == b"hello"
    os.close(reading)
    assert process.log == tmp_path / "thing.log"


def test_the_state_names_the_process_so_that_nobody_else_is_taken_for_it(make: Make) -> None:
    process = make(SLEEP)
    state = process.state()
    assert state["birth"] == birth(process.pid or 0) != ""
    process.kill()
    assert process.state()["pid"] is None
    assert birth(2**22 + 1) == ""
