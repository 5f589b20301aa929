"""A model evaluated on all rows in one place, with each institute's small cells left out (see ``pooled``).

Predictions come from the public ``predict`` on texts and numbers, the cells from pandas, and the AUC from counting
pairs: nothing of the recipe's own way of counting is used.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.pooled_statistics import frame_of, to_hide
from jazari.studies.portable import PortableModel, load, predict
from jazari.studies.recipes.base import Plan

_FEW = 3
_MISSING = "\0missing"


def pooled_evaluation(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``evaluation`` should say."""
    parameters = plan.parameters
    model = load(Path(plan.inputs or ".") / parameters.sha256)
    parts = [_released(tables[name], model, plan) for name in sorted(tables)]
    rows = pd.concat([kept for kept, _ in parts], ignore_index=True)
    hidden = list(itertools.chain.from_iterable(out for _, out in parts))
    return {
        "model": parameters.model,
        "sha256": parameters.sha256,
        "task": parameters.task,
        "response": parameters.response,
        "positive": parameters.positive,
        "by": list(parameters.by),
        "groups": list(_groups(rows, hidden, plan)),
    }


def _released(table: Table, model: PortableModel, plan: Plan) -> tuple[pd.DataFrame, list[tuple[Any, ...]]]:
    """The rows of one institute that are told, and its cells (key, cell) that are not."""
    frame = _judged(frame_of(table, plan), model, plan)
    frame = _spared(frame, plan.floor)
    keys, cells = _keys(plan), _cells(plan)
    needed = _needed(plan)
    possible = [{*table.schema.variable(name).levels, _MISSING} for name in plan.parameters.by]
    by_key = [frame[frame["__key"] == key] for key in keys]
    closed = {keys[i] for i in to_hide([set(rows["__subject"]) for rows in by_key], needed)}
    closed = {key for key in closed if all(level in known for level, known in zip(key, possible, strict=True))}
    closed |= {key for key, rows in zip(keys, by_key, strict=True) if _gives_away(rows, plan)}
    out = [(key, cell) for key in closed for cell in cells]
    for key, rows in zip(keys, by_key, strict=True):
        if key not in closed:
            found = [set(rows["__subject"][rows["__cell"] == cell]) for cell in cells]
            out += [(key, cells[i]) for i in to_hide(found, needed)]
    left = set(out)
    kept = _where(frame, [(key, cell) not in left for key, cell in zip(frame["__key"], frame["__cell"], strict=True)])
    return _with_scored(kept, plan), out


def _where(rows: pd.DataFrame, chosen: list[bool]) -> pd.DataFrame:
    return rows[np.array(chosen, dtype=bool)]  # an empty list would choose columns


def _needed(plan: Plan) -> int:
    return max(plan.floor, 15) if plan.floor > 1 and plan.parameters.task == "regression" else plan.floor


def _keys(plan: Plan) -> list[tuple[str, ...]]:
    return list(itertools.product(*((*plan.variables[name].levels, _MISSING) for name in plan.parameters.by)))


def _cells(plan: Plan) -> list[tuple[int, int]]:
    parameters = plan.parameters
    if parameters.task == "regression":
        return [(0, 0)]
    if parameters.task == "binary":
        return list(itertools.product((0, 1), range(len(parameters.edges) - 1)))
    classes = range(len(parameters.classes))
    return list(itertools.product(classes, classes))


def _judged(frame: pd.DataFrame, model: PortableModel, plan: Plan) -> pd.DataFrame:
    parameters = plan.parameters
    columns: dict[str, Any] = {}
    for one in model.inputs:
        values = frame[one.name]
        known = values.where(values.isin(one.levels), None) if one.kind == "category" else values
        columns[one.name] = known.to_numpy() if one.kind == "numeric" else known.tolist()
    said = predict(model, columns).values
    outcome = frame[parameters.response]
    judged = pd.DataFrame({"__subject": frame["__subject"]})
    groups = [frame[name].fillna(_MISSING) for name in parameters.by]
    judged["__key"] = list(zip(*groups, strict=True)) if groups else [()] * len(frame)
    make = {"regression": _errors, "binary": _events, "multiclass": _classes}[parameters.task]
    judged["__cell"], judged["value"], judged["loss"], judged["response"] = make(said, outcome, model, plan)
    complete = outcome.notna().to_numpy() & ~np.isnan(said.reshape(len(said), -1)).any(axis=1)
    return judged.assign(complete=complete)


