"""What federated averaging is asked for: its parameters, and the inputs and outputs of the network they describe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.errors import BadParameters
from jazari.studies.recipes.base import Plan

MAX_PARAMETERS = 200_000
MAX_INPUTS = 5_000
MAX_CLASSES = 100
Width = Annotated[int, Field(ge=1, le=1024)]


class FedavgParameters(BaseModel):
    """``mlp``: a multilayer perceptron on numbers and categories; ``text``: a linear softmax layer on hashed words.

    ``layers`` are the widths of the hidden layers (none: a linear model). ``batch`` 0 means all rows at once.
    ``rounds`` are those of training; the survey before makes one more. ``clip`` is the largest Euclidean length
    of an institute's change to the network in a round. ``mu`` is for FedProx; the server's ``beta1``, ``beta2``
    and ``tau`` for FedAdam. ``missing``: rows with a missing predictor are left out, or the value is replaced by
    the centre of its variable (a category by no level) and an indicator says so.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["mlp", "text"]
    task: Literal["regression", "binary", "multiclass"]
    response: str
    predictors: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    positive: str | None = None
    layers: Annotated[tuple[Width, ...], Field(max_length=8)] = ()
    activation: Literal["tanh", "relu"] = "tanh"
    scaling: Literal["moments", "ranges"] = "moments"
    missing: Literal["leave_out", "impute"] = "leave_out"
    buckets: int = Field(default=1024, ge=16, le=2**15)
    ngrams: int = Field(default=1, ge=1, le=3)
    algorithm: Literal["fedavg", "fedprox", "fedadam"] = "fedavg"
    rounds: int = Field(default=20, ge=1, le=999)
    epochs: int = Field(default=1, ge=1, le=100)
    batch: int = Field(default=32, ge=0, le=1_000_000)
    learning_rate: float = Field(default=0.1, gt=0, le=1e3)
    mu: float = Field(default=0.0, ge=0, le=1e6)
    server_learning_rate: float = Field(default=1.0, gt=0, le=1e3)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.99, ge=0, lt=1)
    tau: float = Field(default=1e-3, gt=0, le=1)
    clip: float = Field(default=10.0, gt=0, le=1e6)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    backend: Literal["numpy", "torch"] = "numpy"
    torch_version: str | None = Field(default=None, pattern=r"^\d{1,3}(\.\d{1,4}){1,3}$")

    @model_validator(mode="after")
    def _sound(self) -> FedavgParameters:
        names = (*self.predictors, self.response)
        if len(set(names)) != len(names):
            raise ValueError("a variable is listed twice")
        if self.model == "text" and (self.layers or self.task == "regression"):
            raise ValueError("a text model has no hidden layers and tells classes apart")
        if self.positive is not None and self.task != "binary":
            raise ValueError("only a binary model has a positive level")
        if (self.mu > 0) != (self.algorithm == "fedprox"):
            raise ValueError("fedprox, and nothing else, has a mu above 0")
        if (self.backend == "torch") != (self.torch_version is not None):
            raise ValueError("the backend torch, and nothing else, names its torch_version")
        return self


@dataclass(frozen=True)
class Column:
    """Inputs of one predictor: a number, or one for each level; one more where missing values have an indicator."""

    variable: AgreedVariable
    indicator: bool

    @property
    def width(self) -> int:
        """How many inputs."""
        return (len(self.variable.levels) or 1) + self.indicator


@dataclass(frozen=True)
class NetDesign:
    """The network of a plan."""

    plan: Plan

    @property
    def parameters(self) -> FedavgParameters:
        """The parameters."""
        return self.plan.parameters  # type: ignore[no-any-return]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The predictors of a perceptron, in order; none for a text model."""
        if self.parameters.model == "text":
            return ()
        impute = self.parameters.missing == "impute"
        return tuple(Column(self.plan.variable(name), impute) for name in self.parameters.predictors)

    @cached_property
    def response(self) -> AgreedVariable:
        """What is predicted."""
        return self.plan.variable(self.parameters.response)

    @cached_property
    def numeric(self) -> tuple[AgreedVariable, ...]:
        """Variables that are centred and scaled: numeric predictors, then the response of a regression."""
        chosen = tuple(column.variable for column in self.columns if column.variable.kind == "numeric")
        return (*chosen, self.response) if self.parameters.task == "regression" else chosen

    @cached_property
    def categories(self) -> tuple[AgreedVariable, ...]:
        """The predictors that are categories."""
        return tuple(column.variable for column in self.columns if column.variable.kind == "category")

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the outputs; none for a regression."""
        task, positive, levels = self.parameters.task, self.parameters.positive, self.response.levels
        if task != "binary":
            return levels
        if not levels:
            return ("0", "1")
        others = [level for level in levels if level != positive]
        return (others[0] if len(others) == 1 else f"not {positive}", str(positive))

    @property
    def outputs(self) -> int:
        """How many numbers the network puts out: one, or one for each of several classes."""
        return len(self.classes) if self.parameters.task == "multiclass" else 1

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The widths of the network: inputs, hidden layers, outputs."""
        inputs = sum(column.width for column in self.columns) or self.parameters.buckets
        return (inputs, *self.parameters.layers, self.outputs)

    @property
    def size(self) -> int:
        """How many parameters the network has: weights and biases."""
        return sum((before + 1) * after for before, after in pairwise(self.sizes))

    def check(self) -> None:
        """Raise ``BadParameters`` unless predictors, response and size fit."""
        if self.parameters.model == "text":
            for name in self.parameters.predictors:
                self.plan.variable(name, "text")
        self._check_response()
        for variable in self.numeric:
            if variable.lower is None or variable.upper is None:
                raise BadParameters(
                    f"{variable.name!r} has no agreed range, which bounds what may leave: declare its lower and upper."
                )
        if self.columns and self.sizes[0] > MAX_INPUTS:
            raise BadParameters(f"The network has {self.sizes[0]} inputs and {MAX_INPUTS} are allowed: use fewer.")
        if self.size > MAX_PARAMETERS:
            raise BadParameters(
                f"The network has {self.size} parameters and {MAX_PARAMETERS} are allowed: "
                "use fewer layers, buckets or classes."
            )

    def _check_response(self) -> None:
        task, response, positive = self.parameters.task, self.response, self.parameters.positive
        if task == "regression":
            self.plan.variable(response.name, "numeric")
        elif task == "multiclass":
            self.plan.variable(response.name, "category")
            if not 2 <= len(response.levels) <= MAX_CLASSES:
                raise BadParameters(f"{response.name!r} must have 2 to {MAX_CLASSES} levels: choose another response.")
        elif response.kind == "category":
            if positive not in response.levels or len(response.levels) < 2:
                raise BadParameters(f"Name the level of {response.name!r} that counts as the event in `positive`.")
        elif positive is not None or (response.lower, response.upper) != (0.0, 1.0):
            raise BadParameters(f"{response.name!r} must be a category or a number declared from 0 to 1.")
