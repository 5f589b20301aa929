"""From a file to a ``Table``: every declared cell is checked, and the first bad one is named."""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from jazari.studies.data.identity import Prints, join, numbered, of_codes, of_numbers, of_texts
from jazari.studies.data.schema import MAX_ROWS, MAX_TEXT, Schema, Variable
from jazari.studies.data.table import Codes, Floats, Table, encode_subjects
from jazari.studies.errors import BadData, UnreadableData

MAX_BYTES = 4 * 2**30

CHUNK_ROWS = 50_000
_CACHED = 100_000
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)

Cells: TypeAlias = "list[str | None] | Floats"
"""A column of a chunk: as written in the file (None for a null), or already numbers with NaN for nulls."""


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows; ``first`` is the number of the first one as a spreadsheet shows it."""

    first: int
    rows: int
    columns: dict[str, Cells]


def load_table(path: Path, schema: Schema, texts: Collection[str] = (), key: bytes | None = None) -> Table:
    """Read the declared columns of a ``.csv``, ``.data``, ``.txt``, ``.tsv`` or ``.parquet`` file.

    Of the text variables only those named in ``texts`` are read. With a ``key``, the table knows its subjects by
    keyed fingerprints. Raises ``UnreadableData``, ``ColumnMissing`` or ``BadData``, which names row, column and rule.
    """
    _check_file(path)
    if path.suffix == ".parquet":
        from jazari.studies.data.parquet_file import read_chunks as read_parquet

        chunks = read_parquet(path, needed_columns(schema, texts))
    else:
        from jazari.studies.data.csv_file import read_chunks as read_csv

        chunks = read_csv(path, schema, needed_columns(schema, texts))
    return build_table(chunks, schema, str(path), texts, key)


def _check_file(path: Path) -> None:
    try:
        facts = path.stat()
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise UnreadableData(f"The data file {path} cannot be read ({reason}): check the path.") from error
    if not stat.S_ISREG(facts.st_mode):
        raise UnreadableData(f"{path} is no regular file: give a CSV or Parquet file.")
    if facts.st_size > MAX_BYTES:
        raise UnreadableData(f"The data file {path} is larger than {MAX_BYTES >> 30} GiB: split the data set.")
    if facts.st_size == 0:
        raise UnreadableData(f"The data file {path} is empty: export it again.")


def needed_columns(schema: Schema, texts: Collection[str] = ()) -> list[str]:
    """The columns of the file that are read: numeric, category, subject and unit columns, and chosen texts."""
    asked = {*schema.subject, *texts}
    used = [v for v in schema.variables if v.kind in ("numeric", "category") or v.name in asked]
    names = [v.source for v in used] + [v.units.column for v in used if v.units]
    return list(dict.fromkeys(names))


def build_table(
    chunks: Iterator[Chunk], schema: Schema, where: str, texts: Collection[str] = (), key: bytes | None = None
) -> Table:
    """Check and convert all chunks."""
    builders = [_builder(variable, schema) for variable in schema.variables]
    builders += [_Text(variable, schema) for variable in schema.variables if _is_text(variable, texts)]
    used = [builder for builder in builders if builder is not None]
    rows = 0
    for chunk in chunks:
        rows += chunk.rows
        if rows > MAX_ROWS:
            raise UnreadableData(f"{where} has more than {MAX_ROWS} rows: split the data set.")
        for builder in used:
            builder.add(chunk)
    if rows == 0:
        raise UnreadableData(f"{where} has no rows: export it again.")
    return _assemble(used, schema, rows, key)


def _assemble(builders: Sequence[_Builder], schema: Schema, rows: int, key: bytes | None) -> Table:
    texts = {b.variable.name: tuple(b.finish().tolist()) for b in builders if isinstance(b, _Text)}
    columns = {b.variable.name: b.finish() for b in builders if not isinstance(b, _Text)}
    subject, subjects = encode_subjects([columns[name] for name in schema.subject], rows)
    kinds = {variable.name: variable.kind for variable in schema.variables}
    return Table(
        schema,
        rows,
        subject,
        subjects,
        numeric={n: c for n, c in columns.items() if kinds[n] == "numeric"},
        codes={n: c for n, c in columns.items() if kinds[n] == "category"},
        texts=texts,
        identity=None if key is None else _identity(builders, columns, schema, key),
    )


def _identity(builders: Sequence[_Builder], columns: dict[str, npt.NDArray[Any]], schema: Schema, key: bytes) -> Prints:
    """The subject of each row by its identifying columns, or, where there are none, the row by its values."""
    named = {builder.variable.name: builder for builder in builders}
    identity = of_texts(["subject"], key)
    for name in schema.subject or sorted(columns):
        identity = join(identity, named[name].prints(columns[name], key))
    return identity if schema.subject else numbered(identity)


@dataclass
class _Builder:
    """Collects one variable over the chunks."""

    variable: Variable
    schema: Schema
    parts: list[npt.NDArray[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        codes = {code for code in self.variable.missing if isinstance(code, str)}
        self.missing: set[str | None] = {None, *self.schema.missing, *codes}
        self.needed = self.variable.name in self.schema.subject

    def add(self, chunk: Chunk) -> None:
        """Convert the variable's cells of ``chunk``."""
        converted = self.convert(chunk)
        if self.needed:
            self.refuse(chunk, self.absent(converted), "a subject must not be missing")
        self.parts.append(converted)

    def finish(self) -> npt.NDArray[Any]:
        """The whole column."""
        return np.concatenate(self.parts)

    def convert(self, chunk: Chunk) -> npt.NDArray[Any]:
        """The cells as an array."""
        raise NotImplementedError

    def absent(self, converted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Which of the converted cells are missing."""
        raise NotImplementedError

    def prints(self, column: npt.NDArray[Any], key: bytes) -> Prints:
        """A keyed fingerprint of each cell of the finished column."""
        return of_numbers(column, key)

    def refuse(self, chunk: Chunk, bad: npt.NDArray[np.bool_], rule: str) -> None:
        """Raise ``BadData`` for the first row that is ``bad``."""
        if bad.any():
            raise bad_cell(chunk.first + int(np.argmax(bad)), self.variable.source, rule)


def bad_cell(row: int, column: str, rule: str) -> BadData:
    """The error that names row, column and rule."""
    return BadData(f"Row {row}, column {column!r}: {rule}; correct the file or its schema.")


def shown(cell: object) -> str:
    """A cell as an error shows it."""
    return repr(str(cell)[:40])


class _Numeric(_Builder):
    """Float64 in the variable's own unit, NaN where missing."""

    def convert(self, chunk: Chunk) -> Floats:
        """Parse, blank out the missing codes, convert units, then check the bounds."""
        cells = chunk.columns[self.variable.source]
        numbers = cells.copy() if isinstance(cells, np.ndarray) else self._parse(cells, chunk.first)
        for code in self.variable.missing:
            if isinstance(code, float):
                numbers[numbers == code] = np.nan
        self.refuse(chunk, np.isinf(numbers), "the number must be finite")
        if self.variable.units:
            numbers = numbers * self._factors(chunk, np.isnan(numbers))
        self._check_bounds(chunk, numbers)
        return numbers

    def absent(self, converted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """NaN."""
        return np.asarray(np.isnan(converted))

    def _parse(self, cells: list[str | None], first: int) -> Floats:
        known: dict[str | None, float] = dict.fromkeys(self.missing, math.nan)
        numbers = np.empty(len(cells), dtype=np.float64)
        for index, cell in enumerate(cells):
            value = known.get(cell)
            if value is None:
                value = self._number(cell, first + index)
                if len(known) < _CACHED:
                    known[cell] = value
            numbers[index] = value
        return numbers

    def _number(self, cell: str | None, row: int) -> float:
        text = (cell or "").strip()
        if text in self.missing:
            return math.nan
        if self.schema.decimal == ",":
            text = text.replace(",", ".")
        if not _NUMBER.fullmatch(text):
            raise bad_cell(row, self.variable.source, f"{shown(cell)} is no number")
        return float(text)

    def _factors(self, chunk: Chunk, missing: npt.NDArray[np.bool_]) -> Floats:
        rule = self.variable.units
        if rule is None:
            return np.ones(chunk.rows)
        named = [str(unit).strip() if unit is not None else "" for unit in chunk.columns[rule.column]]
        factors = np.array([rule.factors.get(unit, math.nan) for unit in named])
        unknown = np.isnan(factors) & ~missing
        if unknown.any():
            index = int(np.argmax(unknown))
            known = ", ".join(rule.factors)
            raise bad_cell(chunk.first + index, rule.column, f"the unit {shown(named[index])} is none of {known}")
        return factors

    def _check_bounds(self, chunk: Chunk, numbers: Floats) -> None:
        lower, upper = self.variable.lower, self.variable.upper
        if lower is not None:
            self.refuse(chunk, numbers < lower, f"the value is below the lower bound {lower:g}")
        if upper is not None:
            self.refuse(chunk, numbers > upper, f"the value is above the upper bound {upper:g}")


class _Category(_Builder):
    """Indexes into the declared levels, -1 where missing."""

    def convert(self, chunk: Chunk) -> Codes:
        """Look each cell up, as written or without spaces around."""
        known: dict[str | None, int] = dict.fromkeys(self.missing, -1)
        known.update({level: index for index, level in enumerate(self.variable.levels)})
        codes = np.empty(chunk.rows, dtype=np.int64)
        for index, cell in enumerate(as_texts(chunk.columns[self.variable.source])):
            code = known.get(cell)
            if code is None:
                code = known.get(cell.strip() if cell else cell)
            if code is None:
                rule = f"{shown(cell)} is not a declared level"
                raise bad_cell(chunk.first + index, self.variable.source, rule)
            codes[index] = code
        return codes

    def absent(self, converted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """-1."""
        return np.asarray(converted < 0)

    def prints(self, column: npt.NDArray[Any], key: bytes) -> Prints:
        """Those of the levels' texts."""
        return of_codes(column, self.variable.levels, key)


class _Identifier(_Builder):
    """Equal numbers for equal texts; the texts themselves are forgotten."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seen: dict[str, int] = {}

    def convert(self, chunk: Chunk) -> Codes:
        """Number the texts in order of appearance."""
        texts = [None if cell is None else cell.strip() for cell in as_texts(chunk.columns[self.variable.source])]
        numbered = (-1 if t in self.missing else self.seen.setdefault(t or "", len(self.seen)) for t in texts)
        return np.fromiter(numbered, dtype=np.int64, count=chunk.rows)

    def absent(self, converted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """-1."""
        return np.asarray(converted < 0)

    def prints(self, column: npt.NDArray[Any], key: bytes) -> Prints:
        """Those of the texts."""
        return np.asarray(of_texts(self.seen, key)[column])


class _Text(_Builder):
    """Texts as written, "" where missing. An error never shows the text itself."""

    def convert(self, chunk: Chunk) -> npt.NDArray[Any]:
        """Strip the cells and refuse one that is too long."""
        cells = [(cell or "").strip() for cell in as_texts(chunk.columns[self.variable.source])]
        long = np.array([len(cell) > MAX_TEXT for cell in cells], dtype=np.bool_)
        self.refuse(chunk, long, f"the text is longer than {MAX_TEXT} characters")
        return np.array(["" if cell in self.missing else cell for cell in cells], dtype=object)

    def absent(self, converted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Empty."""
        return np.asarray(converted == "")


def as_texts(cells: Cells) -> list[str | None]:
    """Cells as texts; whole numbers without a decimal point, None for NaN."""
    if isinstance(cells, list):
        return cells
    return [None if math.isnan(n) else str(int(n)) if n.is_integer() else repr(n) for n in cells.tolist()]


def _is_text(variable: Variable, texts: Collection[str]) -> bool:
    return variable.kind == "text" and variable.name in texts


def _builder(variable: Variable, schema: Schema) -> _Builder | None:
    if variable.kind == "numeric":
        return _Numeric(variable, schema)
    if variable.kind == "category":
        return _Category(variable, schema)
    return _Identifier(variable, schema) if variable.name in schema.subject else None
