"""Shamir's shares: enough find the secret, fewer fit every secret, wrong ones are found."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.studies.errors import BadShares
from jazari.studies.secure.sharing import MOST_HOLDERS, PRIME, Shares, combine, combine_each, split, values_of

SECRETS = st.binary(min_size=16, max_size=16)


def coefficients(data: st.DataObject, threshold: int, values: int = 8) -> npt.NDArray[np.uint64]:
    """Drawn as the protocol draws them: uniform below the prime."""
    source = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    return source.integers(0, PRIME, (threshold - 1, values), dtype=np.uint64)


def polynomial_at(secret: int, row: list[int], x: int) -> int:
    """The textbook polynomial whose value at 0 is the secret, in Python's own integers."""
    return (secret + sum(c * pow(x, power, PRIME) for power, c in enumerate(reversed(row), start=1))) % PRIME


@given(data=st.data(), secret=SECRETS, holders=st.integers(1, 9))
def test_any_enough_holders_find_the_secret(data: st.DataObject, secret: bytes, holders: int) -> None:
    threshold = data.draw(st.integers(1, holders))
    shares = split(secret, threshold, holders, coefficients(data, threshold))
    for chosen in combinations(range(holders), threshold):
        assert combine(shares[list(chosen)], chosen) == secret


@given(data=st.data(), secret=SECRETS, holders=st.integers(2, 40))
def test_shares_are_values_of_the_polynomial(data: st.DataObject, secret: bytes, holders: int) -> None:
    threshold = data.draw(st.integers(1, holders))
    drawn = coefficients(data, threshold)
    shares = split(secret, threshold, holders, drawn)
    values = np.frombuffer(secret, "<u2").tolist()
    for place, value in enumerate(values):
        column = [int(row[place]) for row in drawn]
        assert [polynomial_at(value, column, x) for x in range(1, holders + 1)] == shares[:, place].tolist()


@given(data=st.data(), secret=SECRETS, other=SECRETS, holders=st.integers(2, 7))
def test_fewer_shares_fit_every_secret(data: st.DataObject, secret: bytes, other: bytes, holders: int) -> None:
    """For shares below the threshold there are coefficients under which any other secret gives the very same ones,
    exactly one choice for each secret: so with uniform coefficients every secret is equally likely."""
    threshold = data.draw(st.integers(2, holders))
    shares = split(secret, threshold, holders, coefficients(data, threshold))
    chosen = data.draw(st.permutations(range(holders)))[: threshold - 1]
    drawn = np.array(
        [
            _coefficients_through([(0, value), *((h + 1, int(shares[h, place])) for h in chosen)])
            for place, value in enumerate(np.frombuffer(other, "<u2").tolist())
        ],
        dtype=np.uint64,
    ).T
    again = split(other, threshold, holders, np.ascontiguousarray(drawn))
    assert np.array_equal(again[list(chosen)], shares[list(chosen)])


def _coefficients_through(points: list[tuple[int, int]]) -> list[int]:
    """The coefficients (highest first, without the constant one) of the polynomial through so many points."""
    total = [0] * len(points)
    for own, value in points:
        basis, below = [1], 1
        for x, _ in points:
            if x != own:
                basis = [(a - x * b) % PRIME for a, b in zip([0, *basis], [*basis, 0], strict=True)]
                below = below * (own - x) % PRIME
        factor = value * pow(below, -1, PRIME) % PRIME
        total = [(t + factor * b) % PRIME for t, b in zip(total, basis, strict=True)]
    return total[:0:-1]


@given(data=st.data(), holders=st.integers(2, 7))
def test_below_the_threshold_shares_are_uniform_in_one_coefficient(data: st.DataObject, holders: int) -> None:
    """One share of a secret shared among two or more runs through the whole field as its coefficient does."""
    holder = data.draw(st.integers(0, holders - 1))
    target = data.draw(st.integers(0, PRIME - 1))
    secret = data.draw(st.binary(min_size=2, max_size=2))
    value = int.from_bytes(secret, "little")
    coefficient = (target - value) * pow(holder + 1, -1, PRIME) % PRIME
    shares = split(secret, 2, holders, np.array([[coefficient]], dtype=np.uint64))
    assert int(shares[holder, 0]) == target


@given(data=st.data(), secret=SECRETS, holders=st.integers(2, 9))
def test_a_wrong_share_is_found(data: st.DataObject, secret: bytes, holders: int) -> None:
    """Unless who sends it aims at a small change of the secret: then the secret is another one, never the right one."""
    threshold = data.draw(st.integers(2, holders))
    shares = split(secret, threshold, holders, coefficients(data, threshold))[:threshold].copy()
    place, who = data.draw(st.integers(0, 7)), data.draw(st.integers(0, threshold - 1))
    wrong = data.draw(st.integers(0, PRIME - 1).filter(lambda value: value != int(shares[who, place])))
    shares[who, place] = wrong
    try:
        found = combine(shares, range(threshold))
    except BadShares:
        return
    assert found != secret


def test_random_shares_are_found() -> None:
    source = np.random.default_rng(1)
    for _ in range(200):
        shares: Shares = source.integers(0, PRIME, (4, 8), dtype=np.uint64).astype(np.uint32)
        with pytest.raises(BadShares):
            combine(shares, (0, 1, 2, 3))


@given(data=st.data(), secrets=st.lists(SECRETS, min_size=0, max_size=5), holders=st.integers(1, 6))
def test_many_secrets_at_once(data: st.DataObject, secrets: list[bytes], holders: int) -> None:
    threshold = data.draw(st.integers(1, holders))
    each = [split(secret, threshold, holders, coefficients(data, threshold)) for secret in secrets]
    stacked = np.stack(each, axis=1) if each else np.zeros((holders, 0, 8), dtype=np.uint32)
    assert combine_each(stacked[:threshold], range(threshold)) == secrets


def test_thresholds_and_holders_out_of_range_are_refused() -> None:
    nothing = np.zeros((5, values_of(16)), dtype=np.uint64)
    for threshold, holders in ((0, 3), (4, 3), (3, MOST_HOLDERS)):
        with pytest.raises(BadShares):
            split(bytes(16), threshold, holders, nothing)
    shares = split(bytes(16), 2, 3, nothing)
    with pytest.raises(BadShares, match="twice"):
        combine(shares[[0, 0]], (0, 0))


def test_large_rosters_do_not_overflow() -> None:
    """The largest values that the arithmetic meets: every coefficient one below the prime."""
    holders, threshold = 1000, 667
    drawn = np.full((threshold - 1, 1), PRIME - 1, dtype=np.uint64)
    shares = split(b"\xff\xff", threshold, holders, drawn)
    for x in (1, 2, 999, 1000):
        assert int(shares[x - 1, 0]) == polynomial_at(0xFFFF, [PRIME - 1] * (threshold - 1), x)
    assert combine(shares[-threshold:], range(holders - threshold, holders)) == b"\xff\xff"
