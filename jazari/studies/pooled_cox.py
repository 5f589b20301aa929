"""A Cox model on all rows in one place, with each institute's floor and the same grid (see ``pooled``).

Written from the rows themselves: the partial likelihood of each tied event over its risk set, as in Kalbfleisch
and Prentice, The Statistical Analysis of Failure Time Data, 2nd edition, 4.2, maximised by Newton's method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.pooled_glm import factors_of, without_small_cells
from jazari.studies.pooled_statistics import frame_of
from jazari.studies.recipes.base import Plan
from jazari.studies.recipes.distributions import normal_p_value

_FEW = 3
_SUBJECTS_PER_COEFFICIENT = 3


def pooled_cox(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``cox`` should say."""
    parts = [_usable_rows(tables[name], plan) for name in sorted(tables)]
    declared = len(plan.parameters.grid) - 1
    blocks = _agree(parts, 0, declared, plan) if declared > 1 else [(0, 1, 0)]
    rows = pd.concat(parts, ignore_index=True)
    owner = np.repeat(np.arange(len(blocks)), [high - low for low, high, _ in blocks])
    rows["__interval"] = owner[rows["__interval"].to_numpy()]
    matrix, reference, empty = _matrix(rows, plan)
    numbers = [name for name in matrix if plan.variables.get(name) and plan.variables[name].kind == "numeric"]
    means, spread = matrix[numbers].mean(), matrix[numbers].std(ddof=0)
    matrix[numbers] = (matrix[numbers] - means) / spread
    fit = _Fit(matrix.to_numpy(dtype=float), rows, plan)
    beta, value, information = fit.maximise()
    sizes = np.array([spread.get(name, 1.0) for name in matrix])
    return {
        "ties": plan.parameters.ties,
        "rows": len(rows),
        "subjects": sum(part["__subject"].nunique() for part in parts),
        "events": int(rows["__event"].sum()),
        "ridge": plan.parameters.ridge,
        "reference": reference,
        "levels_without_rows": empty,
        "coefficients": _coefficients(list(matrix), beta, information, sizes, plan.parameters.ridge),
        "log_likelihood": value,
        "null_log_likelihood": fit.at(np.zeros(len(beta)))[0],
        "baseline_at": {name: float(mean) for name, mean in means.items()} | reference,
        "declared_intervals": declared,
        "intervals": _intervals(blocks, rows, fit.hazard(beta), plan),
    }


def _usable_rows(table: Table, plan: Plan) -> pd.DataFrame:
    frame, parameters = frame_of(table, plan), plan.parameters
    duration, event = frame[parameters.duration], frame[parameters.event]
    happened = event == (1.0 if parameters.positive is None else parameters.positive)
    frame["__event"] = (happened & (duration <= parameters.grid[-1])).astype(float)
    bins = pd.cut(duration.clip(upper=parameters.grid[-1]), parameters.grid, labels=False, include_lowest=True)
    frame["__interval"] = bins
    predictors = list(parameters.predictors)
    used = frame[[*predictors, parameters.duration, parameters.event]].notna().all(axis=1)
    kept = without_small_cells(frame, used, predictors, ["__event"], plan.floor, together=True)
    return frame[kept].astype({"__interval": int})


def _agree(parts: list[pd.DataFrame], low: int, high: int, plan: Plan) -> list[tuple[int, int, int]]:
    """Blocks of declared intervals (first, one past the last, how many institutes refused to halve it)."""
    if high - low == 1:
        return [(low, high, 0)]
    middle = (low + high) // 2
    refused = sum(not (_told(part, low, middle, plan) and _told(part, middle, high, plan)) for part in parts)
    if refused:
        return [(low, high, refused)]
    return [*_agree(parts, low, middle, plan), *_agree(parts, middle, high, plan)]


def _told(part: pd.DataFrame, low: int, high: int, plan: Plan) -> bool:
    """Whether an institute may tell of those who leave in the intervals ``low`` to ``high`` - 1."""
    predictors = list(plan.parameters.predictors)
    inside = (part["__interval"] >= low) & (part["__interval"] < high)
    factors = factors_of(part, predictors, together=True)
    leaving, factors = part[inside], factors[inside]
    by_event = [leaving[leaving["__event"] == kind] for kind in (0.0, 1.0)]
    counted = [group["__subject"].nunique() for group in by_event]
    levels = sum(part[n].nunique() - 1 if plan.variables[n].levels else 1 for n in predictors)
    needed = max(plan.floor, _SUBJECTS_PER_COEFFICIENT * (1 + levels)) if plan.floor > 1 else 1
    for group in by_event if plan.parameters.ties == "efron" else [leaving]:
        if len(group):
            counted += [plan.floor if group["__subject"].nunique() >= needed else 0]
        for name in factors:
            counted += [*group.groupby(factors[name].loc[group.index])["__subject"].nunique()]
        for name in predictors:
            if not plan.variables[name].levels and group[name].nunique() <= _FEW:
                counted += [*group.groupby(name)["__subject"].nunique()]
    present = [count for count in counted[:2] if count] + counted[2:]
    return all(count >= plan.floor for count in present)


