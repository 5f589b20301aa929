"""The clients and the provider of the gateway's benchmark count what really happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.gateway import upstream
from benchmarks.gateway_capacity import most_a_second
from benchmarks.gateway_load import Seen, Target, as_fast_as_it_can, at_a_pace, at_the_same_time
from benchmarks.gateway_rounds import DIRECT, Compared
from benchmarks.gateway_upstream import PLAIN, paced
from benchmarks.network import free_ports


@pytest.fixture(scope="module")
def direct() -> Iterator[Target]:
    with upstream() as target:
        yield target


def test_every_request_at_a_pace_is_answered_and_counted(direct: Target) -> None:
    seen = at_a_pace(direct, direct.request(PLAIN), 100, 0.3)
    assert (len(seen.whole), len(seen.first), seen.failed) == (30, 30, 0)
    assert seen.seconds >= 0.29
    assert all(0 < first <= whole for first, whole in zip(seen.first, seen.whole, strict=True))


def test_a_closed_loop_sends_exactly_what_it_was_told(direct: Target) -> None:
    seen = as_fast_as_it_can(direct, direct.request(PLAIN), 57, 4)
    assert (len(seen.whole), seen.failed) == (57, 0)


def test_streams_are_paced_and_their_events_counted(direct: Target) -> None:
    seen = at_the_same_time(direct, direct.request(paced(20, 10), stream=True), 5, 0.1)
    # The role, ten words, the reason, the usage and the end.
    assert (seen.events, seen.failed) == (5 * 14, 0)
    assert min(seen.whole) >= 9 * 0.02
    assert max(seen.first) < min(seen.whole)


def test_who_does_not_answer_has_failed() -> None:
    nobody = Target("nobody", f"http://127.0.0.1:{free_ports(1)[0]}/v1")
    seen = at_a_pace(nobody, nobody.request(PLAIN), 100, 0.1)
    assert (seen.whole, seen.failed) == ([], 10)


def test_capacity_counts_answers(direct: Target) -> None:
    found = most_a_second(direct, PLAIN, 1)
    assert found.per_second > 0
    assert found.failed == 0


def test_without_wrk_our_own_client_asks(direct: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = most_a_second(replace(direct, name="other"), PLAIN, 0.1)
    assert found.tool == "our own client"
    assert found.per_second > 0


def test_what_is_added_is_the_difference_of_the_same_quantile() -> None:
    fast, slow = [n / 1000 for n in range(1, 101)], [n / 1000 + 0.002 for n in range(1, 101)]
    compared = Compared(1.0, {DIRECT: Seen(fast, fast), "other": Seen(slow, slow)}, {"other": [0.5, 0.7]})
    assert compared.added("other", 0.5) == pytest.approx(2)
    assert compared.added("other", 0.99, first=True) == pytest.approx(2)
    assert compared.idle_share("other") == pytest.approx(0.6)
