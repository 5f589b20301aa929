"""One institute's rows for a recipe over numbers alone: complete ones, in no small cell.

Sums, squares and products of variables with very few values count how many rows have which value (or pair of
values), so rows with a rare one are left out, as the recipe ``glm`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from jazari.studies.contract import Output, Partition
from jazari.studies.data.table import Codes, Floats, Mask, Table, distinct_subjects
from jazari.studies.errors import BelowFloor
from jazari.studies.messages import Sums
from jazari.studies.recipes.cells import FEW_VALUES, count_subjects
from jazari.studies.saying import Names, Sentence, worded, worded_many

SUBJECTS_PER_PARAMETER = 3
"""Fewest subjects for each parameter: a model nearly as large as the data would give the rows away."""


@dataclass(frozen=True)
class NumericRows:
    """``values`` (used rows, variables) without missing ones; ``subject`` (used rows,).

    ``all_rows`` of the table; ``hidden``: subjects behind the rows that are not used; ``smallest``: the fewest
    subjects in a cell that the sums give away: all, and those with one value, or pair of values, of variables
    with so few values that sums count them.
    """

    values: Floats
    subject: Codes
    all_rows: int
    hidden: int
    smallest: int

    def evidence(self) -> Sums:
        """The counts of every round, and what the guard checks them by."""
        return {
            "rows": np.array(len(self.values)),
            "subjects": np.array(count_subjects(self.subject)),
            "all.rows": np.array(self.all_rows),
            "all.hidden": np.array(self.hidden),
            "smallest_cell": np.array(self.smallest),
        }


def choose_rows(table: Table, names: Sequence[str], floor: int, parameters: int) -> NumericRows:
    """The rows of ``table`` that may be used for a model with so many parameters over the variables ``names``.

    Raises ``BelowFloor`` when fewer subjects than ``floor``, or (unless the floor is 1) than
    ``SUBJECTS_PER_PARAMETER`` for each parameter, are left.
    """
    values = np.column_stack([table.numbers(name) for name in names])
    used = np.asarray(~np.isnan(values).any(axis=1))
    while True:
        kept = _with_company(used & ~_in_rare_cell(values, used, table.subject, floor), table.subject, floor)
        if (kept == used).all():
            break
        used = kept
    subjects = count_subjects(table.subject[used])
    _refuse_too_few(subjects, floor, parameters)
    smallest = min([subjects, *(int(s[s > 0].min()) for _, s in _cells(values, used, table.subject))])
    hidden = count_subjects(table.subject[~used])
    return NumericRows(values[used], table.subject[used], table.rows, hidden, smallest)


def _cells(values: Floats, used: Mask, subject: Codes) -> Iterator[tuple[Codes, Codes]]:
    """(cell of each row, subjects of each cell) for each variable with few values, and each pair of such."""
    factors = [codes for column in values.T if (codes := _few_valued(column, used)) is not None]
    for place, factor in enumerate(factors):
        yield factor, _subjects(factor, subject)
        for other in factors[place + 1 :]:
            pair = np.where(used, factor * FEW_VALUES + other, -1)
            yield pair, _subjects(pair, subject)


def _few_valued(column: Floats, used: Mask) -> Codes | None:
    levels = np.unique(column[used])
    if not 0 < levels.size <= FEW_VALUES:
        return None
    return np.where(used, np.searchsorted(levels, column), -1)


def _subjects(cell: Codes, subject: Codes) -> Codes:
    return distinct_subjects(cell, subject, int(cell.max()) + 1)


def _in_rare_cell(values: Floats, used: Mask, subject: Codes, floor: int) -> Mask:
    rare = np.zeros(used.shape, dtype=np.bool_)
    for cell, subjects in _cells(values, used, subject):
        rare |= np.append(subjects < floor, False)[cell]
    return rare


def _with_company(used: Mask, subject: Codes, floor: int) -> Mask:
    """Whoever knows the number of all rows derives how many are not used: so none, or ``floor`` subjects, are out."""
    out = np.unique(subject[~used])
    if not 0 < out.size < floor:
        return used
    others = np.setdiff1d(np.unique(subject[used]), out)
    return used & ~np.isin(subject, others[: floor - out.size])


def _refuse_too_few(subjects: int, floor: int, parameters: int) -> None:
    if subjects == 0 or subjects < floor:
        raise BelowFloor(
            "Fewer distinct subjects than the study's floor have all variables: this institute cannot take part."
        )
    if floor > 1 and subjects < SUBJECTS_PER_PARAMETER * parameters:
        raise BelowFloor(
            f"The study needs at least {SUBJECTS_PER_PARAMETER * parameters} subjects here: "
            "ask for fewer variables or groups."
        )


def count_output(name: str, shape: tuple[int, ...] = (), subjects: str | None = "subjects") -> Output:
    """A count that is about so many ``subjects``."""
    return Output(name=name, shape=shape, dtype="int64", lower=0, subjects=subjects)


def row_counts() -> tuple[tuple[Output, ...], tuple[Output, ...], tuple[Partition, ...]]:
    """Outputs, evidence and partitions of ``NumericRows.evidence``."""
    outputs = (count_output("rows"), count_output("subjects"))
    evidence = (
        count_output("all.rows", subjects=None),
        count_output("all.hidden", subjects=None),
        count_output("smallest_cell", subjects="smallest_cell"),
    )
    return outputs, evidence, (Partition(parts=("rows",), whole="all.rows", hidden="all.hidden"),)


def complete_data_sets(institutes: int, variables: Names) -> Sentence:
    """What leaves about rows without a missing value, of so many data sets."""
    return worded_many(
        "How many rows and subjects of each of the {count} data sets have no missing value in {variables}.",
        institutes,
        variables=variables,
    )


def rare_values(subjects: int) -> Sentence:
    """What is left out, and how many subjects are needed."""
    return worded(
        "Rows with a rare value of a variable that has at most three are left out, and {subjects} subjects are needed.",
        subjects=subjects,
    )
