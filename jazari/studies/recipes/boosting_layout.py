"""What a boosting study asks for: parameters, bins of the predictors, and the targets that trees are fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Codes, Floats, Mask, Table
from jazari.studies.errors import BadParameters
from jazari.studies.recipes.base import Plan

MAX_ROUNDS = 1000
"""Rounds that a study may have at most (see ``StudyText.max_rounds``)."""

MAX_CELLS = 500_000
Edges = Annotated[tuple[float, ...], Field(min_length=1, max_length=1000)]


class BoostingParameters(BaseModel):
    """``trees``: rounds of boosting (one tree each, or one for each class). ``depth``: splits on a way to a leaf.

    ``l2`` is added to the sum of hessians of a leaf, ``min_gain`` is what a split must gain, ``min_child_weight``
    the least sum of hessians of a child, all as in XGBoost (Chen and Guestrin, KDD 2016, section 2). A regression
    counts all three with the response scaled to 0 to 1 over its agreed range. ``bins`` evenly wide bins divide
    the agreed range of each numeric predictor; ``edges`` names the inner edges of some instead. ``positive`` is
    the event of a binary response that is a category.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    response: str
    predictors: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    task: Literal["regression", "binary", "multiclass"]
    positive: str | None = None
    trees: int = Field(default=20, ge=1, le=MAX_ROUNDS)
    depth: int = Field(default=3, ge=1, le=6)
    learning_rate: float = Field(default=0.3, gt=0, le=1)
    l2: float = Field(default=1.0, ge=0, le=1e12)
    min_gain: float = Field(default=0.0, ge=0, le=1e12)
    min_child_weight: float = Field(default=1.0, ge=1e-6, le=1e12)
    bins: int = Field(default=16, ge=2, le=256)
    edges: dict[str, Edges] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> BoostingParameters:
        names = (*self.predictors, self.response)
        if len(set(names)) != len(names):
            raise ValueError("a variable is listed twice")
        if not set(self.edges) <= set(self.predictors):
            raise ValueError("edges are given for a variable that is not a predictor")
        if self.positive is not None and self.task != "binary":
            raise ValueError("only a binary task has a positive level")
        if self.trees * self.depth + 2 > MAX_ROUNDS:
            raise ValueError(f"trees of this depth take more than {MAX_ROUNDS} rounds: ask for fewer trees")
        return self


@dataclass(frozen=True)
class Feature:
    """A predictor in cells: bins of a number or levels of a category, then one cell for missing values.

    A number is compared as float32, as XGBoost does, so that an exported model sends every row the same way:
    bin i holds ``edges[i-1]`` <= value < ``edges[i]``. A category is split one level against the rest, since its
    levels have no order that institutes agree on.
    """

    name: str
    levels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def bins(self) -> int:
        """Cells without the one of missing values, whose index this is."""
        return len(self.levels) or len(self.edges) + 1

    @property
    def cuts(self) -> int:
        """How many ways there are to split this predictor."""
        return len(self.levels) or len(self.edges)

    @cached_property
    def right(self) -> Mask:
        """(cuts, bins): which cells each split sends to the right."""
        cut, cell = np.arange(self.cuts)[:, None], np.arange(self.bins)
        return cell == cut if self.levels else cell > cut

    def cells(self, table: Table) -> Codes:
        """The cell of each row."""
        if self.levels:
            codes = table.levels(self.name, self.levels)
            return np.where(codes < 0, self.bins, codes)
        values = as_float32(table.numbers(self.name))
        place = np.searchsorted(np.array(self.edges), values, side="right")
        return np.where(np.isnan(values), self.bins, place).astype(np.int64)

    def goes_right(self, cut: int, *, missing: bool) -> Mask:
        """(bins + 1,): which cells the split ``cut`` sends to the right; ``missing`` says it of missing values."""
        return np.append(self.right[cut], missing)


def as_float32(values: Floats) -> Floats:
    """``values`` rounded to the nearest float32."""
    return values.astype(np.float32).astype(np.float64)


