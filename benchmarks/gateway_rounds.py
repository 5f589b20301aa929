"""The same load on several targets in turn, so that a busy machine slows all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil

from benchmarks.gateway_load import Seen, Target, at_a_pace

SHARES = (0.5, 0.35, 0.25, 0.15)
"""Of what the gateway answers at most: the first that leaves the machine half idle is the load."""
HALF = 0.5


@dataclass
class Compared:
    """What each target's answers took at ``rate`` requests a second, and the idle share of the machine meanwhile."""

    rate: float
    seen: dict[str, Seen] = field(default_factory=dict)
    idle: dict[str, list[float]] = field(default_factory=dict)

    def added(self, name: str, share: float, *, first: bool = False) -> float:
        """Milliseconds that the target adds to asking directly, at a quantile of each one's own answers."""
        return self.at(name, share, first=first) - self.at(DIRECT, share, first=first)

    def at(self, name: str, share: float, *, first: bool = False) -> float:
        """Milliseconds at a quantile; infinite where nothing was answered."""
        seen = self.seen[name]
        values = sorted(seen.first if first else seen.whole)
        return values[min(len(values) - 1, int(share * len(values)))] * 1000 if values else float("inf")

    def idle_share(self, name: str) -> float:
        """The mean over its rounds."""
        return sum(self.idle[name]) / len(self.idle[name])

    def to_json(self) -> dict[str, object]:
        """Quantiles in milliseconds, and what failed."""
        return {
            "rate": round(self.rate, 1),
            **{
                name: {
                    **{f"p{100 * q:g}_ms": round(self.at(name, q), 3) for q in (0.5, 0.9, 0.99, 0.999)},
                    **{f"first_p{100 * q:g}_ms": round(self.at(name, q, first=True), 3) for q in (0.5, 0.99)},
                    "answers": len(seen.whole), "failed": seen.failed, "idle": round(self.idle_share(name), 3),
                } for name, seen in self.seen.items()
            },
        }  # fmt: skip


DIRECT = "direct"
BARE = "a bare proxy"


def in_turn(
    targets: Sequence[Target], model: str, rate: float, seconds: float, rounds: int, *, stream: bool = False
) -> Compared:
    """``rounds`` times ``seconds`` at ``rate`` on each target."""
    found = Compared(rate, {one.name: Seen() for one in targets}, {one.name: [] for one in targets})
    for _ in range(rounds):
        for target in targets:
            request = target.request(model, stream=stream)
            idle = idle_during(lambda: found.seen[target.name].add(at_a_pace(target, request, rate, seconds)))  # noqa: B023  called at once
            found.idle[target.name].append(idle)
    return found


def half_idle_rate(target: Target, model: str, most: float, seconds: float, *, stream: bool = False) -> float:
    """The highest of some shares of ``most`` requests a second that leaves half of the machine idle, or the lowest."""
    request = target.request(model, stream=stream)
    for share in SHARES:
        idle = idle_during(lambda: at_a_pace(target, request, share * most, seconds))  # noqa: B023  called at once
        if idle >= HALF:
            return share * most
    return SHARES[-1] * most


def idle_during(work: Callable[[], object]) -> float:
    """The share of all cores' time that nobody used while ``work`` ran."""
    before = psutil.cpu_times()
    work()
    after = psutil.cpu_times()
    passed = sum(after[:8]) - sum(before[:8])
    idle = after.idle + after.iowait - before.idle - before.iowait
    return float(idle / passed) if passed else 0.0
