"""What a linear model asks for, and one institute's rows for it.

Design columns: the intercept, each numeric predictor, and one column for every level of each category. The
coordinator's update later drops the reference level of each category, so that the contract does not depend
on which levels occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jazari.studies.contract import Output, Partition
from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Codes, Floats, Mask, Table, distinct_subjects
from jazari.studies.errors import BadParameters, BelowFloor
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Division, Plan
from jazari.studies.recipes.cells import FEW_VALUES, count_subjects
from jazari.studies.saying import Sentence, worded

SUBJECTS_PER_COLUMN = 3
"""Fewest subjects for each coefficient: a model nearly as large as the data would give the rows away."""

MAX_COLUMNS = 300
MAX_BINARY = 1.0
Names = Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]


class GlmParameters(BaseModel):
    """``ridge`` penalises half the sum of squared standardised coefficients, never the intercept.

    ``binomial`` takes one response: a number that is 0 or 1, or a category of which ``positive`` is the event.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    family: Literal["gaussian", "binomial"]
    responses: Names
    predictors: Names
    intercept: bool = True
    ridge: float = Field(default=0.0, ge=0, le=1e12)
    positive: str | None = None
    max_iterations: int = Field(default=25, ge=1, le=200)

    @model_validator(mode="after")
    def _sound(self) -> GlmParameters:
        names = (*self.responses, *self.predictors)
        if len(set(names)) != len(names):
            raise ValueError("a variable is listed twice")
        if self.family == "binomial" and len(self.responses) != 1:
            raise ValueError("a binomial model has exactly one response")
        if self.family == "gaussian" and self.positive is not None:
            raise ValueError("only a binomial model has a positive level")
        return self


