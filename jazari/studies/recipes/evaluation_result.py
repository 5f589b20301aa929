"""From the counted cells to figures that people read, for all rows and for each group."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np

from jazari.studies.messages import Array, Sums
from jazari.studies.recipes.evaluation_layout import Layout

HEADLINES = (
    "accuracy", "auc", "brier", "mean_error", "mean_absolute_error", "root_mean_squared_error", "r_squared",
)  # fmt: skip
"""The figures of a result that a model's card repeats."""


def build_result(layout: Layout, total: Sums) -> dict[str, Any]:
    """All rows, each group of each category of ``by``, and their crossing; ``left_out`` says what is not in them."""
    parameters = layout.parameters
    return {
        "model": parameters.model,
        "sha256": parameters.sha256,
        "task": parameters.task,
        "response": parameters.response,
        "positive": parameters.positive,
        "by": list(parameters.by),
        "groups": list(_groups(layout, total)),
    }


def _groups(layout: Layout, total: Sums) -> Iterator[dict[str, Any]]:
    shaped = {name: array.reshape(layout.sizes + layout.cells) for name, array in total.items()}
    axes = range(len(layout.sizes))
    for count in range(len(layout.sizes) + 1):
        for kept in combinations(axes, count):
            summed = tuple(axis for axis in axes if axis not in kept)
            margins = {name: array.sum(axis=summed) for name, array in shaped.items()}
            yield from _of_margin(layout, margins, kept)


def _of_margin(layout: Layout, margins: Mapping[str, Array], kept: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    levels = [(*layout.grouping[axis].levels, None) for axis in kept]
    names = [layout.grouping[axis].name for axis in kept]
    for place in product(*(range(len(of_axis)) for of_axis in levels)):
        sums = {name: array[place] for name, array in margins.items()}
        if kept and not sums["rows"].any() and not sums["left_out"].any():
            continue
        labels = [of_axis[index] for of_axis, index in zip(levels, place, strict=True)]
        yield {"by": dict(zip(names, labels, strict=True)), **_describe(layout, sums)}


def _describe(layout: Layout, sums: Sums) -> dict[str, Any]:
    figures = {"regression": _of_errors, "binary": _of_event, "multiclass": _of_classes}[layout.parameters.task]
    return {
        "rows": int(sums["rows"].sum()),
        "left_out": sums["left_out"].tolist() if layout.parameters.task != "regression" else int(sums["left_out"][0]),
        **figures(layout, sums),
    }


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _of_errors(layout: Layout, sums: Sums) -> dict[str, Any]:
    rows = int(sums["rows"][0])
    squares, shift = float(sums["error.squares"][0]), float(sums["response.sum"][0])
    spread = float(sums["response.squares"][0]) - (shift**2 / rows if rows else 0.0)
    mean = _share(squares, rows)
    return {
        "mean_error": _share(float(sums["error.sum"][0]), rows),
        "mean_absolute_error": _share(float(sums["error.absolute"][0]), rows),
        "root_mean_squared_error": None if mean is None else math.sqrt(max(mean, 0.0)),
        "r_squared": 1 - squares / spread if rows and spread > 0 else None,
        "response_mean": None if not rows else layout.middle + shift / rows,
        "predictions_limited_to": list(layout.predicted),
    }


def _of_event(layout: Layout, sums: Sums) -> dict[str, Any]:
    negative, positive = sums["rows"]
    thresholds = [_threshold(layout, sums["rows"], value) for value in layout.parameters.thresholds]
    return {
        "positives": int(positive.sum()),
        "accuracy": thresholds[0]["accuracy"],
        "auc": auc(negative, positive),
        "brier": _share(float(sums["score.brier"].sum()), int(sums["score.rows"].sum())),
        "thresholds": thresholds,
        "calibration": list(_calibration(layout, sums)),
        "histogram": {"negative": negative.tolist(), "positive": positive.tolist()},
    }


def _threshold(layout: Layout, rows: Array, threshold: float) -> dict[str, Any]:
    first = layout.parameters.edges.index(threshold)
    (true_negative, false_positive), (false_negative, true_positive) = (
        (int(of_class[:first].sum()), int(of_class[first:].sum())) for of_class in rows
    )
    return {
        "threshold": threshold,
        "true_positive": true_positive,
        "false_positive": false_positive,
        "true_negative": true_negative,
        "false_negative": false_negative,
        "accuracy": _share(true_positive + true_negative, int(rows.sum())),
        "sensitivity": _share(true_positive, true_positive + false_negative),
        "specificity": _share(true_negative, true_negative + false_positive),
        "precision": _share(true_positive, true_positive + false_positive),
    }


def auc(negative: Array, positive: Array) -> float | None:
    """The area under the ROC curve through the edges of the bins, by the trapezoid rule; None without both classes.

    ``negative`` and ``positive`` (bins,) count rows in bins of increasing score. It equals the share of pairs in which
    the positive row is in the higher bin, pairs in one bin counting half.
    """
    pairs = int(negative.sum()) * int(positive.sum())
    if not pairs:
        return None
    below = np.cumsum(negative) - negative
    twice = int((positive * (2 * below + negative)).sum())
    return twice / (2 * pairs)


def _calibration(layout: Layout, sums: Sums) -> Iterator[dict[str, Any]]:
    """By bin: how many rows, how many events, and over the rows whose scores are summed, mean score."""
    for index, (low, high) in enumerate(pairwise(layout.parameters.edges)):
        rows, scored = sums["rows"][:, index], sums["score.rows"][:, index]
        yield {
            "lower": low,
            "upper": high,
            "rows": int(rows.sum()),
            "positive_share": _share(int(rows[1]), int(rows.sum())),
            "scored_rows": int(scored.sum()),
            "mean_score": _share(float(sums["score.sum"][:, index].sum()), int(scored.sum())),
        }


def _of_classes(layout: Layout, sums: Sums) -> dict[str, Any]:
    rows, scored = sums["rows"], int(sums["score.rows"].sum())
    return {
        "accuracy": _share(int(np.trace(rows)), int(rows.sum())),
        "brier": _share(float(sums["score.brier"].sum()), scored),
        "mean_score": _share(float(sums["score.sum"].sum()), scored),
        "scored_rows": scored,
        "classes": list(layout.parameters.classes),
        "confusion": rows.tolist(),
        "recall": [_share(int(row[place]), int(row.sum())) for place, row in enumerate(rows)],
        "precision": [_share(int(column[place]), int(column.sum())) for place, column in enumerate(rows.T)],
    }


def headlines(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The main figures of a result, by group: what a model's card repeats."""
    return [
        {
            "by": {name: level for name, level in group["by"].items() if level is not None},
            "rows": group["rows"],
            "figures": {name: group[name] for name in HEADLINES if group.get(name) is not None},
        }
        for group in values["groups"]
        if group["rows"] and None not in group["by"].values()
    ]
