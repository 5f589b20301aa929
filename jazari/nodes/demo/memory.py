"""How much memory the whole demo takes: the proportional set size, summed over all its processes.

PSS counts a page that n processes share as 1/n in each (proc(5), ``smaps_rollup``), so the sum is what the
machine really gives.
"""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

EVERY_SECONDS = 2.0


class PeakMemory:
    """A context manager that samples this process and its descendants; ``megabytes`` is the peak so far."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(EVERY_SECONDS):
            total = sum(_pss(process) for process in [me, *me.children(recursive=True)])
            self.megabytes = max(self.megabytes, total / 1e6)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0
