"""What an evaluation asks for: parameters, groups, cells and the output contract.

Rows are divided into groups (``by``), and each group into cells: of a score, by true class and bin; of several
classes, by true and predicted class; of a number, one cell. The cells are all that is counted, so that accuracy,
confusion, AUC and calibration follow from one division and nothing can be derived from two that differ.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies.contract import Contract, Output, Partition
from jazari.studies.data.schema import AgreedVariable
from jazari.studies.errors import BadParameters
from jazari.studies.recipes.grouping import Grouping

MAX_CELLS = 200_000
SUBJECTS_PER_SUM = 3
"""Fewest subjects for each sum of numbers over a cell: with nearly as many sums as subjects one could solve for them.

Like the floor it is off where the floor is 1."""

SUMS_OF_ERRORS, SUMS_OF_SCORES = 5, 2
TENTHS = tuple(step / 10 for step in range(11))
Names = Annotated[tuple[str, ...], Field(min_length=1, max_length=2000)]


class EvaluationParameters(BaseModel):
    """``model`` is the record of a published model, ``sha256`` that of its file, ``inputs`` what it reads.

    ``task`` says how its predictions are judged against ``response``: ``regression``, ``binary`` (the score of
    ``positive`` against the rest; without it the response is a number 0 or 1 and the score that of the second class)
    or ``multiclass`` (the likeliest of ``classes``). ``edges`` divide scores into bins, and ``thresholds`` are among
    them: from there on the event is predicted. ``predictions`` is the range to which predicted numbers are limited,
    else the declared range of the response. ``by`` names up to two categories whose groups are told apart.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = Field(max_length=140)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    task: Literal["regression", "binary", "multiclass"]
    inputs: Names
    response: str
    positive: str | None = None
    classes: tuple[str, ...] = Field(default=(), max_length=100)
    edges: tuple[float, ...] = Field(default=TENTHS, min_length=2, max_length=201)
    thresholds: tuple[float, ...] = Field(default=(0.5,), min_length=1, max_length=50)
    predictions: tuple[float, float] | None = None
    by: tuple[str, ...] = Field(default=(), max_length=2)

    @field_validator("model")
    @classmethod
    def _is_model(cls, model: str) -> str:
        try:
            kind = RecordRef.parse(model).type
        except JazariError as error:
            raise ValueError(str(error)) from error
        if kind != "model":
            raise ValueError(f"{model} is no model")
        return model

    @field_validator("edges")
    @classmethod
    def _from_zero_to_one(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if edges[0] != 0 or edges[-1] != 1 or any(low >= high for low, high in pairwise(edges)):
            raise ValueError("the edges must increase from 0 to 1")
        return edges

    @model_validator(mode="after")
    def _sound(self) -> EvaluationParameters:
        if len(set(self.inputs)) != len(self.inputs) or len(set(self.by)) != len(self.by):
            raise ValueError("a variable is listed twice")
        if self.response in (*self.inputs, *self.by):
            raise ValueError("the response is what is predicted: it is neither an input nor a group")
        if not set(self.thresholds) <= set(self.edges[:-1]):
            raise ValueError("every threshold must be one of the edges below 1")
        if (self.task == "multiclass") != bool(self.classes) or len(self.classes) == 1:
            raise ValueError("list the classes of a multiclass model, at least two, and of no other")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is listed twice")
        if self.task != "binary" and self.positive is not None:
            raise ValueError("only a binary evaluation has a positive class")
        if self.predictions and (self.task != "regression" or self.predictions[0] >= self.predictions[1]):
            raise ValueError("predictions is a range, lower before upper, of a regression")
        return self


class Layout(Grouping):
    """The groups and cells that the parameters ask for."""

    @cached_property
    def parameters(self) -> EvaluationParameters:
        """The parameters of the plan."""
        return self.plan.parameters  # type: ignore[no-any-return]

    @cached_property
    def response(self) -> AgreedVariable:
        """The response."""
        return self.plan.variable(self.parameters.response)

    def input(self, name: str) -> AgreedVariable:
        """An input of the model, which may be a text."""
        known = self.plan.variables.get(name)
        return self.plan.variable(name, "text" if known is not None and known.kind == "text" else None)

    @property
    def bins(self) -> int:
        """Bins of a score."""
        return len(self.parameters.edges) - 1

    @cached_property
    def cells(self) -> tuple[int, ...]:
        """The shape of a group's cells."""
        if self.parameters.task == "binary":
            return (2, self.bins)
        return (len(self.parameters.classes),) * 2 if self.parameters.task == "multiclass" else (1,)

    @property
    def parts(self) -> int:
        """Cells of a group."""
        return int(np.prod(self.cells, dtype=np.int64))

    @property
    def needed(self) -> int:
        """Fewest subjects behind a released cell."""
        floor = self.plan.floor
        sums = SUMS_OF_ERRORS if self.parameters.task == "regression" else 0
        return max(floor, SUBJECTS_PER_SUM * sums) if floor > 1 else floor

    @cached_property
    def middle(self) -> float:
        """What a numeric response is measured from, so that its squares keep their digits: the middle of its range."""
        return (_bound(self.response.lower) + _bound(self.response.upper)) / 2

    @cached_property
    def predicted(self) -> tuple[float, float]:
        """The range to which predicted numbers are limited."""
        return self.parameters.predictions or (_bound(self.response.lower), _bound(self.response.upper))

    def check(self) -> None:
        """Raise ``BadParameters`` unless response, groups and size fit."""
        for name in self.parameters.inputs:
            self.input(name)
        {"regression": self._check_number, "binary": self._check_event, "multiclass": self._check_classes}[
            self.parameters.task
        ]()
        if self.groups * self.parts > MAX_CELLS:
            raise BadParameters(
                f"The parameters ask for {self.groups * self.parts} cells and {MAX_CELLS} are allowed: "
                "use fewer groups, bins or classes."
            )

    def _check_number(self) -> None:
        self.plan.variable(self.response.name, "numeric")
        if self.response.lower is None or self.response.upper is None:
            raise BadParameters(f"The errors of {self.response.name!r} have no bound: declare its lower and upper.")

    def _check_event(self) -> None:
        positive = self.parameters.positive
        if self.response.kind == "category" and positive not in self.response.levels:
            raise BadParameters(f"Name the level of {self.response.name!r} that counts as the event in `positive`.")
        if self.response.kind == "numeric" and (self.response.lower, self.response.upper) != (0.0, 1.0):
            raise BadParameters(f"{self.response.name!r} must be a category or a number declared from 0 to 1.")

    def _check_classes(self) -> None:
        self.plan.variable(self.response.name, "category")
        unknown = [level for level in self.response.levels if level not in self.parameters.classes]
        if unknown:
            raise BadParameters(
                f"The level {unknown[0]!r} of {self.response.name!r} is no class of the model, so no row of it could "
                "be right: leave out the institutes that have it, or evaluate one class with task = 'binary'."
            )


def _bound(value: float | None) -> float:
    return 0.0 if value is None else value


def contract_of(layout: Layout) -> Contract:
    """What leaves: counts of cells, which are left out, and sums over them."""
    cells = (layout.groups, *layout.cells)
    outputs = [
        Output(name="rows", shape=cells, dtype="int64", lower=0, subjects="subjects"),
        Output(name="left_out", shape=cells, dtype="int64", lower=0, upper=1),
    ]
    outputs += _error_outputs(layout) if layout.parameters.task == "regression" else _score_outputs(layout)
    groups = (layout.groups,)
    return Contract(
        phase="evaluation",
        outputs=tuple(outputs),
        evidence=(
            _count("subjects", cells),
            *(() if layout.parameters.task == "regression" else (_count("score.subjects", cells),)),
            _count("all.rows"), _count("all.hidden"), _count("groups.rows", groups), _count("groups.hidden", groups),
        ),
        partitions=(
            Partition(parts=("rows",), whole="all.rows", hidden="all.hidden"),
            Partition(parts=("rows",), whole="groups.rows", hidden="groups.hidden"),
        ),
    )  # fmt: skip


def _count(name: str, shape: tuple[int, ...] = ()) -> Output:
    return Output(name=name, shape=shape, dtype="int64", lower=0)


def _error_outputs(layout: Layout) -> list[Output]:
    low, high = _bound(layout.response.lower), _bound(layout.response.upper)
    least, most = layout.predicted
    lower, upper, half = least - high, most - low, (high - low) / 2
    widest = max(abs(lower), abs(upper))
    bounds = {
        "error.sum": (lower, upper),
        "error.absolute": (0.0, widest),
        "error.squares": (0.0, widest**2),
        "response.sum": (-half, half),
        "response.squares": (0.0, half**2),
    }
    shape = (layout.groups, *layout.cells)
    return [
        Output(name=name, shape=shape, lower=below, upper=above, per="rows", subjects="subjects")
        for name, (below, above) in bounds.items()
    ]


def _score_outputs(layout: Layout) -> list[Output]:
    shape = (layout.groups, *layout.cells)
    largest = 1.0 if layout.parameters.task == "binary" else 2.0
    return [
        Output(name="score.rows", shape=shape, dtype="int64", lower=0, subjects="score.subjects"),
        Output(name="score.sum", shape=shape, lower=0.0, upper=1.0, per="score.rows", subjects="score.subjects"),
        Output(name="score.brier", shape=shape, lower=0.0, upper=largest, per="score.rows", subjects="score.subjects"),
    ]
