"""What calls cost: never more than was reserved, whatever a provider says."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.credits import (
    CREDIT,
    Charge,
    Price,
    Seen,
    believed,
    charge,
    estimate,
    most_prompt_tokens,
    upper_bound,
)
from jazari.gateway.scripts import Script
from jazari.gateway.words import Usage

LATIN, TIFINAGH = Script.LATIN, Script.TIFINAGH
PRICE = Price(input=2 * CREDIT, output=6 * CREDIT, weights={TIFINAGH: Fraction(3, 10)})

scripts = st.sampled_from(Script)
amounts = st.integers(0, 10**9)
weights = st.dictionaries(scripts, st.fractions(0, 4, max_denominator=100))
prices = st.builds(Price, amounts, amounts, weights)
claims = st.one_of(
    st.none(),
    st.text(),
    st.dictionaries(
        st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"]),
        st.one_of(
            st.integers(-(10**30), 10**30), st.none(), st.booleans(), st.floats(), st.text(), st.lists(st.none())
        ),
    ),
)
seen_calls = st.builds(
    Seen,
    prompt_bytes=st.integers(0, 10**6),
    answer_bytes=st.integers(0, 10**6),
    messages=st.integers(0, 100),
    most_output=st.integers(0, 100_000),
    prompt_script=scripts,
    answer_script=scripts,
    images=st.integers(0, 5),
)


def test_a_charge_is_tokens_times_price() -> None:
    assert charge(PRICE, Usage(1000, 500), LATIN, LATIN, 10 * CREDIT) == Charge(5 * CREDIT, False)


def test_the_weight_of_a_script_applies_to_its_own_side() -> None:
    assert charge(PRICE, Usage(1000, 500), TIFINAGH, LATIN, 10 * CREDIT).amount == 600_000 + 3 * CREDIT
    assert charge(PRICE, Usage(1000, 500), LATIN, TIFINAGH, 10 * CREDIT).amount == 2 * CREDIT + 900_000


def test_the_same_words_cost_about_the_same_in_tifinagh() -> None:
    # Counted with Mistral's tokeniser: 13 tokens in French, 42 in Tifinagh.
    french = charge(PRICE, Usage(13, 13), LATIN, LATIN, CREDIT).amount
    tamazight = charge(PRICE, Usage(42, 42), TIFINAGH, TIFINAGH, CREDIT).amount
    assert abs(tamazight - french) < french / 20


def test_a_fraction_of_a_microcredit_is_rounded_up_once() -> None:
    assert charge(Price(1, 1), Usage(1, 1), LATIN, LATIN, 10).amount == 1
    assert charge(Price(0, 0), Usage(10**6, 10**6), LATIN, LATIN, 10).amount == 0


def test_a_price_is_not_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        Price(-1, 0)
    with pytest.raises(ValueError, match="not negative"):
        Price(0, 0, {LATIN: Fraction(-1)})


@given(prices, seen_calls, claims)
def test_whatever_the_provider_claims_the_bound_holds(price: Price, seen: Seen, claimed: object) -> None:
    usage = believed(claimed, seen)
    reserved = upper_bound(price, seen.prompt_bytes, seen.messages, seen.most_output, seen.images)
    assert charge(price, usage, seen.prompt_script, seen.answer_script, reserved) == Charge(
        price.cost(usage, seen.prompt_script, seen.answer_script), capped=False
    )
    assert 0 <= usage.prompt_tokens <= most_prompt_tokens(seen.prompt_bytes, seen.messages, seen.images)
    assert 0 <= usage.completion_tokens <= seen.most_output


@given(prices, st.builds(Usage, st.integers(-(10**6), 10**9), st.integers(-(10**6), 10**9)), scripts, scripts, amounts)
def test_a_charge_stays_within_what_was_reserved(
    price: Price, usage: Usage, prompt: Script, answer: Script, reserved: int
) -> None:
    found = charge(price, usage, prompt, answer, reserved)
    assert 0 <= found.amount <= reserved
    assert found.capped == (price.cost(usage, prompt, answer) > reserved)


SEEN = Seen(400, 80, 2, 50, LATIN, LATIN)


def test_an_honest_claim_is_believed() -> None:
    assert believed({"prompt_tokens": 110, "completion_tokens": 21}, SEEN) == Usage(110, 21)


@pytest.mark.parametrize(
    ("claimed", "usage"),
    [
        (None, Usage(100, 20, True)),
        ("many", Usage(100, 20, True)),
        ({}, Usage(100, 20, True)),
        ({"prompt_tokens": -5, "completion_tokens": 21}, Usage(100, 21, True)),
        ({"prompt_tokens": 10**9, "completion_tokens": 21}, Usage(100, 21, True)),
        ({"prompt_tokens": 110, "completion_tokens": 51}, Usage(110, 20, True)),
        ({"prompt_tokens": 110, "completion_tokens": 0}, Usage(110, 20, True)),
        ({"prompt_tokens": 110, "completion_tokens": True}, Usage(110, 20, True)),
        ({"prompt_tokens": 110.0, "completion_tokens": "21"}, Usage(100, 20, True)),
    ],
)
def test_what_cannot_be_true_is_estimated_and_marked(claimed: object, usage: Usage) -> None:
    assert believed(claimed, SEEN) == usage


def test_an_embedding_writes_nothing() -> None:
    seen = Seen(400, 0, 1, 0, LATIN, LATIN)
    assert believed({"prompt_tokens": 110}, seen) == Usage(110, 0)


def test_an_estimate_is_near_what_tokenisers_count() -> None:
    # Bytes and tokens of one meaning as measured: French 13, Arabic 11, Tifinagh 42.
    assert estimate(50, LATIN) == 13
    assert estimate(44, Script.ARABIC) == 11
    assert estimate(43, TIFINAGH) == 43


def test_an_image_counts_as_tokens_not_as_bytes() -> None:
    assert most_prompt_tokens(10, 1, 2) - most_prompt_tokens(10, 1) == 2 * 16_384
