"""What a provider can do wrong, and when: the next calls, all of them, by chance, or as the model is named."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from enum import StrEnum

MODEL_PREFIX = "fault-"


class Fault(StrEnum):
    """One way in which a provider fails a call. "Mid" is after half of the answer."""

    # The connection
    REFUSE = "refuse"  # the connection is torn down before any byte of an answer
    NEVER = "never"  # not even a status line, for as long as the client waits
    STALL_FIRST = "stall-first"  # status and headers, then silence for `stall_seconds`, then the answer
    STALL_MID = "stall-mid"  # half of the answer, silence for `stall_seconds`, the rest
    CUT_MID = "cut-mid"  # half of the answer, then the connection is torn down
    SLOW_DRIP = "slow-drip"  # byte by byte, `drip_seconds` between two
    # The status
    UNAUTHORIZED = "unauthorized"  # 401; the message repeats the secret that was sent, as careless providers do
    NOT_FOUND = "not-found"  # 404, as for a model that was retired
    RATE_LIMITED = "rate-limited"  # 429 with retry-after
    ERROR_500 = "error-500"
    ERROR_502 = "error-502"  # with a page of HTML, as proxies send
    ERROR_503 = "error-503"
    REDIRECT = "redirect"  # 307 to `redirect_to`
    # The content
    MALFORMED = "malformed"  # an event (or a body) that is no JSON
    NOT_AN_ANSWER = "not-an-answer"  # valid JSON that has nothing of an answer
    WRONG_TYPE = "wrong-type"  # 200 with a page of HTML
    ERROR_MID = "error-mid"  # an error event in the middle of a stream
    NO_DONE = "no-done"  # a stream that ends without its last event, `[DONE]`
    HUGE = "huge"  # an answer of `huge_bytes`
    HUGE_EVENT = "huge-event"  # one line of `huge_bytes`
    GZIP_BOMB = "gzip-bomb"  # a small compressed body that becomes `huge_bytes`
    # The usage
    USAGE_HUGE = "usage-huge"
    USAGE_NEGATIVE = "usage-negative"
    USAGE_WORDS = "usage-words"  # "many" where a number belongs
    USAGE_MISSING = "usage-missing"


class FaultPlan:
    """Decides the fault of each call. The first that applies: the model's name, the queue, chance, the standing one."""

    def __init__(self) -> None:
        self._next: deque[Fault | None] = deque()
        self._always: Fault | None = None
        self._shares: dict[Fault, float] = {}
        self._rng = random.Random(0)  # noqa: S311  chance for tests

    def next(self, *faults: Fault | None) -> None:
        """The coming calls fail so, in this order; None is a call that goes well."""
        self._next.extend(faults)

    def always(self, fault: Fault | None) -> None:
        """Every call fails so from now on; None ends it."""
        self._always = fault

    def at_random(self, shares: Mapping[Fault, float], seed: int) -> None:
        """Each call fails so with this probability (0 to 1, together at most 1); the seed fixes the sequence."""
        if sum(shares.values()) > 1:
            raise ValueError("the probabilities of the faults add up to more than 1")
        self._shares, self._rng = dict(shares), random.Random(seed)  # noqa: S311  chance for tests

    def clear(self) -> None:
        """No faults from now on."""
        self._next.clear()
        self._always, self._shares = None, {}

    def choose(self, model: str) -> Fault | None:
        """The fault of the call that has just arrived."""
        if model.startswith(MODEL_PREFIX):
            return Fault(model.removeprefix(MODEL_PREFIX))
        if self._next:
            return self._next.popleft()
        return self._by_chance() or self._always

    def _by_chance(self) -> Fault | None:
        if not self._shares:
            return None
        drawn = self._rng.random()
        for fault, share in self._shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None
