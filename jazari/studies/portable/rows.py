"""Rows of a CSV file as columns for ``predict``, and predictions as a CSV file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jazari.core.files import plain_os_errors
from jazari.studies.errors import BadModelInput
from jazari.studies.portable.model import Input, PortableModel
from jazari.studies.portable.prediction import Prediction

MAX_BYTES = 512 * 2**20
MISSING = ("", "NA", "NaN", "nan")


def read_columns(path: Path, model: PortableModel) -> dict[str, list[Any]]:
    """The inputs of ``model`` in a CSV file (UTF-8, comma, first line names the columns; others are not read).

    An empty cell, NA and NaN are missing, but for a text. Raises ``BadModelInput`` naming row and column as a
    spreadsheet shows them.
    """
    with plain_os_errors(path), path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise BadModelInput(f"{path} has more than {MAX_BYTES >> 20} MiB: split it.")
    try:
        text = raw.decode("utf-8-sig")
        return _columns(csv.reader(io.StringIO(text, newline=""), strict=True), model, path)
    except UnicodeDecodeError as error:
        raise BadModelInput(f"{path} is not written in UTF-8: save it as UTF-8.") from error
    except csv.Error as error:
        raise BadModelInput(f"The quotes or fields of {path} are broken ({error}): export it again.") from error


def _columns(rows: Iterator[list[str]], model: PortableModel, path: Path) -> dict[str, list[Any]]:
    header = [name.strip() for name in next(rows, [])]
    missing = [one.name for one in model.inputs if one.name not in header]
    if missing:
        raise BadModelInput(f"The column {missing[0]!r} is missing in {path}: the model reads it.")
    twice = [one.name for one in model.inputs if header.count(one.name) > 1]
    if twice:
        raise BadModelInput(f"The header of {path} names the column {twice[0]!r} twice: rename one.")
    places = [(one, header.index(one.name)) for one in model.inputs]
    columns: dict[str, list[Any]] = {one.name: [] for one in model.inputs}
    for number, row in enumerate(rows, 2):
        if row:
            _add(columns, places, row, number, len(header))
    if not columns[model.inputs[0].name]:
        raise BadModelInput(f"{path} has no rows: give at least one.")
    return columns


def _add(
    columns: dict[str, list[Any]], places: list[tuple[Input, int]], row: list[str], number: int, width: int
) -> None:
    if len(row) != width:
        raise BadModelInput(f"Row {number} has {len(row)} fields and the header {width}: check its quotes.")
    for one, place in places:
        columns[one.name].append(_cell(one, row[place], number))


def _cell(one: Input, cell: str, number: int) -> Any:
    if one.kind == "text":
        return cell
    text = cell.strip()
    if text in MISSING and text not in one.levels:
        return None
    if one.kind == "category":
        if text not in one.levels:
            known = ", ".join(one.levels[:10])
            raise _bad(number, one, f"{text[:40]!r} is none of {known}")
        return text
    try:
        value = float(text.replace("_", "?"))  # Python alone reads 1_000
    except ValueError:
        raise _bad(number, one, f"{text[:40]!r} is no number") from None
    if not math.isfinite(value):
        raise _bad(number, one, "the number must be finite")
    return value


def _bad(number: int, one: Input, rule: str) -> BadModelInput:
    return BadModelInput(f"Row {number}, column {one.name!r}: {rule}; correct the data.")


def prediction_rows(prediction: Prediction) -> list[dict[str, Any]]:
    """One row for each row of the data: ``prediction``, and a ``score_<class>`` for each class. None where unknown."""
    if not prediction.classes:
        return [{"prediction": None if math.isnan(value) else value} for value in prediction.values.tolist()]
    rows = zip(prediction.labels, prediction.values.tolist(), strict=True)
    return [
        {"prediction": label} | {f"score_{name}": _known(s) for name, s in zip(prediction.classes, scores, strict=True)}
        for label, scores in rows
    ]


def _known(score: float) -> float | None:
    return None if math.isnan(score) else score


def as_csv(rows: list[dict[str, Any]]) -> str:
    """The rows as CSV with a header; empty cells where nothing is known."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
