"""Studies, rows and columns for the tests of boosting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jazari.studies.data.table import Floats, Table
from jazari.studies.simulate import Simulated, simulate
from jazari.studies.tests.builders import CROPS, make_study, random_table

NAMES = ["fes", "rabat", "taza"]
YIELD_EDGES = [5, 10, 14, 16, 18, 20, 22, 25, 30]
BINARY: dict[str, Any] = {
    "response": "ill", "predictors": ["ph", "crop", "yield_"], "task": "binary", "trees": 3, "depth": 2,
    "edges": {"yield_": YIELD_EDGES},
}  # fmt: skip
REGRESSION: dict[str, Any] = {
    "response": "yield_", "predictors": ["ph", "crop"], "task": "regression", "trees": 3, "depth": 3,
}  # fmt: skip
MULTICLASS: dict[str, Any] = {
    "response": "crop", "predictors": ["ph", "yield_"], "task": "multiclass", "trees": 2, "depth": 2,
    "edges": {"yield_": YIELD_EDGES},
}  # fmt: skip
TASKS = {"binary": BINARY, "regression": REGRESSION, "multiclass": MULTICLASS}


def tables(rows: int = 200, **changes: Any) -> dict[str, Table]:
    """Three institutes."""
    return {name: random_table(seed, rows, **changes) for seed, name in enumerate(NAMES)}


def run(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> Simulated:
    """A study of ``data``."""
    changes = {"max_rounds": 200} | changes
    return simulate(make_study("boosting", parameters, list(data), **changes), data)


def columns(data: Mapping[str, Table]) -> dict[str, Floats]:
    """All rows as ``predict`` takes them."""
    parts = [data[name] for name in sorted(data)]
    made = {name: np.concatenate([part.numeric[name] for part in parts]) for name in ("ph", "yield_", "ill")}
    codes = np.concatenate([part.codes["crop"] for part in parts]).astype(float)
    made["crop"] = np.where(codes < 0, np.nan, codes)
    assert len(CROPS) == 3
    return made
