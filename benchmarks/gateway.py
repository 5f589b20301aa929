"""The inference gateway beside asking the same provider directly, and beside LiteLLM's proxy where it is installed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import gateway_findings
from benchmarks.base import Options, Outcome
from benchmarks.gateway_capacity import CONNECTIONS, Capacity, most_a_second, streams_a_second
from benchmarks.gateway_home import GatewayHome, NotStarted, Program, gateway_home
from benchmarks.gateway_litellm import litellm_proxy, version
from benchmarks.gateway_load import Seen, Target, as_fast_as_it_can, at_the_same_time
from benchmarks.gateway_rounds import BARE, DIRECT, Compared, half_idle_rate, in_turn
from benchmarks.gateway_upstream import PLAIN, paced
from benchmarks.network import free_ports

SETTLE_SECONDS = 2.0
"""After a start, before memory is looked at: what runs once a second has run."""


@dataclass(frozen=True)
class Size:
    """Seconds and rounds of a paced load; seconds at full speed; streams and their events; calls before memory is
    looked at; how many starts are timed."""

    seconds: float = 5.0
    rounds: int = 6
    full_seconds: float = 10.0
    streams: int = 500
    events: int = 100
    calls: tuple[int, int] = (10_000, 100_000)
    starts: int = 5


SMOKE = Size(seconds=1.0, rounds=1, full_seconds=1.0, streams=20, events=10, calls=(100, 300), starts=1)


@dataclass
class Found:
    """Everything that was measured."""

    size: Size
    starts: list[float] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    capacity: dict[str, Capacity] = field(default_factory=dict)
    processor_microseconds: float = 0.0
    plain: Compared | None = None
    first: Compared | None = None
    streams: dict[str, Seen] = field(default_factory=dict)
    calls: int = 0
    failed: int = 0
    receipts: int = 0
    litellm_version: str = ""
    litellm_missing: str = ""
    litellm_start: float = 0.0
    beside_litellm: Compared | None = None


def run(options: Options) -> Outcome:
    """Measure start, capacity, latency, streams and memory; then LiteLLM if it is there."""
    found = Found(SMOKE if options.smoke else Size())
    brisk, slow = paced(10, 16), paced(200, found.size.events)
    with upstream() as direct, gateway_home(direct.url, (PLAIN, brisk, slow)) as home:
        _starts(found, home)
        with _running(home) as program, _served(BARE, "gateway_bare", direct.url) as bare:
            _capacity(found, direct, bare, home.target, program)
            _latency(found, direct, bare, home.target, brisk)
            _streams(found, direct, home.target, slow)
            _beside_litellm(found, direct, bare, home.target, options.litellm)
        _memory(found, home)
    return gateway_findings.outcome(found)


def upstream() -> AbstractContextManager[Target]:
    """The provider that all of them ask."""
    return _served(DIRECT, "gateway_upstream")


@contextmanager
def _served(name: str, module: str, *arguments: str) -> Iterator[Target]:
    """A target called ``name``: that program of the benchmarks in a process of its own, on a port of its own."""
    port = free_ports(1)[0]
    command = [sys.executable, "-m", f"benchmarks.{module}", str(port), *arguments]
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        program = Program(command, Path(folder) / "log", f"http://127.0.0.1:{port}/")
        try:
            yield Target(name, f"http://127.0.0.1:{port}/v1")
        finally:
            program.stop()


@contextmanager
def _running(home: GatewayHome) -> Iterator[Program]:
    program = home.start()
    try:
        yield program
    finally:
        program.stop()


def _starts(found: Found, home: GatewayHome) -> None:
    """The first start compiles modules and makes tables, once for all: it is not counted."""
    for number in range(found.size.starts + 1):
        with _running(home) as program:
            if number:
                found.starts.append(program.start_seconds)


def _capacity(found: Found, direct: Target, bare: Target, gateway: Target, program: Program) -> None:
    seconds = found.size.full_seconds
    _ask(gateway, 100)
    used = program.processor_seconds()
    most = found.capacity[gateway.name] = most_a_second(gateway, PLAIN, seconds)
    found.processor_microseconds = (program.processor_seconds() - used) / max(most.answered, 1) * 1e6
    for target in (bare, direct):
        _ask(target, 100)
        found.capacity[target.name] = most_a_second(target, PLAIN, seconds)


def _ask(target: Target, count: int) -> Seen:
    return as_fast_as_it_can(target, target.request(PLAIN), count, CONNECTIONS)


def _latency(found: Found, direct: Target, bare: Target, gateway: Target, brisk: str) -> None:
    size, most = found.size, found.capacity[gateway.name].per_second
    rate = half_idle_rate(gateway, PLAIN, most, size.seconds)
    found.plain = in_turn((direct, bare, gateway), PLAIN, rate, size.seconds, size.rounds)
    most = streams_a_second(gateway, brisk, 20 * round(32 * size.seconds / 5))
    rate = half_idle_rate(gateway, brisk, most, size.seconds, stream=True)
    found.first = in_turn((direct, bare, gateway), brisk, rate, size.seconds, size.rounds, stream=True)


def _streams(found: Found, direct: Target, gateway: Target, slow: str) -> None:
    """All begin within a second; they overlap for nearly all of their time."""
    for target in (direct, gateway):
        request = target.request(slow, stream=True)
        found.streams[target.name] = at_the_same_time(target, request, found.size.streams, 1.0)


def _memory(found: Found, home: GatewayHome) -> None:
    """A gateway that has answered nothing yet, then so many calls, then many more."""
    before = home.receipts()
    with _running(home) as program:
        time.sleep(SETTLE_SECONDS)
        found.memory["idle"] = program.memory()
        for until in found.size.calls:
            seen = _ask(home.target, until - found.calls)
            found.calls += len(seen.whole) + seen.failed
            found.failed += seen.failed
            found.memory[f"after {until:,} calls"] = program.memory()
    found.receipts = home.receipts() - before


def _beside_litellm(found: Found, direct: Target, bare: Target, gateway: Target, program: Path | None) -> None:
    """Capacity, and latency at half of what LiteLLM answers at most, where all of them keep up."""
    if program is None:
        found.litellm_missing = "not measured: give --litellm PATH/TO/bin/litellm"
        return
    size = found.size
    try:
        found.litellm_version = version(program)
        with litellm_proxy(program, direct.url, (PLAIN,)) as (target, running):
            _ask(target, 50)
            found.litellm_start = running.start_seconds
            found.capacity[target.name] = most_a_second(target, PLAIN, size.full_seconds)
            rate = found.capacity[target.name].per_second / 2
            found.beside_litellm = in_turn((direct, bare, gateway, target), PLAIN, rate, size.seconds, size.rounds)
            found.memory["LiteLLM after load"] = running.memory()
    except NotStarted as error:
        found.litellm_missing = f"not measured: {error}"
