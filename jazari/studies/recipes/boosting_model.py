"""What a published result of the recipe ``boosting`` predicts, with numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jazari.studies.data.table import Floats, Mask
from jazari.studies.recipes.boosting_layout import as_float32
from jazari.studies.recipes.boosting_loss import probabilities

Columns = Mapping[str, Floats]
"""By predictor, one float64 a row: a number in the agreed unit, or a category's place among the agreed levels.

NaN where missing; a place that is no level (such as -1) is missing too.
"""


def predict(result: Mapping[str, Any], columns: Columns) -> Floats:
    """Predictions (rows,) of a regression in its unit, probabilities (rows,) of the event, or (rows, classes).

    Raises ``KeyError`` when ``columns`` lack a predictor.
    """
    predicted = probabilities(result["task"], margins(result, columns))
    return predicted if result["task"] == "multiclass" else predicted[:, 0]


def margins(result: Mapping[str, Any], columns: Columns) -> Floats:
    """(rows, outputs): what the trees add up to, before they become probabilities."""
    names, matrix = design(result, columns)
    place = {name: index for index, name in enumerate(names)}
    total = np.tile(np.array(result["base"], dtype=np.float64), (len(matrix), 1))
    for trees in result["trees"]:
        for output, tree in enumerate(trees):
            total[:, output] += _leaf_values(tree, matrix, place)
    return total


def design(result: Mapping[str, Any], columns: Columns) -> tuple[list[str], Floats]:
    """Names and values (rows, names) of what the trees split on, rounded to float32, NaN where missing.

    A numeric predictor is itself; a category has a column ``name=level`` for each level, 1 where it has it, else 0.
    """
    names: list[str] = []
    parts: list[Floats] = []
    for feature in result["features"]:
        values = np.asarray(columns[feature["name"]], dtype=np.float64)
        if feature["kind"] == "numeric":
            names.append(feature["name"])
            parts.append(as_float32(values))
            continue
        known = np.isin(values, np.arange(len(feature["levels"])))
        for place, level in enumerate(feature["levels"]):
            names.append(indicator(feature["name"], level))
            parts.append(np.where(known, values == place, np.nan))
    return names, np.column_stack(parts)


def indicator(name: str, level: str) -> str:
    """The name of the column that is 1 where the category ``name`` has ``level``."""
    return f"{name}={level}"


def split_column(node: Mapping[str, Any]) -> tuple[str, float]:
    """The column of ``design`` that a node splits on, and the value below which a row goes left."""
    if node["level"] is None:
        return node["feature"], float(node["threshold"])
    return indicator(node["feature"], node["level"]), 0.5


def _leaf_values(tree: list[dict[str, Any]], matrix: Floats, place: Mapping[str, int]) -> Floats:
    node = np.zeros(len(matrix), dtype=np.int64)
    for index, one in enumerate(tree):  # a parent comes before its children
        if "feature" in one:
            here = node == index
            node[here] = np.where(_goes_right(one, matrix[here], place), one["right"], one["left"])
    return np.array([one.get("value", 0.0) for one in tree])[node]


def _goes_right(node: Mapping[str, Any], matrix: Floats, place: Mapping[str, int]) -> Mask:
    name, threshold = split_column(node)
    values = matrix[:, place[name]]
    return np.where(np.isnan(values), node["missing"] == "right", ~(values < threshold))
