"""One supervised process: start, watch, restart with back-off, stop. Standard library only.

The supervisor stays small because nothing heavy is imported here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from jazari.settings.process_state import birth

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STEADY_SECONDS = 60.0
"""A process that lived this long has recovered: its next failure starts again at ``FIRST_DELAY``."""
LARGEST_LOG = 10_000_000
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class ProcessSpec:
    """What to run. ``alive``: a file that the process touches, or None; ``hang_seconds``: silent for so long
    counts as hung. ``descriptors``: open file descriptors that the process inherits. ``stop_seconds``: how long it
    may take to end when it is asked to; then it is killed."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    alive: Path | None = None
    hang_seconds: float = 120.0
    stop_seconds: float = 15.0


def backoff(failures: int) -> float:
    """Seconds to wait before the start after ``failures`` failures in a row: 0.5, 1, 2, ... 30."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 16))) if failures else 0.0


class ManagedProcess:
    """A process that is restarted, with growing delays, whenever it ends by itself."""

    def __init__(self, spec: ProcessSpec, log: Path) -> None:
        self.spec = spec
        self.log = log
        self.restarts = 0
        self.last_exit: int | None = None
        self._failures = 0
        self._started = 0.0
        self._due = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return self._child.pid if self._child and self._child.poll() is None else None

    @property
    def ready(self) -> bool:
        """Whether the process runs and, if it should say so, has said that it is up."""
        if self.pid is None:
            return False
        return self.spec.alive is None or self._touched() >= 0.0

    def start(self) -> None:
        """Start now. Its output goes to the log; it gets a session of its own and dies with us."""
        if self.spec.alive is not None:
            self.spec.alive.unlink(missing_ok=True)
        with _output(self.log) as output:
            self._child = subprocess.Popen(  # noqa: S603,RUF100  our own argument list
                list(self.spec.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.spec.environment},
                pass_fds=self.spec.descriptors,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  the supervisor has one thread
            )
        self._started = time.monotonic()

    def tend(self) -> str:
        """Look after the process; a sentence if something happened, else ""."""
        now = time.monotonic()
        if self._child is None:
            if now < self._due:
                return ""
            self.start()
            return f"{self.spec.name} started again (process {self.pid})."
        status = self._child.poll()
        if status is not None:
            return self._ended(status, now)
        if self._hung(now):
            self._signal(signal.SIGKILL)
            return f"{self.spec.name} gave no sign of life for {self.spec.hang_seconds:.0f} s and was killed."
        return ""

    def restart(self) -> None:
        """End the process, if it runs, and start it at the next look, without back-off."""
        if self._child is not None:
            self.kill()
        self._child, self._failures, self._due = None, 0, 0.0

    def stop(self) -> None:
        """Ask the process and all that it started to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and all that it started, now."""
        self._signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()

    def trim_log(self) -> None:
        """Keep the log bounded: beyond ``LARGEST_LOG`` bytes its content moves to ``<name>.1``."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LARGEST_LOG:
                old = self.log.with_name(self.log.name + ".1")
                old.write_bytes(self.log.read_bytes()[-LARGEST_LOG:])
                os.truncate(self.log, 0)

    def state(self) -> dict[str, object]:
        """The facts that ``status`` shows and that a later supervisor needs to clean up."""
        pid = self.pid
        return {
            "pid": pid,
            "birth": birth(pid) if pid else "",
            "ready": self.ready,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
        }

    def _ended(self, status: int, now: float) -> str:
        self._signal(signal.SIGKILL)  # what it may have left behind in its session
        self._failures = 1 if now - self._started > STEADY_SECONDS else self._failures + 1
        self._child, self.last_exit, self.restarts = None, status, self.restarts + 1
        delay = backoff(self._failures)
        self._due = now + delay
        return f"{self.spec.name} ended with {status}; it starts again in {delay:g} s (see {self.log})."

    def _hung(self, now: float) -> bool:
        if self.spec.alive is None:
            return False
        silent = self._touched()
        return (now - self._started if silent < 0 else silent) > self.spec.hang_seconds

    def _touched(self) -> float:
        """Seconds since the last sign of life, or -1.0 before the first."""
        try:
            return max(0.0, time.time() - self.spec.alive.stat().st_mtime) if self.spec.alive else -1.0
        except OSError:
            return -1.0

    def _signal(self, number: int) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)


def _output(log: Path) -> BinaryIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError:  # a full disk: better a node without this log than no node
        return Path(os.devnull).open("ab")


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux only; elsewhere leftovers are ended at next start
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


# Loaded before any fork: after one, only async-signal-safe work is allowed.
_LIBC = ctypes.CDLL(None)
