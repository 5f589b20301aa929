"""What one key may ask in a minute, and how many streams it may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.errors import LimitReached
from jazari.gateway.limits import KeyLimits, Limiter, TokenBucket

BUSY = KeyLimits(requests_a_minute=60, tokens_a_minute=1000, streams=2)


def passes(limiter: Limiter, limits: KeyLimits, tokens: int, now: float, stream: bool = False) -> bool:
    try:
        limiter.begin("key-1", limits, tokens, now, stream=stream)
    except LimitReached:
        return False
    return True


@given(
    st.integers(1, 600),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), max_size=60),
)
def test_no_window_of_time_lets_more_pass_than_the_bucket_and_its_filling(
    per_minute: int, asked: list[tuple[float, int]]
) -> None:
    bucket, now = TokenBucket(per_minute, 0.0), 0.0
    passed: list[tuple[float, int]] = []
    for pause, amount in asked:
        now += pause
        if amount <= per_minute and bucket.wait(amount, now) == 0:
            bucket.take(amount, now)
            passed.append((now, amount))
    for i, (start, _) in enumerate(passed):
        for j in range(i, len(passed)):
            end = passed[j][0]
            taken = sum(amount for _, amount in passed[i : j + 1])
            assert taken <= per_minute + (end - start) * per_minute / 60 + 1e-6


@given(st.integers(1, 600), st.integers(1, 600), st.floats(0, 60))
def test_who_waits_as_long_as_told_passes(per_minute: int, amount: int, now: float) -> None:
    bucket = TokenBucket(per_minute, 0.0)
    bucket.take(per_minute * 3, 0.0)
    seconds = bucket.wait(amount, now)
    assert seconds == 0 or bucket.wait(amount, now + seconds / 2) > 0
    assert bucket.wait(amount, now + seconds) == pytest.approx(0, abs=1e-6)


def test_requests_are_counted_by_the_minute() -> None:
    limiter = Limiter()
    assert [passes(limiter, BUSY, 0, 0.0) for _ in range(61)] == [True] * 60 + [False]
    with pytest.raises(LimitReached, match=r"60 requests a minute.*try again in 1\.0 s") as caught:
        limiter.begin("key-1", BUSY, 0, 0.0)
    assert caught.value.retry_after_seconds == pytest.approx(1.0)
    assert passes(limiter, BUSY, 0, 1.01)


def test_a_spent_key_is_told_before_its_request_is_read() -> None:
    limiter = Limiter()
    limits = KeyLimits(requests_a_minute=1)
    limiter.check("a", 1, 0.0)
    limiter.begin("a", limits, 1, 0.0)
    with pytest.raises(LimitReached):
        limiter.check("a", 1, 0.0)
    limiter.check("a", 1, 60.0)
    limiter.begin("a", limits, 1, 60.0)


def test_keys_do_not_count_for_each_other() -> None:
    limiter = Limiter()
    for _ in range(60):
        limiter.begin("key-1", BUSY, 0, 0.0)
    limiter.begin("key-2", BUSY, 0, 0.0)
    assert not passes(limiter, BUSY, 0, 0.0)


def test_tokens_are_corrected_when_the_call_has_ended() -> None:
    limiter = Limiter()
    limiter.begin("key-1", BUSY, 900, 0.0)
    assert not passes(limiter, BUSY, 200, 0.0)
    limiter.end("key-1", 900, 100, 0.0)
    assert passes(limiter, BUSY, 900, 0.0)
    limiter.end("key-1", 900, 2000, 0.0)
    assert not passes(limiter, BUSY, 1, 60.0)
    assert passes(limiter, BUSY, 1, 70.0)


def test_what_is_refused_takes_nothing() -> None:
    limiter = Limiter()
    limits = KeyLimits(requests_a_minute=2, tokens_a_minute=100)
    limiter.begin("key-1", limits, 90, 0.0)
    for _ in range(5):
        assert not passes(limiter, limits, 50, 0.0)
    assert passes(limiter, limits, 10, 0.0)


def test_a_call_larger_than_a_minute_passes_when_nothing_else_was_asked() -> None:
    limiter = Limiter()
    limiter.begin("key-1", BUSY, 50_000, 0.0)
    assert not passes(limiter, BUSY, 1, 60.0)


def test_streams_are_counted_while_they_are_open() -> None:
    limiter = Limiter()
    assert [passes(limiter, BUSY, 0, 0.0, stream=True) for _ in range(3)] == [True, True, False]
    assert passes(limiter, BUSY, 0, 0.0)
    limiter.end("key-1", 0, 0, 0.0, stream=True)
    assert passes(limiter, BUSY, 0, 0.0, stream=True)


def test_no_limit_lets_everything_pass() -> None:
    limiter = Limiter()
    assert all(passes(limiter, KeyLimits(), 10**9, 0.0, stream=True) for _ in range(1000))


def test_a_limit_that_changed_applies_at_once() -> None:
    limiter = Limiter()
    for _ in range(60):
        limiter.begin("key-1", BUSY, 0, 0.0)
    assert passes(limiter, KeyLimits(requests_a_minute=120), 0, 0.0)
    assert passes(limiter, KeyLimits(), 0, 0.0)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    limiter = Limiter()
    for _ in range(60):
        limiter.begin("key-1", BUSY, 0, 100.0)
    assert not passes(limiter, BUSY, 0, 50.0)
    assert not passes(limiter, BUSY, 0, 100.5)
    assert passes(limiter, BUSY, 0, 101.01)


def test_idle_keys_are_forgotten_and_nothing_changes() -> None:
    limiter = Limiter()
    for number in range(100):
        limiter.begin(f"key-{number}", BUSY, 100, 0.0)
    for _ in range(59):
        limiter.begin("key-1", BUSY, 0, 0.0)
    limiter.prune(0.5)
    assert not passes(limiter, BUSY, 0, 0.6)
    limiter.prune(100.0)
    assert limiter.known == 0
