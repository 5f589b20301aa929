"""Amounts of credits, routes and secrets as pure rules."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.credits import CREDIT
from jazari.gateway.errors import BadCredits, BadScope
from jazari.gateway.scopes import (
    MOST_GRANTED,
    Scope,
    check_scope,
    credits_text,
    microcredits,
    new_secret,
)
from jazari.gateway.words import DataClass


@given(st.integers(1, MOST_GRANTED))
def test_an_amount_written_as_credits_is_read_again_exactly(amount: int) -> None:
    assert microcredits(credits_text(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0"), (1, "0.000001"), (1_500_000, "1.5"), (-1_500_000, "-1.5"), (20 * CREDIT, "20")]
)
def test_credits_are_shown_without_needless_zeros(amount: int, text: str) -> None:
    assert credits_text(amount) == text


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.000000", "-1", "+1", "1e3", "1,5", "1.0000001", ".5", "5.", " 1", "1 ", "1\n", "NaN", "inf", "0x10",
     "1_000", "\u0661", "9007199254.740992", "999999999999", "9" * 100_000],
)  # fmt: skip
def test_what_is_no_amount_is_refused_never_rounded(text: str) -> None:
    with pytest.raises(BadCredits) as refused:
        microcredits(text)
    assert len(str(refused.value)) < 200


def test_the_most_that_can_be_granted_can_be_written() -> None:
    assert microcredits("9007199254.740991") == MOST_GRANTED


def test_routes_are_kept_in_order_each_once_and_a_star_takes_all() -> None:
    def routes(*asked: str) -> object:
        return check_scope(Scope(asked, DataClass.PUBLIC)).routes

    assert routes("small", "large", "small") == ("large", "small")
    assert routes("small", "*") == ("*",)
    assert routes("org/model:7b-q4@2") == ("org/model:7b-q4@2",)


@pytest.mark.parametrize("route", ["**", "a*", "a,b", "a\n", "é", "\u0661", "../x", "a\x00"])
def test_a_route_is_written_as_models_are(route: str) -> None:
    with pytest.raises(BadScope):
        check_scope(Scope((route,), DataClass.PUBLIC))


def test_a_secret_holds_256_random_bits_beside_its_id() -> None:
    key_id, secret = new_secret()
    start, shown, random_part = secret.split("-", 2)
    assert (start, shown) == ("jz", key_id)
    assert len(base64.urlsafe_b64decode(random_part + "=")) == 32