@dataclass(frozen=True)
class Design:
    """The columns and responses of a plan."""

    plan: Plan

    @cached_property
    def predictors(self) -> tuple[AgreedVariable, ...]:
        """The predictors in order."""
        return tuple(self.plan.variable(name) for name in self.plan.parameters.predictors)

    @cached_property
    def responses(self) -> tuple[AgreedVariable, ...]:
        """The responses in order."""
        return tuple(self.plan.variable(name) for name in self.plan.parameters.responses)

    @cached_property
    def numeric(self) -> tuple[AgreedVariable, ...]:
        """Variables whose moments scale the model: numeric predictors, then the responses of a gaussian model."""
        chosen = [variable for variable in self.predictors if variable.kind == "numeric"]
        return (*chosen, *(self.responses if self.plan.parameters.family == "gaussian" else ()))

    @cached_property
    def categories(self) -> tuple[AgreedVariable, ...]:
        """The predictors that are categories."""
        return tuple(variable for variable in self.predictors if variable.kind == "category")

    @cached_property
    def terms(self) -> tuple[tuple[str, str | None], ...]:
        """(variable, level or None) of each column; ("", None) is the intercept."""
        return tuple(self._terms())

    def _terms(self) -> Iterator[tuple[str, str | None]]:
        if self.plan.parameters.intercept:
            yield "", None
        for variable in self.predictors:
            yield from ((variable.name, level) for level in variable.levels or (None,))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns as a result names them: ``intercept``, ``soil_ph``, ``crop=Wheat``."""
        named = (f"{name}={level}" if level is not None else name or "intercept" for name, level in self.terms)
        return tuple(named)

    def check(self) -> None:
        """Raise ``BadParameters`` unless responses and size fit."""
        parameters = self.plan.parameters
        for response in self.responses:
            if parameters.family == "gaussian":
                self.plan.variable(response.name, "numeric")
            else:
                self._check_binary(response)
        self._check_size()

    def _check_size(self) -> None:
        if len(self.terms) > MAX_COLUMNS:
            raise BadParameters(
                f"The model has {len(self.terms)} columns and {MAX_COLUMNS} are allowed: "
                "use fewer predictors or levels."
            )

    def _check_binary(self, response: AgreedVariable) -> None:
        positive = self.plan.parameters.positive
        if response.kind == "category":
            if positive not in response.levels:
                raise BadParameters(f"Name the level of {response.name!r} that counts as the event in `positive`.")
        elif positive is not None or (response.lower, response.upper) != (0.0, MAX_BINARY):
            raise BadParameters(f"{response.name!r} must be a category or a number declared from 0 to 1.")


@dataclass(frozen=True)
class Rows:
    """The rows that enter the model: complete, and in no small cell. ``smallest``: subjects of the least cell."""

    used: Mask
    smallest: int
    left_behind: int


@dataclass(frozen=True)
class LocalDesign:
    """One institute's columns for a design, before scaling. All arrays have one entry per row of the table."""

    design: Design
    table: Table

    @cached_property
    def codes(self) -> dict[str, Codes]:
        """The categories as agreed indexes."""
        return {v.name: self.table.levels(v.name, v.levels) for v in self.design.categories}

    @cached_property
    def response(self) -> Floats:
        """(rows, responses), NaN where missing."""
        columns = [self._response(variable) for variable in self.design.responses]
        return np.column_stack(columns)

    def _response(self, variable: AgreedVariable) -> Floats:
        if variable.kind == "numeric":
            return self.table.numbers(variable.name)
        codes = self.table.levels(variable.name, variable.levels)
        event = variable.levels.index(str(self.design.plan.parameters.positive))
        return np.where(codes < 0, np.nan, codes == event)

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        """The numeric predictors, and the responses by position."""
        return {v.name: self.table.numbers(v.name) for v in self.design.predictors if v.kind == "numeric"}

    @cached_property
    def complete(self) -> Mask:
        """Rows without a missing value in any predictor or response."""
        mask = ~np.isnan(self.response).any(axis=1)
        for column in self.numbers.values():
            mask &= ~np.isnan(column)
        for codes in self.codes.values():
            mask &= codes >= 0
        return np.asarray(mask)

    def choose(self) -> Rows:
        """The rows that may be used; raises ``BelowFloor`` when too few subjects are left.

        Every level of a predictor, alone, with another predictor's level and with the outcome, must have no
        or ``floor`` subjects, since X'X and X'y give such counts away. Rows are left out by their predictors
        alone, never by their outcome, so that the coefficients stay unbiased.
        """
        floor, used = self.design.plan.floor, self.complete
        self._refuse_rare_outcome(used, floor)
        while True:
            kept = self._leave_out_some(self._without_small_cells(used, floor), floor)
            if (kept == used).all():
                break
            used = kept
        self._refuse_too_few(used, floor)
        return Rows(used, self._smallest(used), count_subjects(self.table.subject[~used]))

    def divisions(self, used: Mask) -> tuple[Division, ...]:
        """The rows used, whole, by each factor and outcome, and by each pair of which one is a factor."""
        measured = tuple(v.name for v in (*self.design.predictors, *self.design.responses))
        factors, outcomes = self._named_factors(used), self._named_outcomes(used)
        single = [np.where(used, 0, -1), *factors.values(), *outcomes.values()]
        found = [Division(measured, cell) for cell in single]
        for place, (name, factor) in enumerate(factors.items()):
            others = {**dict(list(factors.items())[place + 1 :]), **outcomes}
            found += [Division((name, other), cross(factor, cell)) for other, cell in others.items()]
        return tuple(found)

    def _outcomes(self, used: Mask) -> list[Codes]:
        return list(self._named_outcomes(used).values())

    def _factors(self, used: Mask) -> list[Codes]:
        return list(self._named_factors(used).values())

    def _named_outcomes(self, used: Mask) -> dict[str, Codes]:
        return _few({v.name: self.response[:, index] for index, v in enumerate(self.design.responses)}, used)

    def _named_factors(self, used: Mask) -> dict[str, Codes]:
        return {name: np.where(used, codes, -1) for name, codes in self.codes.items()} | _few(self.numbers, used)

    def _refuse_rare_outcome(self, used: Mask, floor: int) -> None:
        for outcome in self._outcomes(used):
            if self._small(outcome, floor).any():
                raise BelowFloor(
                    "An outcome occurs in fewer distinct subjects than the study's floor of "
                    f"{floor}: this institute cannot take part."
                )

    def _without_small_cells(self, used: Mask, floor: int) -> Mask:
        factors, outcomes = self._factors(used), self._outcomes(used)
        drop = np.zeros(used.shape, dtype=np.bool_)
        for place, factor in enumerate(factors):
            drop |= self._rare(factor, floor)
            for other in factors[place + 1 :]:
                drop |= self._rare(cross(factor, other), floor)
            for outcome in outcomes:
                drop |= self._rare_with(factor, outcome, floor)
        return used & ~drop

    def _small(self, cell: Codes, floor: int) -> Mask:
        subjects = distinct_subjects(cell, self.table.subject, int(cell.max(initial=-1)) + 1)
        return np.asarray((subjects > 0) & (subjects < floor))

    def _rare(self, cell: Codes, floor: int) -> Mask:
        return np.asarray(np.append(self._small(cell, floor), False)[cell])

    def _rare_with(self, factor: Codes, outcome: Codes, floor: int) -> Mask:
        """Rows of each level of ``factor`` in which some outcome is rare: the whole level."""
        in_small = self._rare(cross(factor, outcome), floor)
        levels = np.unique(factor[in_small])
        return np.isin(factor, levels[levels >= 0])

    def _leave_out_some(self, used: Mask, floor: int) -> Mask:
        """If only 1 to floor - 1 subjects are left out, their count could be derived: leave out a few more."""
        subject = self.table.subject
        out = np.unique(subject[~used])
        if not 0 < out.size < floor:
            return used
        others = np.setdiff1d(np.unique(subject[used]), out)
        return used & ~np.isin(subject, others[: floor - out.size])

    def _refuse_too_few(self, used: Mask, floor: int) -> None:
        subjects = count_subjects(self.table.subject[used])
        if subjects < floor or subjects == 0:
            raise BelowFloor(
                "Fewer distinct subjects than the study's floor can be used for the model: "
                "this institute cannot take part."
            )
        if floor > 1 and subjects < SUBJECTS_PER_COLUMN * self._columns(used):
            raise BelowFloor(
                f"The model needs at least {SUBJECTS_PER_COLUMN} subjects here for each coefficient: "
                "use fewer predictors or levels."
            )

    def _columns(self, used: Mask) -> int:
        levels = sum(len(np.unique(codes[used])) - 1 for codes in self.codes.values())
        return 1 + len(self.numbers) + levels

    def _smallest(self, used: Mask) -> int:
        """The least number of subjects in any cell that the sums give away."""
        factors = self._factors(used)
        cells = [np.where(used, 0, -1), *factors, *self._outcomes(used)]
        cells += [cross(a, b) for i, a in enumerate(factors) for b in (*factors[i + 1 :], *self._outcomes(used))]
        counts = [distinct_subjects(c, self.table.subject, int(c.max(initial=-1)) + 1) for c in cells]
        return int(min(count[count > 0].min(initial=np.iinfo(np.int64).max) for count in counts))

    def counts(self, rows: Rows) -> Sums:
        """The arrays of ``row_counts``."""
        return {
            "rows": np.array(int(rows.used.sum())),
            "subjects": np.array(count_subjects(self.table.subject[rows.used])),
            "all.rows": np.array(self.table.rows),
            "all.hidden": np.array(rows.left_behind),
            "smallest_cell": np.array(rows.smallest),
        }

    def moments(self, used: Mask, centre: Floats) -> Sums:
        """Sums and squares of the numeric variables around ``centre``, and rows of each level."""
        numeric = zip(self.design.numeric, centre, strict=True)
        columns = [self.table.numbers(variable.name)[used] - middle for variable, middle in numeric]
        sums: Sums = {
            "sum": np.array([column.sum() for column in columns], dtype=np.float64),
            "squares": np.array([column @ column for column in columns], dtype=np.float64),
        }
        for variable in self.design.categories:
            codes = self.codes[variable.name][used]
            sums[f"levels.{variable.name}"] = np.bincount(codes, minlength=len(variable.levels)).astype(np.int64)
        return sums

    def matrix(self, used: Mask, centre: Floats, scale: Floats) -> Floats:
        """(used rows, columns): numbers less ``centre``, over ``scale`` (by numeric variable), levels as 0 and 1."""
        place = {variable.name: index for index, variable in enumerate(self.design.numeric)}
        matrix = np.ones((int(used.sum()), len(self.design.terms)))
        for column, (name, level) in enumerate(self.design.terms):
            if level is not None:
                index = self.design.plan.variable(name).levels.index(level)
                matrix[:, column] = self.codes[name][used] == index
            elif name:
                matrix[:, column] = (self.numbers[name][used] - centre[place[name]]) / scale[place[name]]
        return matrix


