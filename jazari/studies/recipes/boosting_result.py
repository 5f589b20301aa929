"""The result of boosting: the whole ensemble in plain JSON, as ``boosting_model.predict`` reads it."""

from __future__ import annotations

from typing import Any

from jazari.studies.recipes.boosting_layout import Feature, Layout
from jazari.studies.recipes.boosting_trees import BoostingState, Node, Tree, leaf_value


def build_result(layout: Layout, state: BoostingState) -> dict[str, Any]:
    """``trees`` holds one list of trees, one for each class or one alone, for each round of boosting.

    ``base`` and leaf values are in the response's unit (regression) or on the scale of log-odds. ``training_loss``
    is the mean over rows after 0, 1, 2 ... rounds: squared error in squared units, or minus log-likelihood.
    """
    unit = layout.unit
    scale = 2 * unit**2 if layout.parameters.task == "regression" else 1.0
    return {
        "task": layout.parameters.task,
        "response": layout.parameters.response,
        "classes": list(layout.classes) or _events(layout),
        "features": [_feature(feature) for feature in layout.features],
        "base": [layout.origin + unit * margin for margin in state.base],
        "trees": [[tree_json(layout, tree) for tree in trees] for trees in state.trees],
        "rows": state.rows,
        "subjects": state.subjects,
        "training_loss": [scale * loss / state.rows for loss in state.losses],
        "stopped": state.stopped,
    }


def _events(layout: Layout) -> list[str]:
    positive = layout.parameters.positive
    return [] if positive is None else [positive]


def _feature(feature: Feature) -> dict[str, Any]:
    if feature.levels:
        return {"name": feature.name, "kind": "category", "levels": list(feature.levels)}
    return {"name": feature.name, "kind": "numeric", "edges": list(feature.edges)}


def tree_json(layout: Layout, tree: Tree) -> list[dict[str, Any]]:
    """The nodes of a tree; ``left`` and ``right`` are places in the list.

    A split sends a number below ``threshold`` (compared as float32) left, a category right if it is ``level``.
    """
    return [_split(layout, node) if node.split else _leaf(layout, node) for node in tree]


def _leaf(layout: Layout, node: Node) -> dict[str, Any]:
    return {"value": layout.unit * leaf_value(node, layout), "rows": node.rows, "weight": node.hessian}


def _split(layout: Layout, node: Node) -> dict[str, Any]:
    split = node.split
    assert split is not None  # noqa: S101 - chosen by the caller
    feature = layout.features[split.feature]
    return {
        "feature": feature.name,
        "threshold": None if feature.levels else feature.edges[split.cut],
        "level": feature.levels[split.cut] if feature.levels else None,
        "missing": "right" if split.missing_right else "left",
        "left": split.left,
        "right": split.right,
        "gain": split.gain,
        "rows": node.rows,
        "weight": node.hessian,
        "left_out": split.left_out,
    }
