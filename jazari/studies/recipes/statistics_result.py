"""From the totals of a statistics study to its result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Floats
from jazari.studies.messages import Array, Sums
from jazari.studies.recipes.statistics_layout import Layout, group_labels


def build_result(layout: Layout, first: Sums, second: Sums) -> dict[str, Any]:
    """``{"groups": [...], "left_out": {...}}``; a value is None where nobody told one and somebody left it out.

    ``left_out`` counts the institutes that left something out: per value in a group, and altogether.
    """
    groups = []
    for index, labels in enumerate(group_labels(layout)):
        rows, left_out = int(first["rows"][index]), int(first["left_out"][index])
        if rows == 0 and left_out == 0 and layout.groups > 1:
            continue
        groups.append({
            "by": labels,
            "rows": _known(rows, left_out),
            "subjects": _known(int(first["subjects"][index]), left_out),
            "left_out": left_out,
            "variables": {v.name: _describe(layout, v, index, first, second) for v in layout.studied},
        })  # fmt: skip
    return {"groups": groups, "left_out": _count_left_out(layout, first)}


def _known(value: int, left_out: int) -> int | None:
    return None if value == 0 and left_out else value


def _count_left_out(layout: Layout, first: Sums) -> dict[str, int]:
    names = {"groups": ["left_out"], "missing": [], "moments": [], "cells": []}
    for variable in layout.studied:
        names["missing"].append(f"{variable.name}.left_out")
        names["moments"].append(f"{variable.name}.used.left_out")
        names["cells"].append(f"{variable.name}.cells.left_out")
    return {kind: sum(int(first[n].sum()) for n in found if n in first) for kind, found in names.items()}


def _describe(layout: Layout, variable: AgreedVariable, index: int, first: Sums, second: Sums) -> dict[str, Any]:
    name = variable.name
    left_out = int(first[f"{name}.left_out"][index])
    missing, present = int(first[f"{name}.missing"][index]), int(first[f"{name}.present"][index])
    known = missing + present > 0 or left_out == 0
    told: dict[str, Any] = {
        "missing": missing if known else None,
        "present": present if known else None,
        "share_missing": missing / (missing + present) if missing + present else None,
        "left_out": left_out,
    }
    if variable.kind == "numeric":
        told |= _moments(layout, name, index, first, second)
    if layout.cells(variable):
        told |= _cells(layout, variable, index, first)
    return told


def _moments(layout: Layout, name: str, index: int, first: Sums, second: Sums) -> dict[str, Any]:
    used = int(first[f"{name}.used"][index])
    told: dict[str, Any] = {
        "mean": float(first[f"{name}.sum"][index]) / used if used else None,
        "mean_left_out": int(first[f"{name}.used.left_out"][index]),
    }
    if layout.plan.parameters.spread:
        variance = _variance(name, index, second) if second else None
        told |= {"variance": variance, "deviation": None if variance is None else math.sqrt(variance)}
    return told


def _variance(name: str, index: int, second: Sums) -> float | None:
    used = int(second[f"{name}.used"][index])
    if used < 2:
        return None
    shift, squares = float(second[f"{name}.shift"][index]), float(second[f"{name}.squares"][index])
    return max(0.0, (squares - shift * shift / used) / (used - 1))


def _cells(layout: Layout, variable: AgreedVariable, index: int, first: Sums) -> dict[str, Any]:
    counts, left_out = first[f"{variable.name}.cells"][index], first[f"{variable.name}.cells.left_out"][index]
    told = [_known(int(n), int(out)) for n, out in zip(counts, left_out, strict=True)]
    edges = layout.edges(variable)
    if edges is None:
        levels = {level: {"rows": n, "left_out": int(out)}
                  for level, n, out in zip(variable.levels, told, left_out, strict=True)}  # fmt: skip
        return {"levels": levels}
    histogram = {"edges": edges.tolist(), "below": told[0], "counts": told[1:-1], "above": told[-1],
                 "left_out": [int(out) for out in left_out]}  # fmt: skip
    floor = layout.plan.floor
    fewest = 0 if floor == 1 else floor
    return {"histogram": histogram, "quantiles": quantiles(counts, edges, layout.plan.parameters.quantiles, fewest)}


def quantiles(counts: Array, edges: Floats, wanted: Sequence[float], fewest: int = 0) -> dict[str, float | None]:
    """Quantiles by linear interpolation within bins.

    ``counts`` has the rows below, in each bin, and above. None where the quantile lies outside the bins, or
    where fewer than ``fewest`` rows lie on either side of it or in its own bin: a percentile of a tiny group
    tells about the few subjects at its edge.
    """
    cumulative = np.cumsum(counts)
    enough = {q: float(cumulative[-1]) * min(q, 1 - q) >= fewest - 1e-9 for q in wanted}
    return {repr(q): _quantile(cumulative, counts, edges, q, fewest) if enough[q] else None for q in wanted}


def _quantile(cumulative: Array, counts: Array, edges: Floats, q: float, fewest: int) -> float | None:
    target = q * float(cumulative[-1])
    place = int(np.searchsorted(cumulative, target, side="left"))
    if cumulative[-1] == 0 or place == 0 or place == len(counts) - 1 or counts[place] < fewest:
        return None
    before = float(cumulative[place - 1])
    low, high = float(edges[place - 1]), float(edges[place])
    return low + (high - low) * (target - before) / float(counts[place])
