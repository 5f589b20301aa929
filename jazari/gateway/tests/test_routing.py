"""Only allowed and ready targets are tried, in the order that the route says; the rest is explained."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.breaker import Health
from jazari.gateway.configuration import RouteConfig, Target
from jazari.gateway.errors import NoProviderReady, PolicyRefuses
from jazari.gateway.policy import Decision, Reason
from jazari.gateway.routing import ProviderState, candidates, explain, refusal
from jazari.gateway.words import Kind

YES = Decision(True, Reason.ALLOWED, "Rule 1 allows it.", "rabat/residency/main@1", 1)
NO = Decision(False, Reason.OPERATOR_NOT_ALLOWED, "The policy does not let it go there.", "rabat/residency/main@1")
OPEN = ProviderState(Health.OPEN, ready=False, retry_in=12.4)
RNG = random.Random(7)


def route(*weights: int, order: str = "ordered") -> RouteConfig:
    weighted = {"weighted": lambda weight: {"weight": weight}, "ordered": lambda _weight: {}}[order]
    targets = tuple(
        Target(provider=f"p{number}", model="m", **weighted(weight)) for number, weight in enumerate(weights)
    )
    return RouteConfig(kind=Kind.CHAT, order=order, targets=targets)


def allowed(chat: RouteConfig) -> dict[Target, Decision]:
    return dict.fromkeys(chat.targets, YES)


def test_ordered_targets_are_tried_as_written() -> None:
    chat = route(1, 1, 1)
    assert candidates(chat, {}, allowed(chat), RNG) == list(chat.targets)


def test_the_refused_and_the_failing_are_left_out() -> None:
    chat = route(1, 1, 1, 1)
    first, second, third, fourth = chat.targets
    decisions = {first: YES, second: NO, third: YES}
    assert candidates(chat, {"p0": OPEN}, decisions, RNG) == [third]
    assert fourth not in candidates(chat, {}, decisions, RNG)  # nobody decided on it


def test_weights_are_shares_of_first_attempts_and_of_what_follows() -> None:
    chat = route(6, 3, 1, order="weighted")
    rng = random.Random(3)
    drawn = [tuple(target.provider for target in candidates(chat, {}, allowed(chat), rng)) for _ in range(20_000)]
    first = Counter(order[0] for order in drawn)
    assert first["p0"] / 20_000 == pytest.approx(0.6, abs=0.02)
    assert first["p2"] / 20_000 == pytest.approx(0.1, abs=0.02)
    after = Counter(order[1] for order in drawn if order[0] == "p0")
    assert after["p1"] / sum(after.values()) == pytest.approx(3 / 4, abs=0.02)


STATES = st.sampled_from([ProviderState(), OPEN, ProviderState(Health.HALF_OPEN), ProviderState(running=9)])


@given(
    st.lists(st.tuples(st.integers(1, 1000), STATES, st.sampled_from([YES, NO, None])), min_size=1, max_size=6),
    st.sampled_from(["ordered", "weighted"]),
    st.integers(),
)
def test_what_is_tried_is_what_is_explained_as_usable(made, order, seed) -> None:
    chat = route(*(weight for weight, _state, _decision in made), order=order)
    states = {f"p{number}": state for number, (_weight, state, _decision) in enumerate(made)}
    decisions = {
        target: decision
        for target, (_weight, _state, decision) in zip(chat.targets, made, strict=True)
        if decision is not None
    }
    tried = candidates(chat, states, decisions, random.Random(seed))
    assert len(set(tried)) == len(tried)
    assert all(decisions[target].allowed and states[target.provider].ready for target in tried)
    explained = explain("chat", chat, states, decisions)
    assert {target.provider for target in explained.usable} == {target.provider for target in tried}
    assert [target.provider for target in explained.targets] == [target.provider for target in chat.targets]
    if tried and order == "weighted":
        assert sum(target.share for target in explained.usable) == pytest.approx(1)


def test_an_explanation_says_why_of_each() -> None:
    chat = route(3, 1, 1, 1, order="weighted")
    states = {
        "p0": ProviderState(running=2, most_at_once=16),
        "p1": OPEN,
        "p3": ProviderState(running=4, waiting=7, most_at_once=4),
    }
    decisions = {**allowed(chat), chat.targets[2]: NO}
    explained = explain("chat", chat, states, decisions)
    assert [target.share for target in explained.targets] == [0.75, None, None, 0.25]
    assert [target.sentence for target in explained.targets] == [
        "Rule 1 allows it. It is ready: 2 of 16 calls are running.",
        "It failed lately, so it is left alone and tried again in 12 s.",
        "The policy does not let it go there.",
        "Rule 1 allows it. A call would wait: 4 of 4 calls are running, 7 wait before it.",
    ]


def test_the_refusal_is_the_policys_only_if_it_allows_nobody() -> None:
    chat = route(1, 1)
    refused = refusal(explain("chat", chat, {}, dict.fromkeys(chat.targets, NO)))
    assert isinstance(refused, PolicyRefuses)
    assert "p0: operator-not-allowed; p1: operator-not-allowed" in str(refused)
    away = refusal(explain("chat", chat, {"p0": OPEN}, {chat.targets[0]: YES, chat.targets[1]: NO}))
    assert isinstance(away, NoProviderReady)
    assert "p0: It failed lately, so it is left alone and tried again in 12 s." in str(away)
    assert (refused.retry_after_seconds, away.retry_after_seconds) == (None, 12.4)
    assert (refused.status, away.status) == (403, 503)
