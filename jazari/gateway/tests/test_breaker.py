"""The breaker against a model: it opens on failures, tries with one call, and never forgets whose word counts."""

from __future__ import annotations

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from jazari.gateway.breaker import Breaker, BreakerRules, Health

RULES = BreakerRules(
    consecutive=3, calls=10, failure_share=0.5, window_seconds=10, first_open_seconds=4, longest_open_seconds=30,
    probe_seconds=20,
)  # fmt: skip


def breaker() -> Breaker:
    return Breaker(RULES, random.Random(1))


def fail(one: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        given = one.start(now)
        assert given is not None
        one.failed(given, now)


def until_half_open(one: Breaker) -> float:
    moment = one.retry_at()
    assert moment is not None
    assert one.health(moment) is Health.HALF_OPEN
    return moment


def test_failures_in_a_row_open_it_for_between_half_and_all_of_the_first_time() -> None:
    one = breaker()
    fail(one, 100, 2)
    assert one.health(100) is Health.CLOSED
    fail(one, 100)
    assert one.health(100) is Health.OPEN
    assert one.start(100) is None
    assert 102 <= until_half_open(one) <= 104


def test_a_success_ends_the_row() -> None:
    one = breaker()
    fail(one, 0, 2)
    one.succeeded(one.start(0), 0)
    fail(one, 0, 2)
    assert one.health(0) is Health.CLOSED
    fail(one, 0)
    assert one.health(0) is Health.OPEN


def test_a_share_of_failures_opens_it_without_a_row() -> None:
    one = breaker()
    for number in range(10):
        assert one.health(0) is Health.CLOSED
        given = one.start(0)
        (one.failed if number % 2 else one.succeeded)(given, 0)
    assert one.health(0) is Health.OPEN


def test_failures_of_long_ago_no_longer_count() -> None:
    one = breaker()
    for number in range(40):
        given = one.start(number * 3)
        (one.failed if number % 2 else one.succeeded)(given, number * 3)
    assert one.health(200) is Health.CLOSED  # never ten calls within ten seconds


def test_one_call_tries_and_its_success_closes() -> None:
    one = breaker()
    fail(one, 0, 3)
    now = until_half_open(one)
    probe = one.start(now)
    assert probe is not None
    assert not one.ready(now)
    assert one.start(now) is None
    one.succeeded(probe, now)
    assert one.health(now) is Health.CLOSED
    assert one.retry_at() is None


def test_every_failed_try_doubles_the_time_up_to_the_longest() -> None:
    one, now, times = breaker(), 0.0, []
    fail(one, now, 3)
    for _ in range(8):
        times.append(until_half_open(one) - now)
        now = until_half_open(one)
        fail(one, now)
    assert all(longest / 2 <= time <= longest for time, longest in zip(times, (4, 8, 16, 30, 30, 30), strict=False))


def test_a_try_given_up_or_never_ended_frees_its_place() -> None:
    one = breaker()
    fail(one, 0, 3)
    now = until_half_open(one)
    one.abandoned(one.start(now))
    lost = one.start(now)
    assert lost is not None
    assert not one.ready(now + RULES.probe_seconds - 0.1)
    second = one.start(now + RULES.probe_seconds)
    assert second is not None
    one.succeeded(lost, now + 21)  # nobody waits for its word any more
    assert one.health(now + 21) is Health.HALF_OPEN
    one.succeeded(second, now + 21)
    assert one.health(now + 21) is Health.CLOSED


def test_calls_of_before_it_opened_neither_close_nor_prolong_it() -> None:
    one = breaker()
    early, late = one.start(0), one.start(0)
    fail(one, 0, 3)
    opened_until = one.retry_at()
    one.succeeded(early, 1)
    one.failed(late, 1)
    assert (one.health(1), one.retry_at()) == (Health.OPEN, opened_until)


@pytest.mark.parametrize(("asked", "kept"), [(25.0, 25.0), (9000.0, 30.0)])
def test_a_provider_that_asks_to_be_left_alone_is_within_limits(asked: float, kept: float) -> None:
    one = breaker()
    one.failed(one.start(0), 0, retry_after=asked)
    assert one.retry_at() == kept


class BreakerMachine(RuleBasedStateMachine):
    """Any order of calls, ends and time."""

    passes = Bundle("passes")

    def __init__(self) -> None:
        super().__init__()
        self.one = breaker()
        self.now = 0.0

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=passes)
    def start(self):
        health, ready = self.one.health(self.now), self.one.ready(self.now)
        given = self.one.start(self.now)
        assert (given is not None) is ready
        assert health is not Health.OPEN or given is None
        assert health is not Health.CLOSED or given is not None
        if given is not None and given.probe:
            assert self.one.start(self.now) is None
        return given

    @rule(given=consumes(passes), word=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def end(self, given, word: str) -> None:
        if given is None:
            return
        before = self.one.health(self.now)
        getattr(self.one, word)(given, *([] if word == "abandoned" else [self.now]))
        after = self.one.health(self.now)
        if word == "abandoned" or before is Health.OPEN:
            assert after is before
        if word == "failed":
            assert not (before is Health.HALF_OPEN and after is Health.CLOSED)
        if word == "succeeded" and after is not before:
            assert given.probe or before is Health.CLOSED

    @invariant()
    def it_comes_back(self) -> None:
        moment = self.one.retry_at()
        if moment is not None:
            assert moment <= self.now + RULES.longest_open_seconds
            assert self.one.ready(max(moment, self.now) + RULES.probe_seconds)
        else:
            assert self.one.ready(self.now)

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.one._window._parts) <= 10


BreakerMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestBreaker = BreakerMachine.TestCase