def count_output(name: str, shape: tuple[int, ...] = (), subjects: str | None = "subjects") -> Output:
    """A count in a contract."""
    return Output(name=name, shape=shape, dtype="int64", lower=0, subjects=subjects)


def row_counts() -> tuple[list[Output], dict[str, Any]]:
    """The counts of every round, and evidence that neither they nor what they leave out is small."""
    evidence = (count_output("all.rows", subjects=None), count_output("all.hidden", subjects=None),
                count_output("smallest_cell", subjects="smallest_cell"))  # fmt: skip
    partitions = (Partition(parts=("rows",), whole="all.rows", hidden="all.hidden"),)
    return [count_output("rows"), count_output("subjects")], {"evidence": evidence, "partitions": partitions}


def largest_shift(variables: tuple[AgreedVariable, ...], centre: Floats, scale: Floats) -> float | None:
    """The largest abs(value - centre) / scale in the agreed ranges, or None where one is not agreed."""
    widths = []
    for variable, middle, size in zip(variables, centre, scale, strict=True):
        if variable.lower is None or variable.upper is None:
            return None
        widths.append(max(variable.upper - middle, middle - variable.lower) / size)
    return float(max(widths, default=0.0))


def _few(columns: Mapping[str, Floats], used: Mask) -> dict[str, Codes]:
    """The columns that have few values, as codes."""
    coded = {name: _few_valued(column, used) for name, column in columns.items()}
    return {name: codes for name, codes in coded.items() if codes is not None}


def _few_valued(column: Floats, used: Mask) -> Codes | None:
    """Codes of a numeric column with so few values that its sums count them; -1 for rows that are not used."""
    values = np.unique(column[used])
    if not 0 < values.size <= FEW_VALUES:
        return None
    codes = np.full(column.shape, -1, dtype=np.int64)
    codes[used] = np.searchsorted(values, column[used])
    return codes


def cross(one: Codes, other: Codes, width: int | None = None) -> Codes:
    """One code for each pair of codes, -1 where either is. ``width``: how many ``other`` can have."""
    width = int(other.max(initial=-1)) + 1 if width is None else width
    return np.where((one >= 0) & (other >= 0), one * width + other, -1)


def rows_of_levels(name: str) -> Sentence:
    """What leaves about the levels of a category."""
    return worded("How many rows have each level of {name}.", name=name)
