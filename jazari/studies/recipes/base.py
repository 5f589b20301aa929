"""What every recipe is: pure functions over one institute's table and the total of all institutes.

``local`` sees the data and makes sums; ``update`` sees the total alone and makes the next state. Both are
deterministic, so the coordinator and each institute compute the same state from the same totals and nobody
has to be trusted with sending one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from pydantic import BaseModel, ValidationError

from jazari.studies.contract import Contract
from jazari.studies.data.schema import MAX_ROWS, AgreedVariable, Schema, first_problem
from jazari.studies.data.table import Codes, Mask, Table
from jazari.studies.errors import BadParameters
from jazari.studies.messages import Sums
from jazari.studies.saying import Sentence


@dataclass(frozen=True)
class Plan:
    """The public facts of a run: parameters, what the variables mean, the floor, how many institutes take part.

    ``largest_rows`` is the number of rows that no institute's table exceeds, so that sums over rows have a bound.
    ``masked``: totals are sums of rounded numbers (secure aggregation).
    ``inputs`` is a folder of files named by their SHA-256, which ``local`` alone may read: only an institute has it.
    """

    parameters: Any
    variables: Mapping[str, AgreedVariable]
    floor: int = 1
    institutes: int = 1
    largest_rows: int = MAX_ROWS
    masked: bool = False
    inputs: Path | None = None

    def rounding(self, per_row: float) -> float:
        """The most that rounding can change a total of values of up to ``per_row`` in each row; 0 if not masked.

        Half a resolution of ``secure.fixed_point`` (at most twice the largest total over 2**62) an institute.
        """
        return self.institutes**2 * self.largest_rows * per_row * 2.0**-61 if self.masked else 0.0

    def variable(self, name: str, kind: str | None = None) -> AgreedVariable:
        """The agreed variable ``name``; raises ``BadParameters`` when absent or of another kind.

        A text must be asked for as ``kind`` "text", so that a recipe that knows of none never gets one.
        """
        variable = self.variables.get(name)
        if variable is None:
            raise BadParameters(f"The parameters name {name!r}, which the study does not list: add the variable.")
        if kind and variable.kind != kind:
            raise BadParameters(f"{name!r} is {variable.kind} and must be {kind} here: change the parameters.")
        if variable.kind == "text" and kind is None:
            raise BadParameters(f"{name!r} is a text, which cannot be used here: change the parameters.")
        return variable


Chosen = TypeVar("Chosen", bound=BaseModel)


def parse_parameters(model: type[Chosen], values: Mapping[str, Any], recipe: str) -> Chosen:
    """The parameters in a JSON object; raises ``BadParameters`` naming the field."""
    try:
        return model.model_validate_json(json.dumps(values))
    except (ValidationError, TypeError, ValueError, RecursionError) as error:
        problem = first_problem(error)
        raise BadParameters(f"The parameters of {recipe!r} are not valid: {problem}; correct them.") from error


@dataclass(frozen=True)
class InputFile:
    """A file that ``local`` reads: ``name`` in the published ``record``, with this SHA-256 in hexadecimal."""

    record: str
    name: str
    sha256: str


@runtime_checkable
class TakesFiles(Protocol):
    """A recipe whose ``local`` reads published files, which are then in ``Plan.inputs``."""

    def input_files(self, parameters: Any) -> tuple[InputFile, ...]:
        """The files that the parameters name, by content."""


class State(Protocol):
    """What the totals so far lead to. ``failure`` is a sentence when no result is possible, else empty."""

    @property
    def done(self) -> bool:
        """Whether no more rounds are needed."""

    @property
    def failure(self) -> str:
        """Why there can be no result, or nothing."""


class Recipe(Protocol):
    """One vetted algorithm. ``sources`` are its files, for the digest of the installed code: those in this folder, and
    with a slash those elsewhere in ``studies`` (``portable/prediction.py``).

    ``same_institutes`` says that every round must add up the same institutes; a recipe that says no goes on with
    those that are left when one drops out.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    sources: ClassVar[tuple[str, ...]]
    same_institutes: ClassVar[bool]
    Parameters: ClassVar[type[BaseModel]]

    def parse(self, values: Mapping[str, Any]) -> Any:
        """The parameters in a JSON object; raises ``BadParameters``."""

    def variables(self, parameters: Any) -> tuple[str, ...]:
        """The variables that the parameters name, in order."""

    def check(self, plan: Plan) -> None:
        """Raise ``BadParameters`` unless the parameters fit the variables."""

    def contracts(self, parameters: Any, variables: Mapping[str, AgreedVariable]) -> tuple[Contract, ...]:
        """What may leave in each phase, as the study text states it. Bounds that depend on totals are open.

        Raises ``BadParameters`` as ``check`` does.
        """

    def contract(self, state: Any, plan: Plan) -> Contract:
        """What may leave in the round that starts from ``state``, with its bounds."""

    def initial_state(self, plan: Plan, /) -> Any:
        """The state before the first round."""

    def local(self, table: Table, state: Any, plan: Plan) -> Sums:
        """This institute's outputs and evidence under the floor; raises ``BelowFloor`` if it cannot take part."""

    def update(self, state: Any, total: Sums, plan: Plan) -> Any:
        """The next state. Never raises on a total that keeps the contract."""

    def result(self, state: Any, plan: Plan) -> dict[str, Any]:
        """The JSON result of a state that is done without failure."""

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """Plain sentences: what would leave each of ``datasets`` (schemas by institute)."""

    def scales(self, plan: Plan, /) -> dict[str, float]:
        """The size of each kind of output, below which differences are measured against it (see ``pooled``)."""


@dataclass(frozen=True)
class Division:
    """Rows divided into cells of which sums about ``measures`` (variables) leave: one index a row, -1 for none.

    The institute's memory keeps who was in which cell. It never leaves the institute.
    """

    measures: tuple[str, ...]
    cell: Codes


@runtime_checkable
class Divides(Protocol):
    """A recipe that says which cells of rows its sums tell about. One that does not is taken as one cell."""

    def divisions(self, table: Table, state: Any, plan: Plan) -> tuple[Division, ...]:
        """The divisions behind the sums of the round that starts from ``state``."""


def divisions_of(recipe: Recipe, table: Table, state: Any, plan: Plan) -> tuple[Division, ...]:
    """What ``recipe`` says of its cells, or all rows that are complete in its variables as one cell."""
    if isinstance(recipe, Divides):
        return recipe.divisions(table, state, plan)
    names = recipe.variables(plan.parameters)
    return (Division(names, np.where(complete_rows(table, plan, names), 0, -1)),)


def complete_rows(table: Table, plan: Plan, names: tuple[str, ...]) -> Mask:
    """Rows without a missing value in ``names``."""
    mask = np.ones(table.rows, dtype=np.bool_)
    for name in names:
        variable = plan.variable(name)
        numeric = variable.kind == "numeric"
        mask &= ~np.isnan(table.numbers(name)) if numeric else table.levels(name, variable.levels) >= 0
    return mask