def _matrix(rows: pd.DataFrame, plan: Plan) -> tuple[pd.DataFrame, dict[str, str], dict[str, list[str]]]:
    columns: dict[str, Any] = {}
    reference, empty = {}, {}
    for name in plan.parameters.predictors:
        levels = plan.variables[name].levels
        if not levels:
            columns[name] = rows[name].to_numpy(dtype=float)
            continue
        present = [level for level in levels if (rows[name] == level).any()]
        if len(present) < len(levels):
            empty[name] = [level for level in levels if level not in present]
        reference[name] = present[0]
        columns |= {f"{name}={level}": (rows[name] == level).to_numpy(dtype=float) for level in present[1:]}
    return pd.DataFrame(columns), reference, empty


class _Fit:
    """The penalised partial likelihood of rows with intervals and events."""

    def __init__(self, matrix: Any, rows: pd.DataFrame, plan: Plan) -> None:
        self.matrix, self.ridge = matrix, plan.parameters.ridge
        self.interval, self.event = rows["__interval"].to_numpy(), rows["__event"].to_numpy() == 1
        self.efron = plan.parameters.ties == "efron"

    def _risk_sets(self, hazard: Any) -> Any:
        """For each tied event: its interval and the weight of every row in its risk set."""
        for k in range(int(self.interval.max()) + 1):
            tied = self.event & (self.interval == k)
            for j in range(int(tied.sum())):
                share = j / tied.sum() if self.efron else 0.0
                yield k, hazard * ((self.interval >= k) - share * tied)

    def at(self, beta: Any) -> tuple[float, Any, Any]:
        """Log-likelihood, its gradient and the information."""
        hazard = np.exp(self.matrix @ beta)
        value, gradient = float((self.matrix[self.event] @ beta).sum()), self.matrix[self.event].sum(axis=0)
        information = np.zeros((len(beta), len(beta)))
        for _, weight in self._risk_sets(hazard):
            total = weight.sum()
            mean = weight @ self.matrix / total
            value -= math.log(total)
            gradient = gradient - mean
            information += (self.matrix.T * weight) @ self.matrix / total - np.outer(mean, mean)
        return value, gradient, information

    def maximise(self) -> tuple[Any, float, Any]:
        """Coefficients, log-likelihood and information there."""
        beta = np.zeros(self.matrix.shape[1])
        for _ in range(60):
            value, gradient, information = self.at(beta)
            step = np.linalg.solve(information + self.ridge * np.eye(len(beta)), gradient - self.ridge * beta)
            while self._penalised(beta + step) < value - self.ridge * (beta @ beta) / 2 - 1e-9 * abs(value):
                step = step / 2
            beta = beta + step
            if np.abs(step).max() < 1e-12:
                break
        value, _, information = self.at(beta)
        return beta, value, information

    def _penalised(self, beta: Any) -> float:
        return float(self.at(beta)[0] - self.ridge * (beta @ beta) / 2)

    def hazard(self, beta: Any) -> Any:
        """The increments of the cumulative baseline hazard, by interval."""
        increments = np.zeros(int(self.interval.max()) + 1)
        for k, weight in self._risk_sets(np.exp(self.matrix @ beta)):
            increments[k] += 1 / weight.sum()
        return increments


def _coefficients(names: list[str], beta: Any, information: Any, sizes: Any, ridge: float) -> list[dict[str, Any]]:
    half = np.linalg.inv(information + ridge * np.eye(len(beta)))
    errors = np.sqrt(np.diag(half @ information @ half)) / sizes
    return [
        {
            "term": name,
            "estimate": float(estimate),
            "standard_error": float(error),
            "statistic": float(estimate / error),
            "p_value": normal_p_value(float(estimate / error)),
            "hazard_ratio": math.exp(estimate),
        }
        for name, estimate, error in zip(names, beta / sizes, errors, strict=True)
    ]


def _intervals(blocks: Any, rows: pd.DataFrame, increments: Any, plan: Plan) -> list[dict[str, Any]]:
    told = []
    for index, (low, high, refused) in enumerate(blocks):
        leaving = rows[rows["__interval"] == index]
        told.append({
            "from": plan.parameters.grid[low],
            "to": plan.parameters.grid[high],
            "at_risk": int((rows["__interval"] >= index).sum()),
            "events": int(leaving["__event"].sum()),
            "censored": int((1 - leaving["__event"]).sum()),
            "cumulative_hazard": float(increments[: index + 1].sum()),
            "kept_whole_by": refused,
        })  # fmt: skip
    return told
