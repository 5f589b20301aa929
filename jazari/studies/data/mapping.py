"""How an institute's own columns become the variables of a study: a small file that it writes and its steward approves.

::

    study = "rabat/study/heart@1"

    [variables.age]                    # in years in the study, in months here
    from = "age_months"
    factor = 0.08333333333333333

    [variables.temperature]            # degrees Fahrenheit to Celsius; 999 means not measured
    from = "temp_f"
    factor = 0.5555555555555556
    offset = -17.77777777777778
    missing = [999.0]

    [variables.sex]                    # every own level goes somewhere, or is listed as missing
    from = "gender"
    levels = { "1" = "M", "2" = "F" }
    missing = ["9"]

    [variables.age_group]              # below 18; from 18 to below 65; 65 and more
    from = "age_years"
    cuts = [18, 65]
    into = ["child", "adult", "old"]

    [variables.sick]                   # 1 for these levels, 0 for the others
    from = "diagnosis"
    one_of = ["angina", "infarct"]

    [variables.region]
    constant = "MA-04"

    [variables.bmi]
    missing = true                     # not held here

A variable that is held here just as the study means it needs no entry. There is no way to choose rows: two studies
over rows that differ by one person would tell about that person.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jazari.core.canonical import digest
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies.data.schema import (
    MAX_LEVELS,
    AgreedVariable,
    Name,
    Schema,
    Variable,
    check_agreed,
    first_problem,
    misfit,
)
from jazari.studies.data.toml_file import read_toml
from jazari.studies.errors import BadMapping, IncompatibleData

LARGEST = 2**18
LARGEST_FACTOR = 1e12
_MOST_TOLD = 10
_WAYS = ("factor", "offset", "levels", "cuts", "into", "one_of")
_ALLOWED: dict[tuple[str, str], tuple[str, ...]] = {
    ("numeric", "numeric"): ("factor", "offset"),
    ("numeric", "category"): ("cuts", "into"),
    ("category", "category"): ("levels",),
    ("category", "numeric"): ("one_of",),
}


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Rule(_Strict):
    """Where one variable of a study comes from: a column (``from``), a constant level, or nowhere (``missing``).

    ``missing`` codes and ``cuts`` are in the column's own unit; ``value * factor + offset`` is in the study's.
    """

    source: str = Field(default="", alias="from", max_length=60)
    factor: float | None = None
    offset: float | None = None
    missing: Literal[True] | tuple[str | float, ...] = Field(default=())
    levels: dict[str, str] = Field(default_factory=dict, max_length=MAX_LEVELS)
    cuts: tuple[float, ...] = Field(default=(), max_length=MAX_LEVELS)
    into: tuple[str, ...] = Field(default=(), max_length=MAX_LEVELS + 1)
    one_of: tuple[str, ...] = Field(default=(), max_length=MAX_LEVELS)
    constant: str = Field(default="", max_length=200)

    @property
    def absent(self) -> bool:
        """Whether no row has a value."""
        return self.missing is True

    @property
    def codes(self) -> tuple[str | float, ...]:
        """Own values that mean missing."""
        return () if self.missing is True else self.missing

    @property
    def ways(self) -> tuple[str, ...]:
        """The fields of this rule that say how to convert."""
        return tuple(way for way in _WAYS if getattr(self, way) not in (None, (), {}))

    @field_validator("factor")
    @classmethod
    def _sane(cls, factor: float | None) -> float | None:
        if factor is not None and not 1 / LARGEST_FACTOR <= abs(factor) <= LARGEST_FACTOR:
            raise ValueError(f"a factor is not 0, and between {1 / LARGEST_FACTOR:g} and {LARGEST_FACTOR:g}")
        return factor

    @field_validator("missing")
    @classmethod
    def _few(cls, missing: Literal[True] | tuple[str | float, ...]) -> Literal[True] | tuple[str | float, ...]:
        if missing is not True and len(missing) > MAX_LEVELS:
            raise ValueError(f"at most {MAX_LEVELS} codes mean missing")
        return missing

    @model_validator(mode="after")
    def _sound(self) -> Rule:
        if [bool(self.source), self.absent, bool(self.constant)].count(True) != 1:
            raise ValueError("give one of from = ..., constant = ... or missing = true")
        if not self.source and (self.ways or self.codes):
            raise ValueError("only a variable that comes from a column is converted")
        if len(self.into) != (len(self.cuts) + 1 if self.cuts else 0):
            raise ValueError("into lists one level more than there are cuts")
        if any(low >= high for low, high in zip(self.cuts, self.cuts[1:], strict=False)):
            raise ValueError("the cuts must increase")
        return self


class ColumnMapping(_Strict):
    """The mapping of one institute for one study; ``variables`` holds a rule by variable of the study."""

    study: str = Field(max_length=140)
    variables: dict[Name, Rule] = Field(default_factory=dict, max_length=200)

    @field_validator("study")
    @classmethod
    def _reference(cls, study: str) -> str:
        try:
            parsed = RecordRef.parse(study)
        except JazariError as error:
            raise ValueError(str(error)) from error
        if parsed.type != "study":
            raise ValueError(f"{study} is no study")
        return study

    def rule(self, name: str) -> Rule:
        """The rule for a variable; by default it comes from the column of the same name, as it is."""
        return self.variables.get(name) or Rule.model_validate({"from": name})


def mapping_dict(mapping: ColumnMapping) -> dict[str, Any]:
    """The JSON value of a mapping, which its digest covers."""
    return mapping.model_dump(mode="json", by_alias=True)


def mapping_digest(mapping: ColumnMapping | None) -> str | None:
    """What the steward signs with an approval: SHA-256 of the canonical JSON; None without a mapping."""
    return None if mapping is None else digest(mapping_dict(mapping))


def parse_mapping(value: Any, where: str = "The mapping") -> ColumnMapping:
    """The mapping in a JSON value; raises ``BadMapping`` naming the field."""
    try:
        return ColumnMapping.model_validate_json(json.dumps(value))
    except (ValidationError, TypeError, ValueError, RecursionError) as error:
        raise BadMapping(f"{where} is not valid: {first_problem(error)}; correct it.") from error


def read_mapping(path: Path) -> ColumnMapping:
    """The mapping in a TOML file; raises ``BadMapping``."""
    value = read_toml(path, LARGEST, BadMapping, "a mapping only names columns and codes")
    return parse_mapping(value, str(path))


def check_mapping(mapping: ColumnMapping | None, schema: Schema, variables: Iterable[AgreedVariable]) -> None:
    """Raise unless ``schema`` fits what the study means by its ``variables``, by itself or through ``mapping``.

    Raises ``IncompatibleData`` (or ``ColumnMissing`` without a mapping), or ``BadMapping`` with every rule that
    cannot be applied.
    """
    agreed = tuple(variables)
    if mapping is None:
        check_agreed(schema, agreed)
        return
    problems = [*_unknown(mapping, agreed), *_rule_problems(mapping, schema, agreed)]
    if problems:
        more = f"; and {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
        raise BadMapping(f"The mapping does not fit: {'; '.join(problems[:_MOST_TOLD])}{more}. Correct it.")


def fits(schema: Schema, variable: AgreedVariable) -> bool:
    """Whether ``schema`` holds the variable just as the study means it."""
    return any(mine.name == variable.name and not misfit(mine, variable) for mine in schema.variables)


def unmapped(mapping: ColumnMapping | None, schema: Schema, variables: Iterable[AgreedVariable]) -> list[str]:
    """The variables of a study that neither ``schema`` holds as the study means them nor ``mapping`` names."""
    named = mapping.variables if mapping else {}
    return [variable.name for variable in variables if variable.name not in named and not fits(schema, variable)]


def require_all_mapped(mapping: ColumnMapping | None, schema: Schema, variables: Iterable[AgreedVariable]) -> None:
    """Raise ``IncompatibleData`` naming every variable of the study that is ``unmapped``."""
    left = unmapped(mapping, schema, variables)
    if left:
        raise IncompatibleData(
            f"The data here do not hold {', '.join(left)} as the study means it: say in a mapping where it comes "
            "from, and store it with `jazari study map`."
        )


def mapped_schema(mapping: ColumnMapping, schema: Schema, variables: Iterable[AgreedVariable]) -> Schema:
    """What the mapped table declares: the study's variables, each category with the levels that can occur here.

    ``mapping`` has passed ``check_mapping``.
    """
    return Schema(variables=tuple(_declared(mapping.rule(variable.name), schema, variable) for variable in variables))


def as_studied(variables: Iterable[AgreedVariable]) -> Schema:
    """The schema of an institute that could hold every level of every variable."""
    return Schema(variables=tuple(Variable(**variable.model_dump()) for variable in variables))


def _declared(rule: Rule, schema: Schema, agreed: AgreedVariable) -> Variable:
    values = agreed.model_dump()
    if agreed.kind == "category":
        reached = set(_reached(rule, schema))
        values["levels"] = tuple(level for level in agreed.levels if level in reached) or agreed.levels
    return Variable(**values)


def _reached(rule: Rule, schema: Schema) -> Iterable[str]:
    if rule.constant:
        return (rule.constant,)
    if rule.absent:
        return ()
    if rule.into:
        return rule.into
    return rule.levels.values() or set(schema.variable(rule.source).levels) - set(map(str, rule.codes))


def _unknown(mapping: ColumnMapping, agreed: tuple[AgreedVariable, ...]) -> list[str]:
    names = {variable.name for variable in agreed}
    return [f"the study has no variable {name!r}" for name in mapping.variables if name not in names]


def _rule_problems(mapping: ColumnMapping, schema: Schema, agreed: tuple[AgreedVariable, ...]) -> Iterator[str]:
    own = {variable.name: variable for variable in schema.variables}
    for variable in agreed:
        rule = mapping.variables.get(variable.name)
        if rule is not None and variable.kind == "text":
            problem = "a text is used as it is: hold it under this name and leave it out of the mapping"
        elif rule is not None:
            problem = _problem(rule, own, variable)
        elif variable.name not in own:
            problem = "it is not held here under that name: say where it comes from, or missing = true"
        else:
            problem = misfit(own[variable.name], variable)
        if problem:
            yield f"{variable.name!r}: {problem}"


def _problem(rule: Rule, own: Mapping[str, Variable], agreed: AgreedVariable) -> str:
    if rule.absent:
        return ""
    if rule.constant:
        return _constant_problem(rule.constant, agreed)
    mine = own.get(rule.source)
    if mine is None:
        return f"the data here have no variable {rule.source!r}"
    if mine.kind not in ("numeric", "category"):
        return f"{rule.source!r} is {mine.kind}: only numeric and category variables can be studied"
    wrong = [way for way in rule.ways if way not in _ALLOWED[mine.kind, agreed.kind]]
    if wrong:
        return f"{wrong[0]} does not lead from a {mine.kind} to a {agreed.kind} variable"
    return _codes_problem(rule, mine) or _CHECKS[mine.kind, agreed.kind](rule, mine, agreed)


def _constant_problem(level: str, agreed: AgreedVariable) -> str:
    if agreed.kind != "category":
        return "only a category can be constant"
    return "" if level in agreed.levels else f"the study has no level {level!r}"


def _codes_problem(rule: Rule, mine: Variable) -> str:
    for code in rule.codes:
        if mine.kind == "numeric" and isinstance(code, str):
            return f"the missing code {code!r} of a number must be a number"
        if mine.kind == "category" and code not in mine.levels:
            return f"the missing code {code!r} is no level of {mine.name!r}"
    return ""


def _number_problem(rule: Rule, mine: Variable, agreed: AgreedVariable) -> str:
    if mine.unit != agreed.unit and rule.factor is None:
        here, there = mine.unit or "no unit", agreed.unit or "no unit"
        return f"{mine.name!r} is in {here} here and in {there} in the study: give its factor"
    return ""


def _cuts_problem(rule: Rule, _mine: Variable, agreed: AgreedVariable) -> str:
    if not rule.cuts:
        return "cuts and into say which numbers become which level"
    return _unknown_level(rule.into, agreed)


def _levels_problem(rule: Rule, mine: Variable, agreed: AgreedVariable) -> str:
    kept = [level for level in mine.levels if level not in rule.codes]
    if not rule.levels:
        return _unknown_level(kept, agreed)
    stray = [level for level in rule.levels if level not in kept]
    if stray:
        return f"{stray[0]!r} is no level of {mine.name!r}, or means missing"
    left = [level for level in kept if level not in rule.levels]
    if left:
        return f"the level {left[0]!r} of {mine.name!r} goes nowhere: map it, or list it under missing"
    return _unknown_level(rule.levels.values(), agreed)


def _unknown_level(levels: Iterable[str], agreed: AgreedVariable) -> str:
    unknown = [level for level in levels if level not in agreed.levels]
    return f"the study has no level {unknown[0]!r}" if unknown else ""


def _one_of_problem(rule: Rule, mine: Variable, agreed: AgreedVariable) -> str:
    if not rule.one_of:
        return "one_of says which levels count as 1"
    stray = [level for level in rule.one_of if level not in mine.levels or level in rule.codes]
    if stray:
        return f"{stray[0]!r} is no level of {mine.name!r}, or means missing"
    lower = -math.inf if agreed.lower is None else agreed.lower
    upper = math.inf if agreed.upper is None else agreed.upper
    return "" if lower <= 0 and upper >= 1 else "the study's range does not hold 0 and 1"


_CHECKS = {
    ("numeric", "numeric"): _number_problem,
    ("numeric", "category"): _cuts_problem,
    ("category", "category"): _levels_problem,
    ("category", "numeric"): _one_of_problem,
}
