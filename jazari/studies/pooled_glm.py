"""A linear model on all rows in one place, with each institute's small cells left out (see ``pooled``).

Solved by orthogonal factorisation (QR) of the rows themselves, not by sums: iteratively reweighted least
squares as in McCullagh and Nelder, Generalized Linear Models, 2nd edition, 2.5; a ridge as extra rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.pooled_statistics import frame_of
from jazari.studies.recipes.base import Plan
from jazari.studies.recipes.distributions import normal_p_value, student_p_value

_FEW = 3


def usable_rows(table: Table, plan: Plan) -> pd.DataFrame:
    """The rows of one institute that enter the model, with a binary response as 0 and 1."""
    frame = frame_of(table, plan)
    predictors, responses = list(plan.parameters.predictors), list(plan.parameters.responses)
    if plan.parameters.positive is not None:
        response = frame[responses[0]]
        frame[responses[0]] = (response == plan.parameters.positive).astype(float).where(response.notna())
    used = frame[[*predictors, *responses]].notna().all(axis=1)
    return frame[without_small_cells(frame, used, predictors, responses, plan.floor)]


def without_small_cells(
    frame: pd.DataFrame, used: pd.Series, predictors: list[str], outcomes: list[str], floor: int, *,
    together: bool = False,
) -> pd.Series:  # fmt: skip
    """Which of the ``used`` rows are left when rare levels of predictors are left out.

    With ``together`` all predictors in one count as a further one, if all of them have levels or few values.
    """
    while True:
        kept = _spare_some(frame, used & ~_in_small_cells(frame[used], frame, predictors, outcomes, floor, together),
                           floor)  # fmt: skip
        if (kept == used).all():
            return used
        used = kept


def factors_of(rows: pd.DataFrame, predictors: list[str], *, together: bool) -> pd.DataFrame:
    """The predictors that are categories or have few values, and all of them in one where asked for."""
    factors = rows[[name for name in predictors if _is_factor(rows[name])]].copy()
    if together and 1 < len(predictors) == factors.shape[1]:
        factors["__together"] = factors.astype(str).agg("|".join, axis=1)
    return factors


def _in_small_cells(
    rows: pd.DataFrame, frame: pd.DataFrame, predictors: list[str], outcomes: list[str], floor: int, together: bool
) -> pd.Series:
    factors = factors_of(rows, predictors, together=together)
    rows = factors.join(rows[["__subject", *outcomes]])
    drop = pd.Series(data=False, index=frame.index)
    for names in itertools.chain(((f,) for f in factors), itertools.combinations(factors, 2)):
        subjects = rows.groupby(list(names))["__subject"].transform("nunique")
        drop[subjects.index[subjects < floor]] = True
    for factor, outcome in itertools.product(factors, [name for name in outcomes if _is_factor(rows[name])]):
        subjects = rows.groupby([factor, outcome])["__subject"].nunique()
        rare = subjects.index[subjects < floor].get_level_values(0)
        drop[rows.index[rows[factor].isin(rare)]] = True
    return drop


def _is_factor(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column) or 0 < column.nunique() <= _FEW


def _spare_some(frame: pd.DataFrame, used: pd.Series, floor: int) -> pd.Series:
    out = set(frame["__subject"][~used])
    if not 0 < len(out) < floor:
        return used
    more = sorted(set(frame["__subject"][used]) - out)[: floor - len(out)]
    return used & ~frame["__subject"].isin(more)


def pooled_glm(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``glm`` should say."""
    parts = [usable_rows(tables[name], plan) for name in sorted(tables)]
    rows = pd.concat(parts, ignore_index=True)
    matrix, reference, empty = _matrix(rows, plan)
    fits = {name: _fit(matrix, rows[name].to_numpy(dtype=float), plan) for name in plan.parameters.responses}
    return {
        "family": plan.parameters.family,
        "rows": len(rows),
        "subjects": sum(part["__subject"].nunique() for part in parts),
        "ridge": plan.parameters.ridge,
        "reference": reference,
        "levels_without_rows": empty,
        "left_out": {
            v.name: {level: _unused(v.name, level, parts, tables) for level in v.levels}
            for v in (plan.variables[name] for name in plan.parameters.predictors)
            if v.levels
        },
        "responses": fits,
    }


def _unused(name: str, level: str, parts: list[pd.DataFrame], tables: Mapping[str, Table]) -> int:
    """How many institutes declare a level and use no row of it."""
    declared = [level in tables[institute].schema.variable(name).levels for institute in sorted(tables)]
    used = [bool((part[name] == level).any()) for part in parts]
    return sum(has and not uses for has, uses in zip(declared, used, strict=True))


def _matrix(rows: pd.DataFrame, plan: Plan) -> tuple[pd.DataFrame, dict[str, str], dict[str, list[str]]]:
    columns: dict[str, Any] = {"intercept": np.ones(len(rows))} if plan.parameters.intercept else {}
    reference, empty, first = {}, {}, not plan.parameters.intercept
    for name in plan.parameters.predictors:
        levels = plan.variables[name].levels
        if not levels:
            columns[name] = rows[name].to_numpy(dtype=float)
            continue
        present = [level for level in levels if (rows[name] == level).any()]
        if len(present) < len(levels):
            empty[name] = [level for level in levels if level not in present]
        if not first:
            reference[name] = present.pop(0)
        first = False
        columns |= {f"{name}={level}": (rows[name] == level).to_numpy(dtype=float) for level in present}
    return pd.DataFrame(columns), reference, empty


