"""What a data set says about its own columns, and what institutes agree that a variable means.

A schema is a TOML or JSON file beside the data::

    subject = ["longitude", "latitude"]      # the columns that together name one subject
    missing = ["", "NA"]                     # codes of a missing value in every column

    [[variables]]
    name = "soil_ph"
    kind = "numeric"
    unit = "pH"
    lower = 0
    upper = 14
    missing = [0.0]                          # further codes in this column

    [[variables]]
    name = "target_yield_value"
    kind = "numeric"
    unit = "qx/ha"
    [variables.units]                        # rows in another unit are converted
    column = "target_yield_unit"
    factors = { "qx/ha" = 1, "T/ha" = 10 }
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jazari.studies.errors import BadSchema, ColumnMissing, IncompatibleData

Kind = Literal["numeric", "category", "text", "identifier"]
MAX_SCHEMA_BYTES = 2**20
MAX_LEVELS = 1000
MAX_TEXT = 20_000
"""Characters of one cell of a text variable."""
MAX_ROWS = 20_000_000
"""Rows of one data file."""
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)


class UnitRule(_Frozen):
    """The unit of a row is named in ``column``; ``factors`` turn each into the variable's own unit."""

    column: str = Field(min_length=1, max_length=200)
    factors: dict[str, float] = Field(min_length=1, max_length=100)

    @field_validator("factors")
    @classmethod
    def _positive(cls, factors: dict[str, float]) -> dict[str, float]:
        if not all(math.isfinite(f) and f > 0 for f in factors.values()):
            raise ValueError("the factors must be positive numbers")
        return factors


class AgreedVariable(_Frozen):
    """What all institutes of a study mean by a variable: the same kind, unit, levels and range.

    A text can be agreed on, but only recipes that ask for a text get it (``Plan.variable``).
    """

    name: Name
    kind: Literal["numeric", "category", "text"]
    unit: str = Field(default="", max_length=60)
    levels: tuple[str, ...] = Field(default=(), max_length=MAX_LEVELS)
    lower: float | None = None
    upper: float | None = None

    @model_validator(mode="after")
    def _sound(self) -> AgreedVariable:
        check_domain(self.kind, self.levels, self.lower, self.upper)
        return self


class Variable(_Frozen):
    """One column of a data set, as its institute declares it."""

    name: Name
    kind: Kind
    column: str = Field(default="", max_length=200)
    unit: str = Field(default="", max_length=60)
    levels: tuple[str, ...] = Field(default=(), max_length=MAX_LEVELS)
    lower: float | None = None
    upper: float | None = None
    missing: tuple[str | float, ...] = Field(default=(), max_length=100)
    units: UnitRule | None = None
    description: dict[str, str] | str = ""

    @property
    def source(self) -> str:
        """The name of the column in the file."""
        return self.column or self.name

    @model_validator(mode="after")
    def _sound(self) -> Variable:
        check_domain(self.kind, self.levels, self.lower, self.upper)
        if self.units and self.kind != "numeric":
            raise ValueError("only a numeric variable has units by row")
        return self


def check_domain(kind: str, levels: tuple[str, ...], lower: float | None, upper: float | None) -> None:
    """Raise ``ValueError`` unless levels belong to a category and bounds to a numeric variable."""
    if (kind == "category") != bool(levels):
        raise ValueError("a category lists its levels, and nothing else does")
    if len(set(levels)) != len(levels):
        raise ValueError("a level is listed twice")
    if kind != "numeric" and (lower is not None or upper is not None):
        raise ValueError("only a numeric variable has bounds")
    if lower is not None and upper is not None and lower >= upper:
        raise ValueError("the lower bound must be below the upper one")


class Schema(_Frozen):
    """All declared columns of a data set. Columns of the file that are not declared are never read."""

    variables: tuple[Variable, ...] = Field(min_length=1, max_length=1000)
    subject: tuple[Name, ...] = Field(default=(), max_length=10)
    missing: tuple[str, ...] = Field(default=("",), max_length=100)
    header: bool = True
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = Field(default="utf-8", max_length=40)
    decimal: Literal[".", ","] = "."

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)  # a text encoding, unlike hex or base64
        except (LookupError, ValueError) as error:
            raise ValueError("write utf-8 or windows-1252") from error
        return encoding

    @model_validator(mode="after")
    def _sound(self) -> Schema:
        names = [variable.name for variable in self.variables]
        if len(set(names)) != len(names):
            raise ValueError("a variable is declared twice")
        unknown = [name for name in self.subject if name not in names]
        if unknown:
            raise ValueError(f"the subject column {unknown[0]!r} is not declared as a variable")
        return self

    def variable(self, name: str) -> Variable:
        """The variable ``name``; raises ``ColumnMissing``."""
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise ColumnMissing(
            f"The data have no variable {name!r}: choose one of {', '.join(v.name for v in self.variables)}."
        )


