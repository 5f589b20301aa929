"""Fixed point: totals are exact sums of rounded inputs, rounding stays small, and nothing can wrap."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.studies.contract import EXACT_INTEGERS, ROUNDING, Contract, Output
from jazari.studies.errors import BrokenContract, Unbounded
from jazari.studies.messages import Sums
from jazari.studies.secure.fixed_point import (
    CAPACITY,
    Words,
    exponents,
    flatten,
    from_words,
    resolution_of,
    size_of,
    to_words,
    unflatten,
)
from jazari.studies.secure.rules import MOST_INSTITUTES

BOUNDS = st.floats(1e-6, 1e12)
INSTITUTES = st.integers(1, MOST_INSTITUTES)
ROWS = st.integers(1, 20_000_000)


def one(bound: float, per: str | None = None, cells: int = 3) -> Contract:
    """A contract of a count and one array of sums within plus and minus ``bound``."""
    return Contract(
        phase="test",
        outputs=(
            Output(name="n", dtype="int64", lower=0),
            Output(name="s", shape=(cells,), lower=-bound, upper=bound, per=per),
        ),
    )


def total_of(contract: Contract, parts: list[Sums], scale: dict[str, int], institutes: int) -> Sums:
    """The total as the protocol makes it: words added modulo 2**64."""
    flat: list[Words] = [flatten(contract, to_words(contract, part, scale, institutes)) for part in parts]
    total = np.zeros(size_of(contract), dtype=np.uint64)
    for words in flat:
        total += words
    return from_words(contract, unflatten(contract, total), scale)


def rounded(value: float, exponent: int) -> Fraction:
    """``value`` to the nearest multiple of 2**exponent, ties to even, in exact arithmetic."""
    unit = Fraction(2) ** exponent
    return round(Fraction(value) / unit) * unit


@given(data=st.data(), bound=BOUNDS, institutes=st.integers(1, 12))
def test_a_total_is_the_exact_sum_of_the_rounded_inputs(data: st.DataObject, bound: float, institutes: int) -> None:
    contract = one(bound)
    values = st.lists(st.floats(-bound, bound), min_size=3, max_size=3)
    parts: list[Sums] = [
        {"n": np.array(data.draw(st.integers(0, 2**40))), "s": np.array(data.draw(values))} for _ in range(institutes)
    ]
    scale = exponents(contract, 1, institutes)
    total = total_of(contract, parts, scale, institutes)
    assert int(total["n"]) == sum(int(part["n"]) for part in parts)
    for cell in range(3):
        exact = sum((rounded(float(part["s"][cell]), scale["s"]) for part in parts), Fraction(0))
        assert total["s"][cell] == float(exact)


@given(bound=BOUNDS, institutes=INSTITUTES, rows=ROWS, per=st.booleans())
def test_rounding_is_below_1e_12_of_the_largest_total(bound: float, institutes: int, rows: int, per: bool) -> None:
    contract = one(bound, "n" if per else None)
    largest = bound * institutes * (rows if per else 1)
    rounding = resolution_of(contract, rows, institutes)["s"] / 2 * institutes
    assert rounding <= 1e-12 * largest
    assert resolution_of(contract, rows, institutes)["n"] == 1.0


@given(bound=BOUNDS, institutes=INSTITUTES, rows=ROWS, per=st.booleans())
def test_no_total_within_the_contract_wraps(bound: float, institutes: int, rows: int, per: bool) -> None:
    """Every institute sends the most that the guard lets through: the total still has its sign and its size."""
    contract = one(bound, "n" if per else None)
    scale = exponents(contract, rows, institutes)
    most = bound * (rows if per else 1) * (1 + ROUNDING)
    for sign in (1, -1):
        part = {"n": np.array(rows), "s": np.full(3, sign * most)}
        words = to_words(contract, part, scale, institutes)
        exact = int(words["s"].view(np.int64)[0]) * institutes
        assert abs(exact) < 2**63
        total = from_words(contract, {n: w * np.uint64(institutes) for n, w in words.items()}, scale)
        assert total["s"] == pytest.approx(sign * most * institutes, rel=1e-12)


@given(institutes=INSTITUTES, count=st.integers(0, EXACT_INTEGERS))
def test_counts_never_wrap_either(institutes: int, count: int) -> None:
    """The largest count of the contract, at every institute: added up exactly, or refused; never wrapped."""
    contract = Contract(phase="test", outputs=(Output(name="n", dtype="int64", lower=0),))
    try:
        words = to_words(contract, {"n": np.array(count)}, {"n": 0}, institutes)
    except BrokenContract:
        assert count > 2**CAPACITY / institutes
        return
    total = from_words(contract, {"n": words["n"] * np.uint64(institutes)}, {"n": 0})
    assert int(total["n"]) == count * institutes


@given(institutes=st.integers(1, 50), factor=st.floats(4.5, 1e6))
def test_what_could_wrap_is_refused_and_not_wrapped(institutes: int, factor: float) -> None:
    contract = one(1.0)
    part: Sums = {"n": np.array(1), "s": np.array([0.0, factor, 0.0])}
    with pytest.raises(BrokenContract):
        to_words(contract, part, exponents(contract, 1, institutes), institutes)


@pytest.mark.parametrize("change", [{"lower": None}, {"upper": None}, {"lower": None, "upper": None}])
def test_an_output_without_a_bound_is_refused(change: dict[str, None]) -> None:
    output = Output(name="s", lower=-1.0, upper=1.0).model_copy(update=change)
    with pytest.raises(Unbounded, match="declare the lower and upper"):
        exponents(Contract(phase="test", outputs=(output,)), 10, 3)


def test_bounds_beyond_float64_and_too_many_institutes_are_refused() -> None:
    contract = Contract(phase="test", outputs=(Output(name="s", lower=-1e308, upper=1e308),))
    with pytest.raises(Unbounded, match="too large"):
        exponents(contract, 1, 1000)
    for institutes in (0, MOST_INSTITUTES + 1):
        with pytest.raises(Unbounded):
            exponents(one(1.0), 1, institutes)


def test_an_output_that_can_only_be_zero_stays_zero() -> None:
    contract = Contract(phase="test", outputs=(Output(name="s", shape=(2,), lower=0.0, upper=0.0),))
    scale = exponents(contract, 5, 3)
    total = total_of(contract, [{"s": np.zeros(2)}] * 3, scale, 3)
    assert total["s"].tolist() == [0.0, 0.0]


@given(shapes=st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=0, max_size=4))
def test_words_keep_their_places_in_one_row(shapes: list[list[int]]) -> None:
    outputs = tuple(Output(name=f"o{i}", shape=tuple(s), lower=0.0, upper=1.0) for i, s in enumerate(shapes))
    contract = Contract(phase="test", outputs=outputs)
    start, words = 0, {}
    for output in outputs:
        size = math.prod(output.shape)
        words[output.name] = np.arange(start, start + size, dtype=np.uint64).reshape(output.shape)
        start += size
    flat = flatten(contract, words)
    assert flat.tolist() == list(range(size_of(contract)))
    again = unflatten(contract, flat)
    assert all(np.array_equal(again[name], words[name]) for name in words)
