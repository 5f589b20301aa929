"""Small cells: which to leave out so that none can be read, nor be derived by subtracting the rest.

A table of rows is divided into cells. A cell with 1 to ``floor`` - 1 distinct subjects is left out. Whoever
knows the whole can subtract what is released, so everything left out must together stand for at least
``floor`` subjects: while it does not, the smallest released cell is left out too. Where anything is left out,
empty cells are as well, so that nobody learns which of them are empty, except those of levels which the
institute does not even declare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask, distinct_subjects

FEW_VALUES = 3
"""With at most three distinct values, count, sum and sum of squares give away how many have which."""

LARGEST_SHARE = 0.8
"""The most that one subject may be of a sum of non-negative values: the (n, k) rule with n = 1 and k = 80 %
(Hundepool and others, Statistical Disclosure Control, 2012, section 4.2)."""


@dataclass(frozen=True)
class Division:
    """Rows of ``groups`` wholes divided into ``parts`` each.

    ``rows``, ``subjects`` (groups, parts): what is released, 0 where left out. ``left_out`` (groups, parts).
    ``behind`` (groups,): distinct subjects behind all that is left out of a group. ``kept``: one bool a row.
    """

    rows: Codes
    subjects: Codes
    left_out: Mask
    behind: Codes
    kept: Mask


def divide(
    group: Codes, part: Codes, subject: Codes, shape: tuple[int, int], floor: int, possible: Mask | None = None
) -> Division:
    """Count rows and subjects by (group, part) and leave out what the floor demands.

    ``group`` and ``part`` hold one index per row; a row with -1 in either is in no cell. ``possible`` (parts,)
    marks parts that can have rows at all; the others are known to be empty and never left out.
    """
    groups, parts = shape
    cell = np.where((group >= 0) & (part >= 0), group * parts + part, -1)
    rows = np.bincount(cell[cell >= 0], minlength=groups * parts).reshape(shape)
    subjects = distinct_subjects(cell, subject, groups * parts).reshape(shape)
    left_out = np.zeros(shape, dtype=np.bool_)
    behind = np.zeros(groups, dtype=np.int64)
    for index in np.flatnonzero(((subjects > 0) & (subjects < floor)).any(axis=1)):
        own = np.where(group == index, part, -1)
        left_out[index], behind[index] = _leave_out(own, subject, subjects[index], floor)
    if possible is not None:
        left_out &= possible
    kept = (cell >= 0) & ~np.append(left_out.ravel(), True)[cell]
    return Division(
        np.where(left_out, 0, rows).astype(np.int64), np.where(left_out, 0, subjects), left_out, behind, kept
    )


def _leave_out(part: Codes, subject: Codes, subjects: Codes, floor: int) -> tuple[Mask, int]:
    left_out = subjects < floor
    order = [int(cell) for cell in np.argsort(subjects, kind="stable") if subjects[cell] >= floor]
    behind = count_subjects(subject[(part >= 0) & left_out[part]])
    while behind < floor and order:
        left_out[order.pop(0)] = True
        behind = count_subjects(subject[(part >= 0) & left_out[part]])
    return left_out, behind


def count_subjects(subject: Codes) -> int:
    """How many different subjects there are."""
    return int(np.unique(subject).size)


def telling(group: Codes, values: Floats, subject: Codes, groups: int, floor: int) -> Mask:
    """Groups (groups,) whose sums would give away a small cell: few distinct values, one with few subjects.

    Rows with group -1 do not count.
    """
    inside = group >= 0
    distinct, code = np.unique(values[inside], return_inverse=True)
    if distinct.size == 0:
        return np.zeros(groups, dtype=np.bool_)
    key = group[inside] * distinct.size + code
    cells, index = np.unique(key, return_inverse=True)
    subjects = distinct_subjects(index, subject[inside], cells.size)
    owner = cells // distinct.size
    few = np.bincount(owner, minlength=groups) <= FEW_VALUES
    small = np.bincount(owner, weights=subjects < floor, minlength=groups) > 0
    return np.asarray(few & small)


def dominated(group: Codes, values: Floats, subject: Codes, groups: int) -> Mask:
    """Groups (groups,) in which one subject has more than ``LARGEST_SHARE`` of the sum of non-negative values.

    Whoever knows the sum then knows that subject's part within a quarter. Rows with group -1 do not count.
    """
    inside = group >= 0
    pairs, index = np.unique(group[inside] * (int(subject.max(initial=0)) + 1) + subject[inside], return_inverse=True)
    parts = np.bincount(index, weights=values[inside], minlength=pairs.size)
    owner = pairs // (int(subject.max(initial=0)) + 1)
    largest = np.zeros(groups)
    np.maximum.at(largest, owner, parts)
    return np.asarray(largest > LARGEST_SHARE * np.bincount(owner, weights=parts, minlength=groups))