@dataclass(frozen=True)
class Layout:
    """The features and targets of a plan."""

    plan: Plan

    @property
    def parameters(self) -> BoostingParameters:
        """The parameters of the plan."""
        parameters: BoostingParameters = self.plan.parameters
        return parameters

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The predictors in order; raises ``BadParameters`` for one that has no bins."""
        return tuple(self._feature(self.plan.variable(name)) for name in self.parameters.predictors)

    def _feature(self, variable: AgreedVariable) -> Feature:
        if variable.kind == "category":
            if variable.name in self.parameters.edges:
                raise BadParameters(f"{variable.name!r} is a category and has no edges: remove them.")
            return Feature(variable.name, levels=variable.levels)
        rounded = as_float32(np.array(self._edges(variable)))
        if not np.isfinite(rounded).all() or any(low >= high for low, high in pairwise(rounded)):
            raise BadParameters(
                f"The edges of {variable.name!r} must increase, also when rounded to float32: use fewer bins or others."
            )
        return Feature(variable.name, edges=tuple(float(edge) for edge in rounded))

    def _edges(self, variable: AgreedVariable) -> tuple[float, ...]:
        given = self.parameters.edges.get(variable.name)
        if given is not None:
            return given
        if variable.lower is None or variable.upper is None:
            raise BadParameters(f"{variable.name!r} has no range to divide into bins: "
                                "declare its lower and upper, or give its edges.")  # fmt: skip
        return tuple(np.linspace(variable.lower, variable.upper, self.parameters.bins + 1)[1:-1])

    @cached_property
    def response(self) -> AgreedVariable:
        """The response."""
        return self.plan.variable(self.parameters.response)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The levels of a response with several classes, else nothing."""
        return self.response.levels if self.parameters.task == "multiclass" else ()

    @cached_property
    def outputs(self) -> int:
        """Trees in each round of boosting: one for each class where there are several, else 1."""
        return len(self.classes) or 1

    @cached_property
    def leaves(self) -> int:
        """The most leaves that one round of boosting can have."""
        return int(self.outputs * 2**self.parameters.depth)

    @property
    def origin(self) -> float:
        """What is taken from a regression's response before it is divided by ``unit``; else 0."""
        return float(self.response.lower or 0.0) if self.parameters.task == "regression" else 0.0

    @property
    def unit(self) -> float:
        """The width of the agreed range of a regression's response; else 1."""
        if self.parameters.task != "regression":
            return 1.0
        return float((self.response.upper or 0.0) - (self.response.lower or 0.0))

    def check(self) -> None:
        """Raise ``BadParameters`` unless the response fits the task and the whole stays small."""
        self._check_response()
        nodes = self.outputs * 2 ** (self.parameters.depth - 1)
        cells = nodes * sum(feature.bins + 1 for feature in self.features)
        if cells > MAX_CELLS:
            raise BadParameters(
                f"The trees ask for {cells} cells in one round and {MAX_CELLS} are allowed: "
                "use fewer bins or less depth."
            )

    def _check_response(self) -> None:
        name, task = self.parameters.response, self.parameters.task
        if task == "multiclass":
            self.plan.variable(name, "category")
        elif task == "regression":
            variable = self.plan.variable(name, "numeric")
            if variable.lower is None or variable.upper is None:
                raise BadParameters(f"{name!r} has no range to scale it by: declare its lower and upper.")
        elif self.response.kind == "category":
            if self.parameters.positive not in self.response.levels:
                raise BadParameters(f"Name the level of {name!r} that counts as the event in `positive`.")
        elif self.parameters.positive is not None or (self.response.lower, self.response.upper) != (0.0, 1.0):
            raise BadParameters(f"{name!r} must be a category or a number declared from 0 to 1.")

    def targets(self, table: Table) -> Floats:
        """(rows, outputs): the scaled response, 0 or 1 for the event, or 0 and 1 by class; NaN where missing."""
        if self.response.kind == "numeric":
            return ((table.numbers(self.response.name) - self.origin) / self.unit)[:, None]
        codes = table.levels(self.response.name, self.response.levels)[:, None]
        events = [*range(len(self.classes))] or [self.response.levels.index(str(self.parameters.positive))]
        return np.where(codes < 0, np.nan, codes == np.array(events))
