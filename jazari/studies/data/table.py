"""A data set in memory: numpy columns, and which rows belong to which subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jazari.studies.data.identity import Prints, join, of_codes, of_numbers
from jazari.studies.data.schema import Schema
from jazari.studies.errors import ColumnMissing, IncompatibleData

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Table:
    """``rows`` rows of the declared numeric and category variables.

    ``numeric``: float64, NaN where missing, in the declared unit. ``codes``: index into the declared levels,
    -1 where missing. ``subject``: 0 to ``subjects`` - 1 for each row. ``texts``: as written, "" where missing,
    and only those that were asked for. Identifiers are not kept. ``identity``: each row's keyed fingerprint of its
    subject, where the table was loaded with a key.
    """

    schema: Schema
    rows: int
    subject: Codes
    subjects: int
    numeric: dict[str, Floats] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    identity: Prints | None = None

    def numbers(self, name: str) -> Floats:
        """The numeric column ``name``; raises ``ColumnMissing``."""
        if name not in self.numeric:
            raise ColumnMissing(f"The data here have no numeric column {name!r}: check the schema.")
        return self.numeric[name]

    def words(self, name: str) -> tuple[str, ...]:
        """The text column ``name``, "" where missing; raises ``ColumnMissing``."""
        if name not in self.texts:
            raise ColumnMissing(f"The data here have no text column {name!r}: check the schema.")
        return self.texts[name]

    def levels(self, name: str, agreed: Sequence[str]) -> Codes:
        """The category ``name`` as indexes into the ``agreed`` levels, -1 where missing.

        Raises ``ColumnMissing``, or ``IncompatibleData`` when a level here is not among the agreed ones.
        """
        if name not in self.codes:
            raise ColumnMissing(f"The data here have no category {name!r}: check the schema.")
        own = self.schema.variable(name).levels
        place = {level: index for index, level in enumerate(agreed)}
        unknown = [level for level in own if level not in place]
        if unknown:
            raise IncompatibleData(f"The level {unknown[0]!r} of {name!r} is not in the study: ask for a new study.")
        lookup = np.array([*(place[level] for level in own), -1], dtype=np.int64)
        return lookup[self.codes[name]]

    @cached_property
    def order(self) -> Codes:
        """The rows in an order that follows from their own values, whatever the order of the file."""
        whole = np.zeros(self.rows, dtype=np.uint64)
        for name in sorted((*self.numeric, *self.codes)):
            whole = join(whole, self.value_prints(name, b""))
        return np.argsort(whole, kind="stable")

    def value_prints(self, name: str, key: bytes) -> Prints:
        """A keyed fingerprint of each row's value of a numeric variable or category. Shape (rows,)."""
        if name in self.codes:
            return of_codes(self.codes[name], self.schema.variable(name).levels, key)
        return of_numbers(self.numbers(name), key)


def distinct_subjects(cell: Codes, subject: Codes, cells: int) -> Codes:
    """How many different subjects have a row in each of ``cells`` cells; rows with cell -1 are not counted.

    ``cell`` and ``subject`` hold one non-negative number (or -1) per row. Shape of the answer: (cells,).
    """
    inside = cell >= 0
    if not inside.any():
        return np.zeros(cells, dtype=np.int64)
    width = int(subject.max()) + 1
    pairs = np.unique(cell[inside] * width + subject[inside])
    return np.bincount(pairs // width, minlength=cells).astype(np.int64)


def encode_subjects(columns: Sequence[npt.NDArray[Any]], rows: int) -> tuple[Codes, int]:
    """One number per row, equal where all ``columns`` are equal; each row its own when there are none."""
    if not columns:
        return np.arange(rows, dtype=np.int64), rows
    combined = np.zeros(rows, dtype=np.int64)
    for column in columns:
        _, codes = np.unique(column, return_inverse=True)
        _, combined = np.unique(combined * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)
        combined = combined.astype(np.int64)
    return combined, int(combined.max(initial=-1)) + 1
