"""k-means of all rows in one place, with each institute's rows held back under the floor (see ``pooled``).

Lloyd's algorithm with lists of rows: each institute's rows are groups that share a history of clusters, and a
group is only ever divided into parts that stand for enough subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.pooled_pca import complete_rows
from jazari.studies.recipes.base import Plan

_FEW = 3
_MOST_RESEEDS = 5
Rows = list[int]


class _Institute:
    """One institute's rows, standardised, and their groups: (rows, the cluster they are counted in)."""

    def __init__(self, frame: pd.DataFrame, moments: pd.DataFrame, floor: int) -> None:
        self.names, self.floor = list(moments.index), floor
        self.subject, self.values = frame["__subject"].to_numpy(), frame[self.names].to_numpy()
        self.points = (self.values - moments["mean"].to_numpy()) / moments["std"].to_numpy()
        self.groups: list[tuple[Rows, int]] = [(list(range(len(frame))), 0)]
        self.held = False

    def divide(self, centres: Any) -> None:
        """One round: every group by the nearest centre, as far as the floor allows."""
        distances = np.linalg.norm(self.points[:, None, :] - centres[None, :, :], axis=2)
        groups: list[tuple[Rows, int]] = []
        for rows, _ in self.groups:
            groups += self._divided(rows, distances)
        self.groups = groups
        self.held = any(place != distances[row].argmin() for rows, place in groups for row in rows)

    def _divided(self, rows: Rows, distances: Any) -> list[tuple[Rows, int]]:
        choices = list(range(distances.shape[1]))
        while True:
            parts: dict[int, Rows] = {}
            for row in rows:
                parts.setdefault(min(choices, key=lambda c: (distances[row, c], c)), []).append(row)
            too_small = [cluster for cluster, part in parts.items() if self._tells(part)]
            if not too_small:
                return [(part, cluster) for cluster, part in parts.items()]
            choices.remove(min(too_small, key=lambda c: (self._subjects(parts[c]), c)))

    def _subjects(self, rows: Rows) -> int:
        return len(set(self.subject[rows]))

    def _tells(self, rows: Rows) -> bool:
        if self.floor == 1:
            return False
        return self._subjects(rows) < self.floor or any(self._counts_few(self.values[rows, i], rows)
                                                        for i in range(len(self.names)))  # fmt: skip

    def _counts_few(self, column: Any, rows: Rows) -> bool:
        levels = set(column)
        if len(levels) > _FEW:
            return False
        return min(len(set(self.subject[rows][column == level])) for level in levels) < self.floor

    def members(self, cluster: int) -> Rows:
        """The rows that are counted in a cluster."""
        return [row for rows, place in self.groups if place == cluster for row in rows]


def pooled_kmeans(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``kmeans`` should say."""
    chosen, names = plan.parameters, list(plan.parameters.variables)
    frames = [complete_rows(tables[name], plan) for name in sorted(tables)]
    rows = pd.concat(frames, ignore_index=True)[names]
    moments = rows.agg(["mean", "std"]).T
    institutes = [_Institute(frame, moments, plan.floor) for frame in frames]
    draw = _Draw(plan, moments)
    asked = np.array([draw.start(c) for c in range(chosen.clusters)])
    reseeds = [0] * chosen.clusters
    for iteration in range(1, chosen.max_iterations + 1):
        for institute in institutes:
            institute.divide(asked)
        points = [np.vstack([i.points[i.members(c)] for i in institutes]) for c in range(chosen.clusters)]
        centres = np.array([p.mean(axis=0) if len(p) else asked[c] for c, p in enumerate(points)])
        again = [c for c, p in enumerate(points) if not len(p) and reseeds[c] < _MOST_RESEEDS]
        converged = not again and np.abs(centres - asked).max() <= chosen.tolerance
        if converged:
            break
        asked = draw.beside(iteration, centres, points, again)
        reseeds = [n + (c in again) for c, n in enumerate(reseeds)]
    return {
        "rows": len(rows),
        "subjects": sum(frame["__subject"].nunique() for frame in frames),
        "means": moments["mean"].to_dict(),
        "deviations": moments["std"].to_dict(),
        **_described(moments, institutes, points),
        "iterations": iteration,
        "converged": bool(converged),
        "held_back": sum(institute.held for institute in institutes),
    }


def _described(moments: pd.DataFrame, institutes: list[_Institute], points: list[Any]) -> dict[str, Any]:
    clusters = []
    for cluster, own in enumerate(points):
        out = sum(i.held and not i.members(cluster) for i in institutes)
        centre = (own.mean(axis=0) if len(own) else np.nan) * moments["std"] + moments["mean"]
        clusters.append({
            "centre": centre.to_dict() if len(own) else None,
            "rows": len(own) if len(own) or not out else None,
            "within": _within(own) if len(own) else None,
            "left_out": out,
        })  # fmt: skip
    total = sum(_within(own) for own in points if len(own))
    return {"clusters": clusters, "within": total}


def _within(points: Any) -> float:
    return float(((points - points.mean(axis=0)) ** 2).sum())


class _Draw:
    """Centres from the seed, standardised and within the agreed ranges."""

    def __init__(self, plan: Plan, moments: pd.DataFrame) -> None:
        self.seed, self.size = plan.parameters.seed, len(moments)
        edges = pd.DataFrame({n: (plan.variables[n].lower, plan.variables[n].upper) for n in moments.index}).T
        self.low = ((edges[0] - moments["mean"]) / moments["std"]).to_numpy()
        self.high = ((edges[1] - moments["mean"]) / moments["std"]).to_numpy()

    def _normal(self, iteration: int, cluster: int) -> Any:
        sequence = np.random.SeedSequence([self.seed, iteration, cluster])
        return np.random.Generator(np.random.PCG64(sequence)).standard_normal(self.size)

    def start(self, cluster: int) -> Any:
        """A starting centre."""
        return np.minimum(np.maximum(self._normal(0, cluster), self.low), self.high)

    def beside(self, iteration: int, centres: Any, points: list[Any], again: list[int]) -> Any:
        """The centres to ask next, with emptied clusters placed beside the widest ones."""
        asked = centres.copy()
        wide = sorted((c for c, own in enumerate(points) if len(own)), key=lambda c: (-_within(points[c]), c))
        for place, cluster in enumerate(again):
            donor = wide[place % len(wide)]
            direction = self._normal(iteration, cluster)
            step = direction / np.linalg.norm(direction) * (_within(points[donor]) / len(points[donor])) ** 0.5
            asked[cluster] = np.minimum(np.maximum(centres[donor] + step, self.low), self.high)
        return asked
