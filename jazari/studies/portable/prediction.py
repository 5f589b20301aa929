"""Applying a model to columns of values, after checking that it can read them.

A column that is missing or of another type, a number that is not finite and a level that the model does not know are
refused. A missing value (None, NaN or an empty text) is not: what the model can say of such a row its kind decides,
and where it can say nothing the prediction is NaN. A number outside the range that the model was made from is computed
with a warning, since the range is what could occur at the institutes and not a limit of the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jazari.studies.data.table import Codes, Floats
from jazari.studies.errors import BadModelInput
from jazari.studies.portable.kinds import Prepared, kind_of
from jazari.studies.portable.model import Input, PortableModel, require

MOST_ROWS = 20_000_000
_SLACK = 1e-9
"""How far scores may be from adding up to 1: rounding."""


@dataclass(frozen=True)
class Prediction:
    """``values``: (rows,) numbers in the unit of the response, or scores (rows, classes); NaN where none is possible.

    ``warnings`` are sentences about rows that the model was not made for.
    """

    values: Floats
    classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str | None]:
        """The class with the largest score of each row (the first of equal ones), None where there is none."""
        known = np.asarray(~np.isnan(self.values).any(axis=1))
        best = np.argmax(np.where(known[:, None], self.values, 0.0), axis=1)
        return [self.classes[place] if there else None for place, there in zip(best, known, strict=True)]


def predict(model: PortableModel, columns: Mapping[str, Sequence[Any]]) -> Prediction:
    """What ``model`` says of each row of ``columns`` (input name: values of all rows; others are not read).

    Raises ``BadModelInput`` naming row and column.
    """
    prepared = prepare(model, columns)
    values = compute(model, prepared)
    return Prediction(values, model.classes, tuple(_warnings(model, prepared, values)))


def compute(model: PortableModel, prepared: Prepared) -> Floats:
    """The predictions for columns that are in the form of ``kinds.Prepared``; raises ``BadModel``."""
    with np.errstate(all="ignore"):
        values = np.asarray(kind_of(model).predict(model, prepared), dtype=np.float64)
    rows = len(next(iter(prepared.values())))
    shape = (rows,) if model.task == "regression" else (rows, len(model.classes))
    require(values.shape == shape and not np.isinf(values).any(), "it gives no finite predictions for these rows")
    if model.task != "regression":
        known = values[~np.isnan(values).any(axis=1)]
        sound = (known >= -_SLACK).all() and (np.abs(known.sum(axis=1) - 1) <= _SLACK * len(model.classes)).all()
        require(bool(sound), "its scores are no shares of 1")
        values = np.clip(values, 0.0, 1.0)
    return values


def prepare(model: PortableModel, columns: Mapping[str, Sequence[Any]]) -> Prepared:
    """The inputs of ``model`` in the form that kinds take; raises ``BadModelInput``."""
    prepared = {one.name: _column(one, columns) for one in model.inputs}
    lengths = {len(column) for column in prepared.values()}
    if len(lengths) != 1:
        raise BadModelInput("The columns have different numbers of rows: give one value for each row.")
    if not 0 < max(lengths) <= MOST_ROWS:
        raise BadModelInput(f"There must be 1 to {MOST_ROWS:,} rows: give other data.")
    return prepared


def _column(one: Input, columns: Mapping[str, Sequence[Any]]) -> Any:
    if one.name not in columns:
        raise BadModelInput(f"The column {one.name!r} is missing: the model reads it ({describe(one)}).")
    cells = columns[one.name]
    if one.kind == "numeric":
        return _numbers(one, cells)
    if one.kind == "category":
        return _codes(one, cells)
    return [_text(one, row, cell) for row, cell in enumerate(cells, 1)]


def describe(one: Input) -> str:
    """What an input must hold, in a few words."""
    if one.kind == "category":
        return "one of " + ", ".join(one.levels[:10]) + (" ..." if len(one.levels) > 10 else "")
    unit = f" in {one.unit}" if one.unit else ""
    return f"a number{unit}" if one.kind == "numeric" else "a text"


def _numbers(one: Input, cells: Sequence[Any]) -> Floats:
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiu" and cells.ndim == 1:
        numbers = cells.astype(np.float64)
    else:
        numbers = np.array([_number(one, row, cell) for row, cell in enumerate(cells, 1)], dtype=np.float64)
    if np.isinf(numbers).any():
        raise _bad(one, int(np.argmax(np.isinf(numbers))) + 1, "the number must be finite")
    return numbers


def _number(one: Input, row: int, cell: Any) -> float:
    if cell is None:
        return math.nan
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | np.integer | np.floating):
        raise _bad(one, row, f"{str(cell)[:40]!r} is no number")
    return float(cell)


def _codes(one: Input, cells: Sequence[Any]) -> Codes:
    place: dict[Any, int] = {level: index for index, level in enumerate(one.levels)}
    codes = np.empty(len(cells), dtype=np.int64)
    for index, cell in enumerate(cells):
        missing = cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))
        code = -1 if missing else place.get(cell if isinstance(cell, str) else None)
        if code is None:
            raise _bad(one, index + 1, f"{str(cell)[:40]!r} is not {describe(one)}")
        codes[index] = code
    return codes


def _text(one: Input, row: int, cell: Any) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        raise _bad(one, row, "this is no text")
    return cell


def _bad(one: Input, row: int, rule: str) -> BadModelInput:
    return BadModelInput(f"Row {row}, column {one.name!r}: {rule}; correct the data.")


def _warnings(model: PortableModel, prepared: Prepared, values: Floats) -> list[str]:
    told = []
    for one in model.inputs:
        count = _outside(one, prepared[one.name]) if one.kind == "numeric" else 0
        if count:
            told.append(
                f"{count} rows have {one.name} outside {_range(one)}, the range of the data that the model was "
                "made from: there it extrapolates."
            )
    unknown = int(np.isnan(values.reshape(len(values), -1)).any(axis=1).sum())
    if unknown:
        told.append(f"{unknown} rows have no prediction because a value is missing.")
    return told


def _outside(one: Input, numbers: Floats) -> int:
    low = -math.inf if one.lower is None else one.lower
    high = math.inf if one.upper is None else one.upper
    return int(((numbers < low) | (numbers > high)).sum())


def _range(one: Input) -> str:
    if one.lower is None:
        return f"up to {one.upper:g}"
    return f"{one.lower:g} to {one.upper:g}" if one.upper is not None else f"{one.lower:g} and more"
