"""Subtracting answers: every choice of cells is tried here, and the cut finds the same."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jazari.studies.data.identity import join, numbered
from jazari.studies.differencing import Cells, largest_leverage, too_similar


def cells(cell: list[int], subject: list[int] | None = None, value: list[int] | None = None) -> Cells:
    """A division of rows 0 to n - 1, -1 in no cell; by default each row is a subject and has its own value."""
    where = np.array(cell)
    who = np.array(subject if subject is not None else range(len(cell)), dtype=np.uint64)
    what = np.array(value if value is not None else range(len(cell)), dtype=np.uint64)
    inside = where >= 0
    return Cells(where[inside], who[inside], {"x": numbered(join(who, what)[inside])})


def subsets(numbers: Any) -> Any:
    numbers = sorted(set(numbers))
    return chain.from_iterable(combinations(numbers, size) for size in range(len(numbers) + 1))


def smallest_difference(one: list[int], other: list[int]) -> int:
    """By trying all unions of cells: the fewest rows, but not none, that two of them differ by."""
    a, b = np.array(one), np.array(other)
    found = [
        int((np.isin(a, s) ^ np.isin(b, t)).sum())
        for s in subsets(a[a >= 0].tolist())
        for t in subsets(b[b >= 0].tolist())
        if s or t
    ]
    return min((size for size in found if size), default=10**6)


_cell = st.integers(-1, 3)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_cell, _cell), min_size=1, max_size=40), st.integers(1, 12))
def test_the_cut_finds_every_small_difference(rows: list[tuple[int, int]], floor: int) -> None:
    one, other = (list(column) for column in zip(*rows, strict=True))
    expected = smallest_difference(one, other) < floor
    assert too_similar(cells(one), cells(other), floor) == expected


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(_cell, _cell, st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(1, 6),
)
def test_with_several_rows_a_subject_no_small_difference_is_missed(
    rows: list[tuple[int, int, int]], floor: int
) -> None:
    one, other, subject = (list(column) for column in zip(*rows, strict=True))
    a, b, who = np.array(one), np.array(other), np.array(subject)
    small = False
    for s in subsets(a[a >= 0].tolist()):
        for t in subsets(b[b >= 0].tolist()):
            small |= 0 < np.unique(who[np.isin(a, s) ^ np.isin(b, t)]).size < floor
    if small:
        assert too_similar(cells(one, subject), cells(other, subject), floor)


def test_the_same_again_and_disjoint_groups_are_no_difference() -> None:
    halves = [0] * 20 + [1] * 20
    assert not too_similar(cells(halves), cells(halves), 10)
    assert not too_similar(cells([0] * 20 + [-1] * 20), cells([-1] * 20 + [0] * 20), 10)
    assert not too_similar(cells(halves), cells([0] * 40), 10)


def test_one_person_more_or_less_or_with_another_value_is_a_difference() -> None:
    everybody = cells([0] * 40)
    assert too_similar(cells([0] * 39 + [-1]), everybody, 10)
    assert too_similar(cells([0] * 41), everybody, 10)
    assert too_similar(cells([0] * 40, value=[*range(39), 99]), everybody, 10)
    assert not too_similar(cells([0] * 50), everybody, 10)


def test_a_change_of_unit_does_not_hide_who_was_added() -> None:
    assert too_similar(cells([0] * 41, value=list(range(100, 141))), cells([0] * 40), 10)


def test_other_variables_cannot_be_subtracted() -> None:
    one = cells([0] * 40)
    other = Cells(one.cell[:-1], one.subject[:-1], {"y": one.content["x"][:-1]})
    assert not too_similar(other, one, 10)


def test_leverage_is_one_where_three_answers_single_somebody_out() -> None:
    """A = {x} + M, B = M + C, C: no two differ by few, and A - B + C is x."""
    a = cells([0] * 20 + [-1] * 20)
    b = cells([-1] + [0] * 39)
    c = cells([-1] * 20 + [0] * 20)
    assert largest_leverage([a, b, c], "x") == pytest.approx(1.0)
    assert largest_leverage([a, b], "x") < 1 / 3
    assert not too_similar(c, a, 10)
    assert not too_similar(c, b, 10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_cell, _cell, _cell), min_size=2, max_size=25))
def test_leverage_is_the_diagonal_of_the_projection(rows: list[tuple[int, int, int]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    matrix = np.array([[float(row[k] == c) for row in rows] for k in range(3) for c in range(4)])
    projection = np.linalg.pinv(matrix) @ matrix
    divided = [cells(column) for column in columns]
    assert largest_leverage(divided, "x") == pytest.approx(float(np.diag(projection).max()), abs=1e-7)


def test_the_digest_does_not_depend_on_the_order_of_rows() -> None:
    one = cells([0, 0, 1, 1], [1, 2, 2, 2], [7, 7, 8, 9])
    other = cells([1, 0, 1, 0], [2, 2, 2, 1], [9, 7, 8, 7])
    assert one.digest == other.digest
    assert one.digest != cells([0, 1, 1, 1], [1, 2, 2, 2], [7, 7, 8, 9]).digest