def _fit(matrix: pd.DataFrame, response: Any, plan: Plan) -> dict[str, Any]:
    spread = _spread(matrix, plan)
    penalty = np.array([0.0 if n == "intercept" else plan.parameters.ridge for n in matrix.columns])
    if plan.parameters.family == "gaussian":
        return _fit_gaussian(matrix, response, spread, penalty, intercept=plan.parameters.intercept)
    return _fit_binomial(matrix, response, spread, penalty)


def _spread(matrix: pd.DataFrame, plan: Plan) -> Any:
    """What each column is divided by: its deviation if it is a number, so that a ridge treats units alike."""
    numeric = [name for name in plan.parameters.predictors if plan.variables[name].kind == "numeric"]
    return np.array([matrix[n].std(ddof=0) if n in numeric else 1.0 for n in matrix.columns])


def _weighted_solution(matrix: Any, response: Any, weights: Any, penalty: Any) -> tuple[Any, Any]:
    """Coefficients and their covariance at dispersion 1 for penalised weighted least squares."""
    root = np.sqrt(weights)[:, None]
    q, r = np.linalg.qr(np.vstack([matrix * root, np.diag(np.sqrt(penalty))]))
    target = np.concatenate([response * root[:, 0], np.zeros(len(penalty))])
    inverse = np.linalg.inv(r)
    half = inverse @ q[: len(matrix)].T
    return np.linalg.solve(r, q.T @ target), half @ half.T


def _fit_gaussian(matrix: Any, response: Any, spread: Any, penalty: Any, *, intercept: bool) -> dict[str, Any]:
    scaled, means = _centred(matrix, spread, intercept=intercept)
    size = response.std()
    shifted = response - (response.mean() if intercept else 0.0)
    beta, covariance = _weighted_solution(scaled, shifted / size, np.ones(len(response)), penalty)
    left = shifted / size - scaled @ beta
    freedom = len(response) - len(beta)
    deviation = math.sqrt(float(left @ left) / freedom)
    coefficients = _own_units(matrix, beta * size, covariance * (deviation * size) ** 2, spread, means)
    if intercept:
        coefficients[0]["estimate"] += float(response.mean())
    for entry in coefficients:
        entry["statistic"] = entry["estimate"] / entry["standard_error"] if entry["standard_error"] else None
        entry["p_value"] = student_p_value(entry["statistic"], freedom) if entry["standard_error"] else None
    total = float(shifted @ shifted) / size**2
    return {"coefficients": coefficients, "residual_deviation": float(deviation * size),
            "r_squared": 1 - float(left @ left) / total}  # fmt: skip


def _fit_binomial(matrix: Any, response: Any, spread: Any, penalty: Any) -> dict[str, Any]:
    scaled, means = _centred(matrix, spread, intercept="intercept" in matrix.columns)
    beta = np.zeros(scaled.shape[1])
    for _ in range(50):
        linear = scaled @ beta
        share = 1 / (1 + np.exp(-linear))
        weights = share * (1 - share)
        after, covariance = _weighted_solution(scaled, linear + (response - share) / weights, weights, penalty)
        moved, beta = float(np.abs(after - beta).max()), after
        if moved < 1e-12:
            break
    linear = scaled @ beta
    deviance = 2 * float((np.logaddexp(0, linear) - response * linear).sum())
    coefficients = _own_units(matrix, beta, covariance, spread, means)
    for entry in coefficients:
        entry["statistic"] = entry["estimate"] / entry["standard_error"]
        entry["p_value"] = normal_p_value(entry["statistic"])
    mean = response.mean()
    null = -2 * len(response) * (mean * math.log(mean) + (1 - mean) * math.log(1 - mean))
    return {"coefficients": coefficients, "deviance": deviance, "null_deviance": float(null),
            "aic": deviance + 2 * len(beta)}  # fmt: skip


def _centred(matrix: Any, spread: Any, *, intercept: bool) -> tuple[Any, Any]:
    values = matrix.to_numpy(dtype=float)
    numeric = np.array([name != "intercept" and "=" not in name for name in matrix.columns])
    means = np.where(numeric & intercept, values.mean(axis=0), 0.0)
    return (values - means) / spread, means


def _own_units(matrix: Any, beta: Any, covariance: Any, spread: Any, means: Any) -> list[dict[str, Any]]:
    back = np.diag(1 / spread)
    if "intercept" in matrix.columns:
        back[0] -= means / spread
    estimates, errors = back @ beta, np.sqrt(np.diag(back @ covariance @ back.T))
    return [{"term": n, "estimate": float(b), "standard_error": float(e)}
            for n, b, e in zip(matrix.columns, estimates, errors, strict=True)]  # fmt: skip