def parse_schema(value: Any, where: str = "The schema") -> Schema:
    """The schema in a JSON value; raises ``BadSchema`` naming the field."""
    try:
        return Schema.model_validate_json(json.dumps(value))
    except (ValidationError, TypeError, ValueError, RecursionError) as error:
        raise BadSchema(f"{where} is not valid: {first_problem(error)}; correct it.") from error


def load_schema(path: Path) -> Schema:
    """Read a schema file (``.toml`` or ``.json``); raises ``BadSchema``."""
    try:
        if path.stat().st_size > MAX_SCHEMA_BYTES:
            raise BadSchema(f"The schema {path} is larger than 1 MiB: it should only declare columns.")
        text = path.read_text(encoding="utf-8")
        value = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise BadSchema(f"The schema {path} cannot be read ({reason}): check the path.") from error
    except (ValueError, RecursionError) as error:
        raise BadSchema(f"The schema {path} is not valid TOML or JSON: {error}; correct it.") from error
    return parse_schema(value, f"The schema {path}")


def first_problem(error: Exception) -> str:
    """The first problem of a pydantic error in a few plain words, with its place."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def agree_variables(schemas: Mapping[str, Schema], names: Iterable[str]) -> tuple[AgreedVariable, ...]:
    """What ``names`` mean over all ``schemas`` (by institute): same kind and unit, union of levels and range.

    Raises ``ColumnMissing`` or ``IncompatibleData`` naming the institute.
    """
    return tuple(_agree(schemas, name) for name in dict.fromkeys(names))


def _agree(schemas: Mapping[str, Schema], name: str) -> AgreedVariable:
    found = {institute: _find(schema, institute, name) for institute, schema in sorted(schemas.items())}
    first_institute, first = next(iter(found.items()))
    for institute, other in found.items():
        if (other.kind, other.unit) != (first.kind, first.unit):
            raise IncompatibleData(
                f"{name!r} is {_says(other)} at {institute} and {_says(first)} at {first_institute}: "
                "agree on one and register the data again, or declare it under [[variables]] in the proposal."
            )
    if first.kind == "identifier":
        raise IncompatibleData(f"{name!r} is an identifier: only numbers, categories and texts can be studied.")
    levels = tuple(dict.fromkeys(level for variable in found.values() for level in variable.levels))
    return AgreedVariable(
        name=name,
        kind=first.kind,
        unit=first.unit,
        levels=levels,
        lower=_widest(min, [v.lower for v in found.values()]),
        upper=_widest(max, [v.upper for v in found.values()]),
    )


def texts_among(variables: Iterable[AgreedVariable]) -> tuple[str, ...]:
    """The names of the text variables, which are read only where a study agrees on them."""
    return tuple(sorted(variable.name for variable in variables if variable.kind == "text"))


def _find(schema: Schema, institute: str, name: str) -> Variable:
    try:
        return schema.variable(name)
    except ColumnMissing as error:
        raise ColumnMissing(
            f"The column {name!r} is missing at {institute}: leave out the variable or the institute, "
            "or declare it under [[variables]] in the proposal."
        ) from error


def _says(variable: Variable) -> str:
    return f"{variable.kind} in {variable.unit}" if variable.unit else variable.kind


def _widest(choose: Any, bounds: list[float | None]) -> float | None:
    known = [bound for bound in bounds if bound is not None]
    return float(choose(known)) if known and len(known) == len(bounds) else None


def check_agreed(schema: Schema, agreed: Iterable[AgreedVariable]) -> None:
    """Raise unless this institute's ``schema`` fits what the study says that its variables mean."""
    for variable in agreed:
        mine = schema.variable(variable.name)
        problem = misfit(mine, variable)
        if problem:
            raise IncompatibleData(
                f"The study and the data here differ on {variable.name!r}: {problem}; write a mapping "
                "and store it with `jazari study map`, or ask for a new study."
            )


def misfit(mine: Variable, agreed: AgreedVariable) -> str:
    """Why ``mine`` is not what the study means by ``agreed``, in a few words; empty when it is."""
    if (mine.kind, mine.unit) != (agreed.kind, agreed.unit):
        return f"{_says(mine)} here"
    if not set(mine.levels) <= set(agreed.levels):
        return "a level is not in the study"
    if agreed.lower is not None and (mine.lower is None or mine.lower < agreed.lower):
        return "the range here is wider"
    if agreed.upper is not None and (mine.upper is None or mine.upper > agreed.upper):
        return "the range here is wider"
    return ""
