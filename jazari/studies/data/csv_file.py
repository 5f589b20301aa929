"""Rows of a CSV file, in chunks, with the declared columns only. No pandas: each study process reads data."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from jazari.studies.data.loading import CHUNK_ROWS, Chunk
from jazari.studies.data.schema import Schema
from jazari.studies.errors import BadData, ColumnMissing, UnreadableData

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_chunks(path: Path, schema: Schema, wanted: list[str]) -> Iterator[Chunk]:
    """The columns ``wanted`` of the rows of ``path``; raises ``UnreadableData``, ``ColumnMissing`` or ``BadData``."""
    encoding = _encoding(path, schema)
    with _plain_errors(path, encoding), path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(_without_nul(file), delimiter=schema.delimiter, strict=True)
        try:
            yield from _chunks(reader, schema, path, wanted)
        except csv.Error as error:
            raise BadData(
                f"Line {reader.line_num} of {path}: the quotes or fields are broken ({error}); export the file again."
            ) from error


def _encoding(path: Path, schema: Schema) -> str:
    name = codecs.lookup(schema.encoding).name
    with _plain_errors(path, name), path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_WIDE_MARKS) and not name.startswith("utf-16"):
        raise UnreadableData(f'{path} is written in UTF-16: save it as UTF-8 or set encoding = "utf-16".')
    return "utf-8-sig" if name == "utf-8" else name


@contextmanager
def _plain_errors(path: Path, encoding: str) -> Iterator[None]:
    try:
        yield
    except UnicodeError as error:
        raise UnreadableData(
            f"{path} is not written in {encoding.removesuffix('-sig')}: save it as UTF-8 or set "
            "the encoding in its schema, such as windows-1252."
        ) from error
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise UnreadableData(f"The data file {path} cannot be read ({reason}): check its permissions.") from error


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise csv.Error("a zero byte")
        yield line


def _chunks(reader: Iterator[list[str]], schema: Schema, path: Path, wanted: list[str]) -> Iterator[Chunk]:
    names = _header(reader, path) if schema.header else [v.source for v in schema.variables]
    _require_columns(wanted, names, path)
    places = {name: names.index(name) for name in wanted}
    first = 2 if schema.header else 1
    while rows := list(islice(reader, CHUNK_ROWS)):
        filled = _whole_rows(rows, len(names), first)
        columns = list(zip(*filled, strict=True)) or [()] * len(names)
        yield Chunk(first, len(filled), {name: list(columns[place]) for name, place in places.items()})
        first += len(filled)


def _header(reader: Iterator[list[str]], path: Path) -> list[str]:
    names = [name.strip() for name in next(reader, [])]
    if not any(names):
        raise UnreadableData(f"{path} starts with an empty line: its first line must name the columns.")
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise BadData(f"The header of {path} names the column {twice[0]!r} twice: rename one.")
    return names


def _require_columns(wanted: list[str], names: list[str], path: Path) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        found = ", ".join(names[:20])[:300]
        raise ColumnMissing(
            f"The column {missing[0]!r} is missing in {path}, which has {found}: correct the file or its schema."
        )


def _whole_rows(rows: list[list[str]], width: int, first: int) -> list[list[str]]:
    """Rows without the empty ones at the end of a file; every other row must be as wide as the header."""
    filled = [row for row in rows if row]
    for index, row in enumerate(filled):
        if len(row) != width:
            raise BadData(
                f"Row {first + index} has {len(row)} fields and the header {width}: check its quotes and delimiter."
            )
    return filled
