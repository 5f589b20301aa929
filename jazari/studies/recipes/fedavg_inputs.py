"""From the columns of a table to the inputs of a network: scaled numbers, one input a level, and indicators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jazari.studies.data.table import Floats, Mask


@dataclass(frozen=True)
class Encoded:
    """How a predictor enters: ``levels`` 0 means a number, which is centred and divided by ``scale``."""

    name: str
    levels: int
    indicator: bool
    centre: float = 0.0
    scale: float = 1.0


def absent(column: Encoded, values: Any) -> Mask:
    """Which values are missing: NaN of a number, a code that is no level of a category."""
    if not column.levels:
        return np.isnan(np.asarray(values, dtype=np.float64))
    codes = np.asarray(values)
    return np.asarray((codes < 0) | (codes >= column.levels))


def encode(columns: Sequence[Encoded], values: Mapping[str, Any]) -> Floats:
    """(rows, inputs). A missing number is 0 (its centre), a missing category no level; the indicator says so."""
    parts = []
    for column in columns:
        given, missing = np.asarray(values[column.name]), absent(column, values[column.name])
        if column.levels:
            parts.append(given[:, None] == np.arange(column.levels))
        else:
            parts.append(np.where(missing, 0.0, (given - column.centre) / column.scale)[:, None])
        if column.indicator:
            parts.append(missing[:, None])
    return np.hstack([part.astype(np.float64) for part in parts])