def _errors(said: Any, outcome: Any, _model: Any, plan: Plan) -> Any:
    variable = plan.variables[plan.parameters.response]
    low, high = (float(bound) for bound in plan.parameters.predictions or (variable.lower or 0, variable.upper or 0))
    error = np.minimum(np.maximum(said, low), high) - outcome.to_numpy(dtype=float)
    return [(0, 0)] * len(said), error, error**2, outcome.to_numpy(dtype=float)


def _events(said: Any, outcome: Any, model: PortableModel, plan: Plan) -> Any:
    positive, edges = plan.parameters.positive, plan.parameters.edges
    score = said[:, model.classes.index(positive) if positive in model.classes else 1]
    event = (outcome == positive if positive is not None else outcome == 1.0).to_numpy().astype(int)
    bins = [max([i for i, edge in enumerate(edges[:-1]) if s >= edge], default=0) for s in score]
    return list(zip(event, bins, strict=True)), score, (score - event) ** 2, event


def _classes(said: Any, outcome: Any, model: PortableModel, plan: Plan) -> Any:
    classes = list(plan.parameters.classes)
    scores = np.nan_to_num(said[:, [model.classes.index(name) for name in classes]])
    actual = [classes.index(name) if name in classes else 0 for name in outcome]
    best = [max(range(len(classes)), key=lambda i: (row[i], -i)) for row in scores]
    truth = pd.get_dummies(pd.Categorical(actual, categories=range(len(classes)))).to_numpy(dtype=float)
    return list(zip(actual, best, strict=True)), scores.max(axis=1), ((scores - truth) ** 2).sum(axis=1), actual


def _spared(frame: pd.DataFrame, floor: int) -> pd.DataFrame:
    lacking = set(frame["__subject"][~frame["complete"]])
    rows = frame[frame["complete"]]
    if 0 < len(lacking) < floor:
        more = sorted(set(rows["__subject"]) - lacking)[: floor - len(lacking)]
        rows = rows[~rows["__subject"].isin(more)]
    return rows


def _gives_away(rows: pd.DataFrame, plan: Plan) -> bool:
    if plan.parameters.task != "regression" or plan.floor == 1:
        return False
    return any(_few(rows, column, plan.floor) for column in ("value", "response"))


def _few(rows: pd.DataFrame, column: str, floor: int) -> bool:
    subjects = rows.groupby(column)["__subject"].nunique()
    return 0 < len(subjects) <= _FEW and bool((subjects < floor).any())


