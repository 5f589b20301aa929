"""One shell that a whole document is typed into, as a reader would."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

BASH = ["bash", "--noprofile", "--norc"]


class Shell:
    """A bash in a session of its own; ``printed`` is all that it and its jobs have said, line by line."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.printed: list[str] = []
        self._count = 0
        self._process = subprocess.Popen(
            BASH, cwd=folder, env=dict(environment), text=True, start_new_session=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, command: str, seconds: float) -> tuple[int, list[str]]:
        """Type ``command`` and wait for the prompt: its exit code and the lines that came meanwhile."""
        self._count += 1
        mark, start = f"END OF STEP {self._count}:", len(self.printed)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\necho; echo '{mark}' $?\n")
        done = self.wait_until(lambda: any(line.startswith(mark) for line in self.printed[start:]), seconds)
        assert done, f"`{command}` has not ended within {seconds} s:\n" + "\n".join(self.printed[start:])
        lines = self.printed[start:]
        at = next(number for number, line in enumerate(lines) if line.startswith(mark))
        kept = lines[:at]
        return int(lines[at].rpartition(":")[2]), kept[:-1] if kept and kept[-1] == "" else kept

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether ``condition`` became true in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        """End the shell and whatever it still runs."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            if number == signal.SIGTERM:
                self.wait_until(lambda: self._process.poll() is not None and not self._reader.is_alive(), 20)
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed.append(line.rstrip("\n"))
