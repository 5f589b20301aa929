"""One node's processes, for tests: `jazari serve`, stopped politely, killed like a machine that loses power."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from jazari.settings.home import Home
from jazari.settings.process_state import read_state
from jazari.testing.commands import Commands
from jazari.testing.waiting import until

STOP_SECONDS = 40.0


class ServedNode:
    """The node in ``home``, served by ``commands``; not running until ``start``."""

    def __init__(self, home: Path, commands: Commands) -> None:
        self.home, self.commands = home, commands
        self.log = home / "run" / "serve.log"
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the node's supervisor runs."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def start(self) -> None:
        """Serve, and return once web, worker and engine are up. Harmless while it runs."""
        if self.running:
            return
        with self.log.open("ab") as output:
            self._supervisor = subprocess.Popen(
                self.commands.argv("serve", "--home", self.home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.commands.full_environment(),
            )
        until(self._is_up, f"{self.home.name} serves (see {self.log})")

    def stop(self) -> None:
        """SIGTERM, as an operator stops a node; fails the test if it does not end."""
        if self._supervisor is not None:
            self._supervisor.terminate()
            self._supervisor.wait(STOP_SECONDS)
            self._supervisor = None

    def kill(self) -> None:
        """SIGKILL to every process of the node at the same moment, as when the power goes."""
        if self._supervisor is None:
            return
        found = self.processes()
        for process in found:
            _signal(process, signal.SIGSTOP)
        for process in found:
            _signal(process, signal.SIGKILL)
        self._supervisor.wait()
        self._supervisor = None
        psutil.wait_procs(found, timeout=STOP_SECONDS)

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        if not self.running or self._supervisor is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            supervisor = psutil.Process(self._supervisor.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        return []

    def part(self, name: str) -> psutil.Process:
        """The process ``web``, ``worker`` or ``engine``."""
        return psutil.Process(self._state()[name]["pid"])

    def jobs(self) -> list[psutil.Process]:
        """The processes that the node's engine runs for studies now."""
        return [process for process in self.processes() if _is_job(process)]

    @contextmanager
    def held_jobs(self) -> Iterator[list[psutil.Process]]:
        """The node's study processes, standing still while the block runs (or until they are woken)."""
        jobs = self.jobs()
        for job in jobs:
            _signal(job, signal.SIGSTOP)
        try:
            yield jobs
        finally:
            wake(jobs)

    def _is_up(self) -> bool:
        if not self.running:
            raise AssertionError(f"{self.home.name} does not serve: {self.log.read_text(errors='replace')[-2000:]}")
        parts = self._state().values()
        return bool(parts) and all(part["pid"] and part["ready"] for part in parts)

    def _state(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = read_state(Home(self.home)).get("processes", {})
        return found


def wake(processes: list[psutil.Process]) -> None:
    """Let processes that were held go on; those that ended meanwhile do not matter."""
    for process in processes:
        _signal(process, signal.SIGCONT)


def kill_now(processes: list[psutil.Process]) -> None:
    """``kill -9``, and wait for the end."""
    for process in processes:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=STOP_SECONDS)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _is_job(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        words = process.cmdline()
        return "jazari.studies.flare.process" in words and any(word.endswith("-job") for word in words)
    return False