def _with_scored(rows: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    scored = np.ones(len(rows), dtype=bool)
    if plan.floor > 1 and plan.parameters.task != "regression":
        for _, of_cell in rows.groupby(["__key", "__cell"]):
            few = _few(of_cell, "value", plan.floor) or of_cell["__subject"].nunique() < max(plan.floor, 6)
            scored[rows.index.isin(of_cell.index)] = not few
    return rows.assign(scored=scored)


def _groups(rows: pd.DataFrame, hidden: list[tuple[Any, ...]], plan: Plan) -> Any:
    names = plan.parameters.by
    for count in range(len(names) + 1):
        for kept in itertools.combinations(range(len(names)), count):
            levels = [(*plan.variables[names[i]].levels, _MISSING) for i in kept]
            for wanted in itertools.product(*levels):
                chosen = _where(rows, [tuple(key[i] for i in kept) == wanted for key in rows["__key"]])
                out = [cell for key, cell in hidden if tuple(key[i] for i in kept) == wanted]
                if len(chosen) or out or not kept:
                    told = [None if level == _MISSING else level for level in wanted]
                    by = dict(zip((names[i] for i in kept), told, strict=True))
                    yield {"by": by, "rows": len(chosen), **_figures(chosen, out, plan)}


def _figures(rows: pd.DataFrame, out: list[Any], plan: Plan) -> dict[str, Any]:
    if plan.parameters.task == "regression":
        return {"left_out": len(out), **_number_figures(rows, plan)}
    size = _cells(plan)[-1]
    left = [[out.count((i, j)) for j in range(size[1] + 1)] for i in range(size[0] + 1)]
    counts = [[sum(cell == (i, j) for cell in rows["__cell"]) for j in range(size[1] + 1)] for i in range(size[0] + 1)]
    make = _event_figures if plan.parameters.task == "binary" else _class_figures
    return {"left_out": left, **make(rows, counts, plan)}


def _ratio(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None


def _number_figures(rows: pd.DataFrame, plan: Plan) -> dict[str, Any]:
    variable = plan.variables[plan.parameters.response]
    there, spread = len(rows) > 0, float(((rows["response"] - rows["response"].mean()) ** 2).sum())
    return {
        "mean_error": float(rows["value"].mean()) if there else None,
        "mean_absolute_error": float(rows["value"].abs().mean()) if there else None,
        "root_mean_squared_error": math.sqrt(float((rows["value"] ** 2).mean())) if there else None,
        "r_squared": 1 - float((rows["value"] ** 2).sum()) / spread if there and spread > 0 else None,
        "response_mean": float(rows["response"].mean()) if there else None,
        "predictions_limited_to": list(plan.parameters.predictions or (variable.lower, variable.upper)),
    }


def _event_figures(rows: pd.DataFrame, counts: list[list[int]], plan: Plan) -> dict[str, Any]:
    edges = plan.parameters.edges
    scored = rows[rows["scored"]]
    thresholds = [_at(rows, threshold) for threshold in plan.parameters.thresholds]
    return {
        "positives": int((rows["response"] == 1).sum()),
        "accuracy": thresholds[0]["accuracy"],
        "auc": _pairs(*counts),
        "brier": float(scored["loss"].mean()) if len(scored) else None,
        "thresholds": thresholds,
        "calibration": [_bin(rows, i, edges[i], edges[i + 1]) for i in range(len(edges) - 1)],
        "histogram": {"negative": counts[0], "positive": counts[1]},
    }


def _pairs(negative: list[int], positive: list[int]) -> float | None:
    won = sum(
        n * p * (1.0 if j > i else 0.5 if i == j else 0.0)
        for i, n in enumerate(negative)
        for j, p in enumerate(positive)
    )
    return _ratio(won, sum(negative) * sum(positive))


def _at(rows: pd.DataFrame, threshold: float) -> dict[str, Any]:
    said, true = rows["value"] >= threshold, rows["response"] == 1
    right, wrong = int((said & true).sum()), int((said & ~true).sum())
    missed, calm = int((~said & true).sum()), int((~said & ~true).sum())
    return {
        "threshold": threshold,
        "true_positive": right,
        "false_positive": wrong,
        "true_negative": calm,
        "false_negative": missed,
        "accuracy": _ratio(right + calm, len(rows)),
        "sensitivity": _ratio(right, right + missed),
        "specificity": _ratio(calm, calm + wrong),
        "precision": _ratio(right, right + wrong),
    }


def _bin(rows: pd.DataFrame, index: int, low: float, high: float) -> dict[str, Any]:
    inside = _where(rows, [cell[1] == index for cell in rows["__cell"]])
    scored = inside[inside["scored"]]
    return {
        "lower": low,
        "upper": high,
        "rows": len(inside),
        "positive_share": _ratio(int((inside["response"] == 1).sum()), len(inside)),
        "scored_rows": len(scored),
        "mean_score": float(scored["value"].mean()) if len(scored) else None,
    }


def _class_figures(rows: pd.DataFrame, counts: list[list[int]], plan: Plan) -> dict[str, Any]:
    scored, right = rows[rows["scored"]], sum(counts[i][i] for i in range(len(counts)))
    columns = [sum(row[i] for row in counts) for i in range(len(counts))]
    return {
        "accuracy": _ratio(right, len(rows)),
        "brier": float(scored["loss"].mean()) if len(scored) else None,
        "mean_score": float(scored["value"].mean()) if len(scored) else None,
        "scored_rows": len(scored),
        "classes": list(plan.parameters.classes),
        "confusion": counts,
        "recall": [_ratio(row[i], sum(row)) for i, row in enumerate(counts)],
        "precision": [_ratio(counts[i][i], column) for i, column in enumerate(columns)],
    }
