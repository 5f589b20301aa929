"""From the noisy total of a private statistics study to its result: each figure with the error that noise makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.messages import Sums
from jazari.studies.privacy.calibration import calibrate, deviation
from jazari.studies.privacy.terms import UNIT, Noise
from jazari.studies.recipes.private_statistics_layout import grid, sensitivities
from jazari.studies.recipes.statistics_layout import Layout, group_labels


def build_result(layout: Layout, total: Sums) -> dict[str, Any]:
    """``{"privacy": ..., "groups": [...]}``.

    Every agreed group is told. A figure is ``{"estimate", "standard_error"}``, where the error is that of the noise
    alone; counts may be negative and are left so, since setting them to 0 would bias every sum of them.
    """
    noise = calibrate(layout.plan.parameters.privacy, sensitivities(layout))
    errors = standard_errors(noise, layout.plan.institutes)
    groups = [
        {
            "by": labels,
            "rows": _figure(int(total["rows"][index]), errors["rows"]),
            "variables": {v.name: _describe(layout, v, index, total, errors) for v in layout.studied},
        }
        for index, labels in enumerate(group_labels(layout))
    ]
    return {"privacy": privacy_facts(layout, noise, errors), "groups": groups}


def standard_errors(noise: Noise, institutes: int) -> dict[str, float]:
    """By output, the standard deviation of the noise in one cell of the total: that of so many independent draws."""
    spread = {part.output: deviation(noise.terms.mechanism, part.scale) for part in noise.outputs}
    return {name: math.sqrt(institutes) * one for name, one in spread.items()}


def privacy_facts(layout: Layout, noise: Noise, errors: Mapping[str, float]) -> dict[str, Any]:
    """What a published result states about its noise; scales are in units of the output (rows, or steps of a sum)."""
    terms = noise.terms
    return {
        "epsilon": terms.epsilon,
        "delta": terms.delta,
        "unit": UNIT,
        "max_rows_per_subject": terms.max_rows_per_subject,
        "mechanism": terms.method,
        "spent": "by each institute, in each run",
        "institutes": layout.plan.institutes,
        "steps": {v.name: grid(v)[1] for v in layout.studied if v.kind == "numeric"},
        "noise": [part.model_dump() | {"standard_error": errors[part.output]} for part in noise.outputs],
    }


def _figure(estimate: float | None, error: float | None) -> dict[str, Any]:
    return {"estimate": estimate, "standard_error": error}


def _describe(
    layout: Layout, variable: AgreedVariable, index: int, total: Sums, errors: Mapping[str, float]
) -> dict[str, Any]:
    name = variable.name
    told: dict[str, Any] = {}
    if variable.kind == "numeric":
        present, steps = int(total[f"{name}.present"][index]), int(total[f"{name}.sum"][index])
        told["present"] = _figure(present, errors[f"{name}.present"])
        told["mean"] = _mean(variable, present, steps, errors[f"{name}.present"], errors[f"{name}.sum"])
    if not layout.cells(variable):
        return told
    error = errors[f"{name}.cells"]
    counts = [_figure(int(count), error) for count in total[f"{name}.cells"][index]]
    edges = layout.edges(variable)
    if edges is None:
        return told | {"levels": dict(zip(variable.levels, counts, strict=True))}
    bins = {"edges": edges.tolist(), "below": counts[0], "counts": counts[1:-1], "above": counts[-1]}
    return told | {"histogram": bins}


def _mean(variable: AgreedVariable, present: int, steps: int, count_error: float, sum_error: float) -> dict[str, Any]:
    """Middle + sum / count, with the first-order error of a ratio; None unless the noisy count is above 0."""
    if present <= 0:
        return _figure(None, None)
    middle, step = grid(variable)
    ratio = steps / present
    error = math.hypot(sum_error, ratio * count_error) / present
    return _figure(middle + step * ratio, step * error)
