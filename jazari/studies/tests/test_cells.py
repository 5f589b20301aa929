"""Small cells: whatever the data, nothing about fewer subjects than the floor is released or follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.studies.data.table import distinct_subjects, encode_subjects
from jazari.studies.recipes.cells import divide, telling

_rows = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 4), st.integers(0, 30)), min_size=1, max_size=120)


@given(_rows, st.integers(1, 12))
def test_no_small_cell_is_released_nor_derivable(rows: list[tuple[int, int, int]], floor: int) -> None:
    group, part, subject = (np.array(column) for column in zip(*rows, strict=True))
    division = divide(group, part, subject, (3, 5), floor)
    for g in range(3):
        cells = [set(subject[(group == g) & (part == p)].tolist()) for p in range(5)]
        hidden = division.left_out[g]
        assert all(hidden[p] or not 0 < len(cells[p]) < floor for p in range(5))
        assert [0 if hidden[p] else len(cells[p]) for p in range(5)] == division.subjects[g].tolist()
        behind = set().union(*(cells[p] for p in range(5) if hidden[p]), set())
        everybody = set().union(*cells)
        assert not hidden.any() or len(behind) >= min(floor, len(everybody))
        assert division.behind[g] == len(behind)
        released = [int(((group == g) & (part == p)).sum()) * (not hidden[p]) for p in range(5)]
        assert division.rows[g].tolist() == released


@given(_rows, st.integers(1, 12))
def test_nothing_is_left_out_without_need(rows: list[tuple[int, int, int]], floor: int) -> None:
    group, part, subject = (np.array(column) for column in zip(*rows, strict=True))
    division = divide(group, part, subject, (3, 5), floor)
    for g in range(3):
        sizes = [len(set(subject[(group == g) & (part == p)].tolist())) for p in range(5)]
        assert division.left_out[g].any() == any(0 < size < floor for size in sizes)


@given(_rows, st.integers(1, 12))
def test_kept_rows_are_those_of_the_released_cells(rows: list[tuple[int, int, int]], floor: int) -> None:
    group, part, subject = (np.array(column) for column in zip(*rows, strict=True))
    division = divide(group, part, subject, (3, 5), floor)
    assert int(division.kept.sum()) == int(division.rows.sum())


def test_missing_against_present_is_protected() -> None:
    """997 present and 3 missing of 1000: telling either tells the other, so neither is told."""
    part = np.array([1] * 997 + [0] * 3)
    division = divide(np.zeros(1000, dtype=int), part, np.arange(1000), (1, 2), 10)
    assert division.left_out.all()
    assert division.rows.sum() == 0


def test_the_smallest_good_cell_goes_with_a_small_one() -> None:
    part = np.repeat([0, 1, 2], [100, 4, 20])
    division = divide(np.zeros(124, dtype=int), part, np.arange(124), (1, 3), 10)
    assert division.left_out.tolist() == [[False, True, True]]
    assert division.behind.tolist() == [24]


def test_two_small_cells_protect_each_other() -> None:
    part = np.repeat([0, 1, 2], [100, 6, 7])
    division = divide(np.zeros(113, dtype=int), part, np.arange(113), (1, 3), 10)
    assert division.left_out.tolist() == [[False, True, True]]


def test_rows_of_one_subject_count_once() -> None:
    division = divide(np.zeros(100, dtype=int), np.zeros(100, dtype=int), np.arange(100) // 20, (1, 1), 10)
    assert division.left_out.all()


def test_cells_that_cannot_have_rows_are_not_left_out() -> None:
    possible = np.array([True, True, False])
    part = np.repeat([0, 1], [100, 4])
    division = divide(np.zeros(104, dtype=int), part, np.arange(104), (1, 3), 10, possible)
    assert division.left_out.tolist() == [[True, True, False]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0] * 95 + [1.0] * 5, True),
        ([0.0] * 50 + [1.0] * 50, False),
        ([7.0] * 100, False),
        ([0.0] * 60 + [1.0] * 35 + [2.0] * 5, True),
        (list(range(100)), False),
    ],
)
def test_sums_of_few_values_would_count_them(values: list[float], expected: bool) -> None:
    group = np.zeros(100, dtype=np.int64)
    assert telling(group, np.array(values, dtype=float), np.arange(100), 1, 10).tolist() == [expected]


def test_no_rows_tell_nothing() -> None:
    assert telling(np.full(3, -1), np.zeros(3), np.arange(3), 2, 10).tolist() == [False, False]


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 5)), min_size=1, max_size=50))
def test_distinct_subjects(rows: list[tuple[int, int]]) -> None:
    cell, subject = (np.array(column) for column in zip(*rows, strict=True))
    expected = [len({s for c, s in rows if c == k}) for k in range(4)]
    assert distinct_subjects(cell, subject, 4).tolist() == expected


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_subjects_are_numbered_by_all_their_columns(rows: list[tuple[float, int]]) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    codes, count = encode_subjects(columns, len(rows))
    assert count == len(set(rows))
    assert len({(code, row) for code, row in zip(codes.tolist(), rows, strict=True)}) == count
    assert set(codes.tolist()) == set(range(count))


def test_without_subject_columns_each_row_is_one() -> None:
    codes, count = encode_subjects([], 3)
    assert (codes.tolist(), count) == ([0, 1, 2], 3)
