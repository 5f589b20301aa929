"""Tables for spreadsheets, which must show what others wrote and never run it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_cell(value: object) -> str:
    """``value`` as a cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_lines(names: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[bytes]:
    """A table with a line of ``names``, line by line, in UTF-8 with the mark by which spreadsheets know it."""
    yield b"\xef\xbb\xbf" + _line(names)
    for row in rows:
        yield _line(map(csv_cell, row))


def _line(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8", "replace")
