"""``python -m jazari.nodes.worker HOME``: the node's periodic duties, each in a thread of its own.

A duty that fails is reported and tried again, later each time; it stops no other one. When the network
changes, the duties that care are woken at once.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from django.db import close_old_connections

from jazari.core.clock import timestamp
from jazari.core.errors import JazariError
from jazari.core.files import write_atomic
from jazari.nodes.duties import Duty
from jazari.settings.home import Home

SIGN_OF_LIFE_SECONDS = 2.0
STOP_SECONDS = 8.0


def retry_delay(duty: Duty, failures: int) -> float:
    """Seconds until ``duty``, which failed ``failures`` times in a row, is tried again: doubling, bounded."""
    longest = max(duty.longest_delay_seconds, duty.every_seconds)
    return min(max(duty.every_seconds, 1.0) * 2.0 ** min(failures - 1, 16), longest)


class DutyThread(threading.Thread):
    """Runs one duty until the worker stops."""

    def __init__(self, duty: Duty, home: Home, worker: Worker) -> None:
        super().__init__(name=duty.name, daemon=True)
        self.duty = duty
        self.failures = 0
        self.runs = 0
        self.problem = self.code = ""
        self.succeeded = ""
        self.wake = threading.Event()
        self._home = home
        self._worker = worker

    def run(self) -> None:
        while not self._worker.stopping.is_set():
            self.wake.clear()
            delay = self._once()
            self.wake.wait(delay)

    def _once(self) -> float:
        try:
            close_old_connections()
            changed = self.duty.run(self._home)
        except Exception as error:  # noqa: BLE001,RUF100  whatever it is, the other duties go on
            self.failures += 1
            self._report(error)
            return retry_delay(self.duty, self.failures)
        self.failures, self.problem, self.code, self.succeeded = 0, "", "", timestamp()
        self.runs += 1
        if changed:
            self._worker.wake_after(self.duty.name)
        return self.duty.every_seconds

    def _report(self, error: Exception) -> None:
        code = error.code if isinstance(error, JazariError) else ""
        sentence = str(error) if code else f"{type(error).__name__}: {error}"
        if sentence != self.problem:
            self._worker.say(f"{self.duty.name}: {sentence}")
            if not code:
                self._worker.say_traceback(error)
        self.problem, self.code = sentence, code


class Worker:
    """All duties of one node."""

    def __init__(self, home: Home, duties: Sequence[Duty]) -> None:
        self.home = home
        self.stopping = threading.Event()
        self.threads = [DutyThread(duty, home, self) for duty in duties]

    def wake_after(self, name: str) -> None:
        """The duty ``name`` changed something: let those that follow it look now, not at their next time."""
        for thread in self.threads:
            if name in thread.duty.after:
                thread.wake.set()

    def stop(self, *_signal: object) -> None:
        """Ask the worker to end; usable as a signal handler."""
        self.stopping.set()
        for thread in self.threads:
            thread.wake.set()

    def run(self) -> None:
        """Start the duties and show signs of life until asked to stop."""
        for thread in self.threads:
            thread.start()
        key = _identity(self.home.publishing_key)
        while not self.stopping.is_set():
            self._sign_of_life()
            self.stopping.wait(SIGN_OF_LIFE_SECONDS)
            if _identity(self.home.publishing_key) not in (key, None):
                self.say("The publishing key has changed: the worker starts again with the new one.")
                self.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self.threads:
            if not thread.duty.waits:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _sign_of_life(self) -> None:
        # Written by this thread, read by the supervisor (age of the file) and by `status` (content).
        state = {
            thread.duty.name: {
                "runs": thread.runs,
                "problem": thread.problem,
                "code": thread.code,
                "succeeded": thread.succeeded,
            }
            for thread in self.threads
        }
        document = {"moment": timestamp(), "duties": state}
        path = self.home.run / "worker.alive"
        try:
            write_atomic(path, json.dumps(document, ensure_ascii=False).encode())
        except JazariError:
            # A full disk must not end the worker; to touch a file takes no space.
            with contextlib.suppress(OSError):
                path.touch()

    def say(self, text: str) -> None:
        """One line in the worker's log; where the disk is full nobody reads it, and the duty goes on."""
        with contextlib.suppress(OSError):
            print(f"{timestamp()} {text}", flush=True)

    def say_traceback(self, error: Exception) -> None:
        """The traceback of a defect of ours, in the worker's log."""
        import traceback

        with contextlib.suppress(OSError):
            traceback.print_exception(error, file=sys.stdout)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file at ``path`` from its successor; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def main(arguments: Sequence[str]) -> int:
    """Run the worker of the home in ``arguments`` until SIGTERM."""
    from jazari.nodes import wiring
    from jazari.settings import runtime

    home = Home.open(arguments[0])
    try:
        # Where there is a portal there are people, and the worker has letters to send to them.
        profile = runtime.PAGES if home.config.portal_port else runtime.NODE
        runtime.setup(home, migrate=True, profile=profile)
        worker = Worker(home, wiring.duties(home))
    except JazariError as error:
        print(str(error), file=sys.stderr, flush=True)
        return int(error.exit_code)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.stop)
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
