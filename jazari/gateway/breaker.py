"""A circuit breaker for one provider: who fails is left alone for a while, then tried by one call.

It reads no clock: ``now`` is in seconds of any clock that never goes back. One event loop uses it; it holds no lock.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """``closed`` lets calls pass, ``open`` none, ``half-open`` one call that finds out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True)
class BreakerRules:
    """When to open, and for how long.

    Open after ``consecutive`` failures in a row, or when at least ``calls`` ended within ``window_seconds`` and the
    share ``failure_share`` of them failed. The n-th opening in a row lasts ``first_open_seconds`` x 2^(n-1), at most
    ``longest_open_seconds``, of which at most half is taken off at random so that gateways do not return together.
    A trying call that never ends frees its place after ``probe_seconds``.
    """

    consecutive: int = 5
    calls: int = 20
    failure_share: float = 0.5
    window_seconds: float = 30.0
    first_open_seconds: float = 1.0
    longest_open_seconds: float = 60.0
    probe_seconds: float = 60.0


@dataclass(frozen=True)
class Pass:
    """The right to make one call. Give it back by ``succeeded``, ``failed`` or ``abandoned``, exactly once."""

    generation: int
    started: float
    probe: bool


class Breaker:
    """The health of one provider, as its calls show it."""

    def __init__(self, rules: BreakerRules | None = None, rng: random.Random | None = None) -> None:
        self.rules = rules or BreakerRules()
        self._rng = rng or random.Random()  # noqa: S311  spreads load, keeps no secret
        self._generation = 0
        self._opened = 0
        self._open_until: float | None = None
        self._probe: Pass | None = None
        self._failures_in_a_row = 0
        self._window = _Window(self.rules.window_seconds)

    def health(self, now: float) -> Health:
        """How it stands at ``now``."""
        if self._open_until is None:
            return Health.CLOSED
        return Health.HALF_OPEN if now >= self._open_until else Health.OPEN

    def ready(self, now: float) -> bool:
        """Whether a call could start at ``now``; changes nothing."""
        health = self.health(now)
        return health is Health.CLOSED or (health is Health.HALF_OPEN and not self._probing(now))

    def retry_at(self) -> float | None:
        """The moment when a call is tried again; None while closed."""
        return self._open_until

    def start(self, now: float) -> Pass | None:
        """The right to call now, or None. Half-open gives it to one call at a time."""
        if not self.ready(now):
            return None
        half_open = self.health(now) is Health.HALF_OPEN
        given = Pass(self._generation, now, half_open)
        if half_open:
            self._probe = given
        return given

    def succeeded(self, given: Pass, now: float) -> None:
        """The call was answered. Closes a half-open breaker; says nothing if the call is from before it opened."""
        if not self._counts(given):
            return
        if given.probe:
            self._close()
        self._failures_in_a_row = 0
        self._window.add(now, failed=False)

    def failed(self, given: Pass, now: float, retry_after: float | None = None) -> None:
        """The provider failed; ``retry_after``: the seconds that it asked to be left alone, kept up to the longest."""
        if not self._counts(given):
            return
        self._failures_in_a_row += 1
        self._window.add(now, failed=True)
        if given.probe or retry_after is not None or self._too_many(now):
            self._open(now, retry_after or 0.0)

    def abandoned(self, given: Pass) -> None:
        """The call ended for a reason that is not the provider's, such as a client that left."""
        if self._probe is given:
            self._probe = None

    def _counts(self, given: Pass) -> bool:
        # A probe whose place was freed is no longer the one that is waited for.
        return given.generation == self._generation and (not given.probe or given is self._probe)

    def _probing(self, now: float) -> bool:
        return self._probe is not None and now < self._probe.started + self.rules.probe_seconds

    def _too_many(self, now: float) -> bool:
        if self._failures_in_a_row >= self.rules.consecutive:
            return True
        ended, failed = self._window.counts(now)
        return ended >= self.rules.calls and failed >= self.rules.failure_share * ended

    def _open(self, now: float, at_least: float) -> None:
        longest = self.rules.longest_open_seconds
        seconds = min(self.rules.first_open_seconds * 2.0 ** min(self._opened, 60), longest)
        seconds *= 1 - self._rng.random() / 2
        self._opened += 1
        self._open_until = now + max(seconds, min(at_least, longest))
        self._renew()

    def _close(self) -> None:
        self._opened, self._open_until = 0, None
        self._renew()

    def _renew(self) -> None:
        """What calls of before report no longer counts."""
        self._generation += 1
        self._probe = None
        self._failures_in_a_row = 0
        self._window = _Window(self.rules.window_seconds)


class _Window:
    """Counts of the last seconds in ten parts, so that it costs the same at any rate of calls."""

    PARTS = 10

    def __init__(self, seconds: float) -> None:
        self._part_seconds = seconds / self.PARTS
        self._parts: dict[int, tuple[int, int]] = {}

    def add(self, now: float, *, failed: bool) -> None:
        part = self._drop_old(now)
        ended, bad = self._parts.get(part, (0, 0))
        self._parts[part] = (ended + 1, bad + failed)

    def counts(self, now: float) -> tuple[int, int]:
        """How many calls ended, and how many of them failed."""
        self._drop_old(now)
        return sum(ended for ended, _bad in self._parts.values()), sum(bad for _ended, bad in self._parts.values())

    def _drop_old(self, now: float) -> int:
        part = int(now // self._part_seconds)
        for old in [number for number in self._parts if number <= part - self.PARTS]:
            del self._parts[old]
        return part
