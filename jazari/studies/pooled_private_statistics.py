"""Private statistics of all rows in one place, without any noise (see ``pooled``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Table
from jazari.studies.pooled_statistics import frame_of
from jazari.studies.recipes.base import Plan

HALF_RANGE = 65536.0


class _Spread:
    """The standard error of the noise in a count and in a mean, from the definition of the mechanism."""

    def __init__(self, plan: Plan, parts: int, institutes: int) -> None:
        terms = plan.parameters.privacy
        self.rows, self.institutes, self.laplace = terms.max_rows_per_subject, institutes, terms.mechanism == "laplace"
        if self.laplace:
            self.unit = parts / terms.epsilon
        else:
            root = math.sqrt(math.log(1 / terms.delta))
            rho = terms.epsilon**2 / (math.sqrt(root**2 + terms.epsilon) + root) ** 2
            self.unit = math.sqrt(parts / rho / 2)

    def count(self, weight: float = 1.0) -> float:
        scale = self.rows * weight * self.unit
        one = 1 / (math.sqrt(2) * math.sinh(0.5 / scale)) if self.laplace else scale
        return one * math.sqrt(self.institutes)


def pooled_private_statistics(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What ``private-statistics`` should say but for its noise, in the same form."""
    frame = pd.concat([_first_rows(frame_of(tables[name], plan), plan) for name in sorted(tables)])
    counted = [_parts(plan.variables[name], plan) for name in plan.parameters.variables]
    spread = _Spread(plan, 1 + sum(counted), len(tables))
    levels = [(*plan.variables[name].levels, None) for name in plan.parameters.by]
    groups = []
    for key in itertools.product(*levels):
        rows = _select(frame, dict(zip(plan.parameters.by, key, strict=True)))
        groups.append({
            "by": dict(zip(plan.parameters.by, key, strict=True)),
            "rows": _told(len(rows), spread.count()),
            "variables": {name: _variable(rows[name], plan, name, spread) for name in plan.parameters.variables},
        })  # fmt: skip
    return {"groups": groups}


def _first_rows(frame: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    return frame.groupby("__subject", sort=False).head(plan.parameters.privacy.max_rows_per_subject)


def _parts(variable: AgreedVariable, plan: Plan) -> int:
    return 1 if variable.kind == "category" else 2 + (variable.name in plan.parameters.histograms)


def _select(frame: pd.DataFrame, key: Mapping[str, str | None]) -> pd.DataFrame:
    chosen = np.ones(len(frame), dtype=bool)
    for name, level in key.items():
        chosen &= (frame[name].isna() if level is None else frame[name] == level).to_numpy()
    return frame[chosen]


def _told(estimate: float | None, error: float | None) -> dict[str, Any]:
    return {"estimate": estimate, "standard_error": error}


def _variable(column: pd.Series, plan: Plan, name: str, spread: _Spread) -> dict[str, Any]:
    variable, values = plan.variables[name], column.dropna()
    if variable.kind == "category":
        counts = values.value_counts()
        return {"levels": {lv: _told(int(counts.get(lv, 0)), spread.count()) for lv in variable.levels}}
    told = {"present": _told(len(values), spread.count()), "mean": _mean(values, variable, spread)}
    edges = plan.parameters.histograms.get(name)
    if edges is None:
        return told
    inside = np.histogram(values, bins=np.asarray(edges))[0]
    ends = [int((values < edges[0]).sum()), int((values > edges[-1]).sum())]
    below, above = (_told(n, spread.count()) for n in ends)
    counts = [_told(int(n), spread.count()) for n in inside]
    return told | {"histogram": {"edges": list(edges), "below": below, "counts": counts, "above": above}}


def _mean(values: pd.Series, variable: AgreedVariable, spread: _Spread) -> dict[str, Any]:
    if not len(values):
        return _told(None, None)
    lower, upper = variable.lower or 0.0, variable.upper or 0.0
    half = (upper - lower) / 2
    of_sum = spread.count(HALF_RANGE) * half / HALF_RANGE
    of_count = (values.mean() - (lower + upper) / 2) * spread.count()
    return _told(float(values.mean()), math.sqrt(of_sum**2 + of_count**2) / len(values))
