"""Watching a program and all it starts: memory and processor time by kind of process."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence

import psutil

EVERY_SECONDS = 0.25
_FLARE = "jazari.studies.flare.process"
_ENGINE = {
    "server": "engine of the Root", "site": "engine of an institute",
    "server-job": "job process at the Root", "site-job": "job process at an institute",
}  # fmt: skip
_PARTS = {
    "jazari.nodes.web": "web server", "jazari.nodes.worker": "worker", "jazari.nodes.supervision": "supervisor",
    "jazari.nodes.engine": "engine, starting", "jazari.nodes.gateway": "gateway",
}  # fmt: skip
_GROUPS = ("root", "board", "institute", "dataset", "study", "audit", "catalog")


def kind_of(command: Sequence[str]) -> str:
    """What a process is, by its command line."""
    if _FLARE in command:
        role = command[command.index(_FLARE) + 1 :][:1]
        return _ENGINE.get(role[0] if role else "", "engine, starting")
    for module, kind in _PARTS.items():
        if module in command:
            return kind
    if "jazari.nodes.main" in command:
        return _command_kind(command[command.index("jazari.nodes.main") + 1 :])
    return "other"


def _command_kind(words: Sequence[str]) -> str:
    name = words[0] if words else ""
    if name == "demo":
        return "the demo itself"
    depth = 1 + (name in _GROUPS) + (list(words[:2]) == ["board", "key"])
    return "jazari " + " ".join(words[:depth])


class Watch:
    """A context manager that samples the descendants of this process four times a second.

    ``peak`` is the largest sum of proportional set sizes (PSS, MB) and ``at_peak`` its parts by kind;
    ``largest`` is the largest single process of each kind; ``cpu`` are processor seconds by kind and ``count``
    how many processes there were. A process shorter than a sample is missed or under-counted.
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self.at_peak: dict[str, float] = {}
        self.largest: dict[str, float] = defaultdict(float)
        self._seconds: dict[tuple[int, float], tuple[str, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def cpu(self) -> dict[str, float]:
        """Processor seconds (user and system) by kind, largest first."""
        total: Counter[str] = Counter()
        for kind, seconds in self._seconds.values():
            total[kind] += seconds  # type: ignore[assignment]
        return dict(total.most_common())

    @property
    def count(self) -> dict[str, int]:
        """How many processes of each kind there were."""
        return dict(Counter(kind for kind, _ in self._seconds.values()))

    def _watch(self) -> None:
        me, ticks = psutil.Process(), 0
        while not self._stop.wait(EVERY_SECONDS):
            self._sample(me.children(recursive=True), with_memory=ticks % 4 == 0)
            ticks += 1

    def _sample(self, found: list[psutil.Process], *, with_memory: bool) -> None:
        memory: dict[str, float] = defaultdict(float)
        for process in found:
            try:
                kind = kind_of(process.cmdline())
                times = process.cpu_times()
                self._seconds[process.pid, process.create_time()] = (kind, times.user + times.system)
                if with_memory:
                    size = process.memory_full_info().pss / 1e6
                    memory[kind] += size
                    self.largest[kind] = max(self.largest[kind], size)
            except psutil.Error:
                continue
        if sum(memory.values()) > self.peak:
            self.peak, self.at_peak = sum(memory.values()), dict(memory)
