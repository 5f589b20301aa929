"""Descriptive statistics of all rows in one place, with each institute's small cells left out (see ``pooled``)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.recipes.base import Plan

_FEW = 3
_LARGEST_SHARE = 0.8


def frame_of(table: Table, plan: Plan) -> pd.DataFrame:
    """The agreed variables of a table as pandas columns, with ``__subject``."""
    columns: dict[str, Any] = {"__subject": table.subject}
    for name, variable in plan.variables.items():
        if variable.kind == "numeric":
            columns[name] = table.numeric[name]
        else:
            own = np.array([*table.schema.variable(name).levels, None], dtype=object)
            columns[name] = own[table.codes[name]]
    return pd.DataFrame(columns)


def to_hide(cells: Sequence[set[int]], floor: int) -> set[int]:
    """Which of the cells (sets of subjects) are left out."""
    if not any(0 < len(cell) < floor for cell in cells):
        return set()
    hidden = {i for i, cell in enumerate(cells) if len(cell) < floor}
    shown = sorted((i for i in range(len(cells)) if i not in hidden), key=lambda i: (len(cells[i]), i))
    while shown and len(set().union(*(cells[i] for i in hidden))) < floor:
        hidden.add(shown.pop(0))
    return hidden


class _Institute:
    """One institute's rows by group, and what its floor leaves out."""

    def __init__(self, table: Table, plan: Plan) -> None:
        self.plan, self.frame = plan, frame_of(table, plan)
        levels = [(*plan.variables[name].levels, None) for name in plan.parameters.by]
        self.keys = list(itertools.product(*levels))
        self.rows = [self._select(key) for key in self.keys]
        declared = [{*table.schema.variable(name).levels, None} for name in plan.parameters.by]
        possible = {i for i, key in enumerate(self.keys) if all(a in b for a, b in zip(key, declared, strict=True))}
        self.hidden = to_hide([set(rows["__subject"]) for rows in self.rows], plan.floor) & possible
        self.schema = table.schema

    def _select(self, key: tuple[str | None, ...]) -> pd.DataFrame:
        chosen = np.ones(len(self.frame), dtype=bool)
        for name, level in zip(self.plan.parameters.by, key, strict=True):
            column = self.frame[name]
            chosen &= (column.isna() if level is None else column == level).to_numpy()
        return self.frame[chosen]

    def closed(self, name: str) -> set[int]:
        """Groups in which nothing about a variable is released."""
        floor = self.plan.floor
        halves = [self._halves(rows, name) for rows in self.rows]
        closed = {i for i, pair in enumerate(halves) if i in self.hidden or to_hide(pair, floor)}
        if any(0 < len(part) < floor for part in self._halves(self.frame, name)):
            return closed
        sizes = [rows["__subject"].nunique() for rows in self.rows]
        shown = sorted((i for i in range(len(sizes)) if sizes[i] and i not in closed), key=lambda i: (sizes[i], i))
        while shown and any(0 < len(set().union(*(halves[i][k] for i in closed))) < floor for k in (0, 1)):
            closed.add(shown.pop(0))
        return closed

    @staticmethod
    def _halves(rows: pd.DataFrame, name: str) -> list[set[int]]:
        missing = rows[name].isna()
        return [set(rows["__subject"][missing]), set(rows["__subject"][~missing])]

    def gives_away(self, index: int, name: str) -> bool:
        """Whether the moments of a group would tell a small count."""
        rows = self.rows[index]
        subjects = rows.groupby(name)["__subject"].nunique()
        few = 0 < len(subjects) <= _FEW and bool((subjects < self.plan.floor).any())
        return few or self._is_dominated(rows, name)

    def _is_dominated(self, rows: pd.DataFrame, name: str) -> bool:
        lower = self.plan.variables[name].lower
        parts = rows.groupby("__subject")[name].sum()
        public = self.plan.floor == 1 or lower is None or lower < 0 or parts.empty
        return not public and bool(parts.max() > _LARGEST_SHARE * parts.sum())


