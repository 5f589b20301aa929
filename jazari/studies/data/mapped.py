"""Applying a mapping: an institute's table as the variables of a study. Pure, all rows kept, nothing clipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jazari.studies.data.mapping import ColumnMapping, Rule, mapped_schema
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Codes, Floats, Mask, Table
from jazari.studies.errors import BadData

_ROUNDING = 4 * np.finfo(np.float64).eps
"""Of the terms of a conversion: what multiplying and adding in float64 may have added."""


def harmonised(table: Table, mapping: ColumnMapping | None, variables: Iterable[AgreedVariable]) -> Table:
    """``table`` with exactly the study's variables; without a mapping, ``table`` itself.

    ``mapping`` has passed ``check_mapping``. Raises ``BadData`` naming each variable with values outside the
    study's range, and the first such row.
    """
    if mapping is None:
        return table
    agreed = tuple(variables)
    schema = mapped_schema(mapping, table.schema, agreed)
    columns = {v.name: convert(table, mapping.rule(v.name), v) for v in agreed if v.kind != "text"}
    _refuse_outside(columns, agreed)
    return Table(
        schema,
        table.rows,
        table.subject,
        table.subjects,
        numeric={v.name: columns[v.name].values for v in agreed if v.kind == "numeric"},
        codes={v.name: _recoded(columns[v.name].values, v, schema) for v in agreed if v.kind == "category"},
        texts={v.name: table.words(v.name) for v in agreed if v.kind == "text"},
        identity=table.identity,
    )


@dataclass(frozen=True)
class Converted:
    """A column in the study's terms: numbers, or indexes into the study's levels; each array has one item a row.

    ``absent``: no value here. ``declared_missing``: a value here that the mapping calls missing. ``outside``: a
    number that is not in the study's range.
    """

    values: npt.NDArray[Any]
    absent: Mask
    declared_missing: Mask
    outside: Mask

    @property
    def usable(self) -> int:
        """How many rows have a value that the study can use."""
        return len(self.values) - int((self.absent | self.declared_missing | self.outside).sum())


def convert(table: Table, rule: Rule, agreed: AgreedVariable) -> Converted:
    """One variable of the study, but a text, from the table of the institute."""
    if not rule.source:
        return _without_column(table.rows, rule, agreed)
    if rule.source in table.numeric:
        own = table.numeric[rule.source]
        absent, called = np.isnan(own), np.isin(own, np.array(rule.codes, dtype=np.float64))
        kept = np.where(called, np.nan, own)
        values = _scaled(kept, rule, agreed) if agreed.kind == "numeric" else _cut(kept, rule, agreed)
    else:
        codes, levels = table.codes[rule.source], table.schema.variable(rule.source).levels
        absent, called = codes < 0, np.isin(codes, [i for i, level in enumerate(levels) if level in rule.codes])
        kept_codes = np.where(called, -1, codes)
        values = _looked_up(kept_codes, levels, rule, agreed)
    return Converted(values, absent, called, _outside(values, agreed))


def account(table: Table, mapping: ColumnMapping | None, variables: Iterable[AgreedVariable]) -> list[dict[str, Any]]:
    """For each variable of the study: where it comes from, how, and how many rows are usable or why they are not.

    For the institute's own eyes: the counts are exact, whatever the floor.
    """
    return [_accounted(table, mapping, variable) for variable in variables]


def _accounted(table: Table, mapping: ColumnMapping | None, agreed: AgreedVariable) -> dict[str, Any]:
    rule = mapping.rule(agreed.name) if mapping else Rule.model_validate({"from": agreed.name})
    column = _text(table, agreed) if agreed.kind == "text" else convert(table, rule, agreed)
    return {
        "variable": agreed.name,
        "from": rule.source,
        "how": describe(rule),
        "usable": column.usable,
        "missing": int(column.absent.sum()),
        "declared_missing": int(column.declared_missing.sum()),
        "outside": int(column.outside.sum()),
    }


def _text(table: Table, agreed: AgreedVariable) -> Converted:
    values, none = np.array(table.words(agreed.name), dtype=object), np.zeros(table.rows, dtype=np.bool_)
    return Converted(values, np.asarray(values == ""), none, none)


def describe(rule: Rule) -> str:
    """How a rule converts, in a few words."""
    if rule.cuts:
        return f"cut at {', '.join(f'{cut:g}' for cut in rule.cuts)} into {', '.join(rule.into)}"
    if rule.levels:
        return ", ".join(f"{own} is {level}" for own, level in rule.levels.items())
    if rule.one_of:
        return f"1 for {', '.join(rule.one_of)}, else 0"
    if rule.source and rule.ways:
        return f"times {1.0 if rule.factor is None else rule.factor:g}, plus {rule.offset or 0.0:g}"
    return "as it is" if rule.source else f"{rule.constant or 'missing'} in every row"


def _without_column(rows: int, rule: Rule, agreed: AgreedVariable) -> Converted:
    none = np.zeros(rows, dtype=np.bool_)
    values: npt.NDArray[Any]
    if agreed.kind == "numeric":
        values = np.full(rows, np.nan)
    else:
        values = np.full(rows, agreed.levels.index(rule.constant) if rule.constant else -1, dtype=np.int64)
    return Converted(values, np.full(rows, rule.absent), none, none)


def _scaled(own: Floats, rule: Rule, agreed: AgreedVariable) -> Floats:
    """``own * factor + offset``; a result that is past a bound by rounding alone is the bound."""
    if rule.factor is None and rule.offset is None:
        return own
    factor, offset = 1.0 if rule.factor is None else rule.factor, rule.offset or 0.0
    with np.errstate(over="ignore"):
        scaled = own * factor
        values = scaled + offset
    for bound, past in ((agreed.lower, np.less), (agreed.upper, np.greater)):
        if bound is not None:
            slack = _ROUNDING * (np.abs(scaled) + abs(offset) + abs(bound))
            values = np.where(past(values, bound) & (np.abs(values - bound) <= slack), bound, values)
    return np.asarray(values, dtype=np.float64)


def _cut(own: Floats, rule: Rule, agreed: AgreedVariable) -> Codes:
    places = np.array([agreed.levels.index(level) for level in rule.into], dtype=np.int64)
    found = places[np.searchsorted(np.array(rule.cuts), np.nan_to_num(own), side="right")]
    return np.where(np.isnan(own), -1, found)


def _looked_up(own: Codes, levels: tuple[str, ...], rule: Rule, agreed: AgreedVariable) -> npt.NDArray[Any]:
    if agreed.kind == "numeric":
        return np.array([*(float(level in rule.one_of) for level in levels), np.nan])[own]
    meant = [rule.levels.get(level, level) if level not in rule.codes else None for level in levels]
    places = [-1 if level is None else agreed.levels.index(level) for level in meant]
    return np.array([*places, -1], dtype=np.int64)[own]


def _outside(values: npt.NDArray[Any], agreed: AgreedVariable) -> Mask:
    if agreed.kind != "numeric":
        return np.zeros(len(values), dtype=np.bool_)
    lower = -np.inf if agreed.lower is None else agreed.lower
    upper = np.inf if agreed.upper is None else agreed.upper
    return np.asarray((values < lower) | (values > upper) | np.isinf(values))


def _refuse_outside(columns: dict[str, Converted], agreed: tuple[AgreedVariable, ...]) -> None:
    wrong = [(v, columns[v.name].outside) for v in agreed if v.name in columns and columns[v.name].outside.any()]
    told = [
        f"{v.name!r} in {int(outside.sum())} rows, first in data row {int(np.argmax(outside)) + 1}"
        for v, outside in wrong
    ]
    if told:
        raise BadData(
            f"Mapped values are outside the study's range: {'; '.join(told)}; correct the factor or the data, "
            "or list the code as missing."
        )


def _recoded(places: Codes, agreed: AgreedVariable, schema: Schema) -> Codes:
    """Indexes into the levels that the mapped table declares instead of all of the study's."""
    declared = {level: index for index, level in enumerate(schema.variable(agreed.name).levels)}
    return np.array([*(declared.get(level, -1) for level in agreed.levels), -1], dtype=np.int64)[places]
