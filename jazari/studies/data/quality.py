"""What a dataset card may say about the data: counts and shares missing, too coarse to single anybody out."""

from __future__ import annotations

from typing import Any

import numpy as np

from jazari.studies.agreement import DEFAULT_FLOOR
from jazari.studies.data.table import Mask, Table
from jazari.studies.errors import BelowFloor

STEPS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25)
"""Shares are rounded to the finest step that hides fewer subjects than the floor."""


def summarise(table: Table, floor: int = DEFAULT_FLOOR) -> dict[str, Any]:
    """``{"rows", "subjects", "share_missing": {variable: share or None}, "rounded_to"}`` for a dataset card.

    Raises ``BelowFloor`` when there are fewer subjects than ``floor`` altogether. A share is None where no
    step is coarse enough.
    """
    if table.subjects < floor:
        raise BelowFloor(f"The data set has fewer than {floor} distinct subjects: publish no counts of it.")
    step = _step(table, floor)
    missing = {name: np.isnan(column) for name, column in table.numeric.items()}
    missing |= {name: codes < 0 for name, codes in table.codes.items()}
    shares = {v.name: _share(missing[v.name], step) for v in table.schema.variables if v.name in missing}
    return {"rows": table.rows, "subjects": table.subjects, "share_missing": shares, "rounded_to": step}


def _step(table: Table, floor: int) -> float | None:
    """Half a step must cover the rows of ``floor`` subjects, and the busiest subjects come first."""
    busiest = np.sort(np.bincount(table.subject))[::-1][:floor].sum()
    return next((step for step in STEPS if step * table.rows >= 2 * busiest), None)


def _share(missing: Mask, step: float | None) -> float | None:
    if step is None:
        return None
    return min(1.0, round(round(float(missing.mean()) / step) * step, 6))