def pooled_statistics(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``statistics`` should say."""
    institutes = [_Institute(tables[name], plan) for name in sorted(tables)]
    closed = {name: [inst.closed(name) for inst in institutes] for name in plan.parameters.variables}
    groups, tally = [], {"groups": sum(len(inst.hidden) for inst in institutes), "missing": 0, "moments": 0, "cells": 0}
    for index, key in enumerate(institutes[0].keys):
        shown = [inst.rows[index] for inst in institutes if index not in inst.hidden]
        left_out, rows = len(institutes) - len(shown), sum(map(len, shown))
        described = {n: _variable(plan, institutes, closed[n], index, n, tally) for n in plan.parameters.variables}
        if rows or left_out or len(institutes[0].keys) == 1:
            groups.append({
                "by": dict(zip(plan.parameters.by, key, strict=True)),
                "rows": rows if rows or not left_out else None,
                "subjects": sum(part["__subject"].nunique() for part in shown) if rows or not left_out else None,
                "left_out": left_out,
                "variables": described,
            })  # fmt: skip
    return {"groups": groups, "left_out": tally}


def _variable(
    plan: Plan, institutes: list[_Institute], closed: list[set[int]], index: int, name: str, tally: dict[str, int]
) -> dict[str, Any]:
    open_ = [inst for inst, shut in zip(institutes, closed, strict=True) if index not in shut]
    values = pd.concat([inst.rows[index][name] for inst in open_]) if open_ else pd.Series(dtype=float)
    missing, left_out = int(values.isna().sum()), len(institutes) - len(open_)
    tally["missing"] += left_out
    told: dict[str, Any] = {
        "missing": missing if len(values) or not left_out else None,
        "present": len(values) - missing if len(values) or not left_out else None,
        "share_missing": float(values.isna().mean()) if len(values) else None,
        "left_out": left_out,
    }
    if plan.variables[name].kind == "numeric":
        told |= _moments(plan, institutes, open_, index, name, tally)
    return told | _cells(plan, institutes, open_, index, name, tally)


def _moments(
    plan: Plan, institutes: list[_Institute], open_: list[_Institute], index: int, name: str, tally: dict[str, int]
) -> dict[str, Any]:
    used = [inst.rows[index][name].dropna() for inst in open_ if not inst.gives_away(index, name)]
    values = pd.concat(used) if used else pd.Series(dtype=float)
    left_out = len(institutes) - len(used)
    tally["moments"] += left_out
    told: dict[str, Any] = {"mean": float(values.mean()) if len(values) else None, "mean_left_out": left_out}
    if plan.parameters.spread:
        variance = float(values.var(ddof=1)) if len(values) > 1 else None
        told |= {"variance": variance, "deviation": None if variance is None else variance**0.5}
    return told


def _cells(
    plan: Plan, institutes: list[_Institute], open_: list[_Institute], index: int, name: str, tally: dict[str, int]
) -> dict[str, Any]:
    variable, edges = plan.variables[name], plan.parameters.histograms.get(name)
    if edges is None and variable.kind == "numeric":
        return {}
    size = len(variable.levels) if edges is None else len(edges) + 1
    counts, left_out = np.zeros(size, dtype=int), np.zeros(size, dtype=int)
    for inst in institutes:
        own = inst.schema.variable(name).levels
        possible = np.array([lv in own for lv in variable.levels]) if edges is None else np.ones(size, dtype=bool)
        if inst not in open_:
            left_out += possible
            continue
        rows = inst.rows[index].dropna(subset=[name])
        cells = _cut(rows[name], variable.levels, edges)
        members = [rows[cells == i] for i in range(size)]
        hidden = to_hide([set(part["__subject"]) for part in members], plan.floor)
        left_out += np.array([i in hidden for i in range(size)]) & possible
        counts += np.array([0 if i in hidden else len(part) for i, part in enumerate(members)])
    tally["cells"] += int(left_out.sum())
    told = [int(n) if n or not out else None for n, out in zip(counts, left_out, strict=True)]
    return _told_cells(plan, variable.levels, edges, counts, told, left_out.tolist())


def _cut(values: pd.Series, levels: Sequence[str], edges: Sequence[float] | None) -> Any:
    if edges is None:
        return pd.Categorical(values, categories=list(levels)).codes
    inner = pd.cut(values, [*edges[:-1], np.nextafter(edges[-1], np.inf)], right=False, labels=False)
    return inner.add(1).where(values >= edges[0], 0).where(values <= edges[-1], len(edges)).to_numpy()


def _told_cells(
    plan: Plan, levels: Sequence[str], edges: Sequence[float] | None, counts: Any, told: list[Any], out: list[int]
) -> dict[str, Any]:
    if edges is None:
        return {"levels": {lv: {"rows": n, "left_out": o} for lv, n, o in zip(levels, told, out, strict=True)}}
    histogram = {"edges": list(edges), "below": told[0], "counts": told[1:-1], "above": told[-1], "left_out": out}
    asked = plan.parameters.quantiles
    quantiles = {repr(q): _quantile(counts, edges, q, 0 if plan.floor == 1 else plan.floor) for q in asked}
    return {"histogram": histogram, "quantiles": quantiles}


def _quantile(counts: Any, edges: Sequence[float], q: float, floor: int) -> float | None:
    if counts.sum() * min(q, 1 - q) < floor - 1e-9:
        return None
    target, seen = q * counts.sum(), 0
    for place, count in enumerate(counts):
        if count and seen + count >= target:
            if place in (0, len(counts) - 1):
                return None
            low, high = edges[place - 1], edges[place]
            return float(low + (high - low) * (target - seen) / count) if count >= floor else None
        seen += count
    return None
