"""What a Cox model asks for: its parameters, its columns and its output contracts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jazari.studies.contract import Contract, Output, Partition
from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Floats
from jazari.studies.errors import BadParameters
from jazari.studies.recipes.glm_design import Design, Names, count_output, row_counts

MAX_NUMBERS = 500_000
"""Numbers by interval that one message may hold: intervals times columns, twice for Efron."""

Grid = Annotated[tuple[float, ...], Field(min_length=2, max_length=501)]


class CoxParameters(BaseModel):
    """``grid``: increasing edges of time, in the unit of ``duration``, the first at or below its lower bound.

    A duration counts as the end of its interval, which includes its own last edge; whoever leaves in an interval,
    with the event or without, is at risk in it. Durations beyond the last edge are censored there. ``event`` is a
    number that is 0 or 1, or a category of which ``positive`` is the event. ``ridge`` penalises half the sum of
    squared standardised coefficients.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    duration: str
    event: str
    predictors: Names
    grid: Grid
    ties: Literal["breslow", "efron"] = "efron"
    positive: str | None = None
    ridge: float = Field(default=0.0, ge=0, le=1e12)
    max_iterations: int = Field(default=25, ge=1, le=200)

    @field_validator("grid")
    @classmethod
    def _increasing(cls, grid: Grid) -> Grid:
        if grid[0] < 0 or any(low >= high for low, high in pairwise(grid)):
            raise ValueError("the edges of the grid must increase and not be negative")
        return grid

    @model_validator(mode="after")
    def _sound(self) -> CoxParameters:
        names = (self.duration, self.event, *self.predictors)
        if len(set(names)) != len(names):
            raise ValueError("a variable is listed twice")
        return self


@dataclass(frozen=True)
class CoxDesign(Design):
    """The columns of a plan: as in a linear model without an intercept, which the baseline hazard replaces."""

    @cached_property
    def responses(self) -> tuple[AgreedVariable, ...]:
        """The event."""
        return (self.plan.variable(self.plan.parameters.event),)

    @cached_property
    def numeric(self) -> tuple[AgreedVariable, ...]:
        """The numeric predictors."""
        return tuple(variable for variable in self.predictors if variable.kind == "numeric")

    def _terms(self) -> Iterator[tuple[str, str | None]]:
        for variable in self.predictors:
            yield from ((variable.name, level) for level in variable.levels or (None,))

    @cached_property
    def edges(self) -> Floats:
        """(intervals + 1,): the declared edges."""
        return np.array(self.plan.parameters.grid)

    @property
    def intervals(self) -> int:
        """How many intervals are declared."""
        return len(self.plan.parameters.grid) - 1

    @property
    def efron(self) -> bool:
        """Whether ties are Efron's, for which those with the event are summed apart."""
        return bool(self.plan.parameters.ties == "efron")

    @property
    def kinds(self) -> int:
        """Cells by interval: all who leave in it; for Efron those without the event, then those with it."""
        return 2 if self.efron else 1

    def check(self) -> None:
        """Raise ``BadParameters`` unless event, durations, ranges and size fit."""
        self._check_binary(self.responses[0])
        duration = self.plan.variable(self.plan.parameters.duration, "numeric")
        if duration.lower is None or duration.lower < self.plan.parameters.grid[0]:
            raise BadParameters(
                f"{duration.name!r} may lie before the first edge of the grid: declare its lower bound at or after it."
            )
        for variable in self.numeric:
            if variable.lower is None or variable.upper is None:
                raise BadParameters(f"{variable.name!r} has no agreed range: declare its lower and upper bound.")
        self._check_size()
        numbers = self.intervals * self.kinds * (len(self.terms) + 1)
        if numbers > MAX_NUMBERS:
            raise BadParameters(
                f"The model asks for {numbers} numbers a round and {MAX_NUMBERS} are allowed: "
                "use fewer intervals, predictors or levels."
            )


def grid_contract(design: CoxDesign) -> Contract:
    """Which halvings of the grid an institute refuses, and how many rows and subjects it can use."""
    outputs, rest = row_counts()
    shape = (design.intervals - 1,)
    outputs.append(Output(name="refused", shape=shape, dtype="int64", lower=0, upper=1))
    return Contract(phase="grid", outputs=tuple(outputs), **rest)


def moments_contract(design: CoxDesign, width: float | None) -> Contract:
    """Moments of the predictors, rows of each level, and who leaves in each interval without and with the event.

    ``width``: the largest distance of a number from its centre, once that is known.
    """
    outputs, rest = row_counts()
    shape, leaving = (len(design.numeric),), (design.intervals, 2)
    outputs += [
        Output(name="sum", shape=shape, lower=None if width is None else -width, upper=width, per="rows"),
        Output(name="squares", shape=shape, lower=0.0, upper=None if width is None else width**2, per="rows"),
        *(count_output(f"levels.{v.name}", (len(v.levels),), None) for v in design.categories),
        count_output("leaving", leaving, "leaving.subjects"),
    ]
    return _by_interval("moments", outputs, rest, "leaving", leaving)


def newton_contract(design: CoxDesign, column: float | None) -> Contract:
    """Sums of hazards by interval, and of products over all rows. ``column``: the largest value in a column."""
    outputs, rest = row_counts()
    columns, shape = len(design.terms), (design.intervals, design.kinds)
    low, square = (None, None) if column is None else (-column, column**2)
    outputs += [
        count_output("cells", shape, "cells.subjects"),
        Output(name="hazards", shape=shape, lower=0.0, upper=1.0, per="cells", subjects="cells.subjects"),
        Output(name="weighted", shape=(*shape, columns), lower=low, upper=column, per="cells",
               subjects="cells.subjects"),
        Output(name="curvature", shape=(columns, columns), lower=None if square is None else -square, upper=square,
               per="rows"),
        Output(name="events", shape=(columns,), lower=low, upper=column, per="rows"),
    ]  # fmt: skip
    return _by_interval("newton", outputs, rest, "cells", shape)


def _by_interval(
    phase: str, outputs: list[Output], rest: dict[str, Any], cells: str, shape: tuple[int, int]
) -> Contract:
    """The contract with evidence of the subjects behind each cell, all of which together are the rows used."""
    evidence = (
        *rest["evidence"],
        count_output(f"{cells}.subjects", shape, None),
        count_output(f"{cells}.hidden", (), None),
    )
    partitions = (*rest["partitions"], Partition(parts=(cells,), whole="rows", hidden=f"{cells}.hidden"))
    return Contract(phase=phase, outputs=tuple(outputs), evidence=evidence, partitions=partitions)
