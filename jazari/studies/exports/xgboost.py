"""A boosting result as a model that XGBoost loads: ``xgboost.Booster(model_file="model.json")``.

The format is XGBoost's own JSON (its documentation, "Introduction to Model IO"), as version 3 writes it. XGBoost
itself is not needed here. It reads float32, so predictions equal those of ``boosting_model.predict`` to that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jazari.studies.recipes.boosting_model import indicator, split_column

OBJECTIVES = {"regression": "reg:squarederror", "binary": "binary:logistic", "multiclass": "multi:softprob"}
NO_MARGIN = {"regression": 0.0, "binary": 0.5, "multiclass": 0.5}
"""The base score (a probability where the objective has a link) that leaves the order of margins unchanged."""

_NO_PARENT = 2**31 - 1
_VERSION = [3, 2, 0]


def write_xgboost(result: Mapping[str, Any], path: Path) -> None:
    """Write the model of a boosting ``result`` as a JSON file."""
    path.write_text(json.dumps(xgboost_model(result)), encoding="utf-8")


def xgboost_model(result: Mapping[str, Any]) -> dict[str, Any]:
    """The model of a boosting ``result``. Its columns are those of ``boosting_model.design``, by name and in order.

    What the margins start from is a first tree without splits for each output, because a base score differs
    among XGBoost's versions.
    """
    names = column_names(result)
    place = {name: index for index, name in enumerate(names)}
    rounds = [[[{"value": base, "weight": 0.0}] for base in result["base"]], *result["trees"]]
    trees = [_tree(tree, place, number) for number, tree in enumerate(tree for trees in rounds for tree in trees)]
    width = len(result["base"])
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": [width * index for index in range(len(rounds) + 1)],
        "tree_info": [number % width for number in range(len(trees))],
        "trees": trees,
    }
    learner = {
        "attributes": {},
        "feature_names": names,
        "feature_types": ["float"] * len(names),
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": _learner(result, len(names)),
        "objective": _objective(result),
    }
    return {"learner": learner, "version": _VERSION}


def column_names(result: Mapping[str, Any]) -> list[str]:
    """The columns that the exported model expects, in order: numbers, and one for each level of a category."""
    names = []
    for feature in result["features"]:
        name, numeric = feature["name"], feature["kind"] == "numeric"
        names += [name] if numeric else [indicator(name, level) for level in feature["levels"]]
    return names


def _learner(result: Mapping[str, Any], columns: int) -> dict[str, str]:
    classes = len(result["classes"]) if result["task"] == "multiclass" else 0
    return {
        "base_score": f"{NO_MARGIN[result['task']]:E}",
        "boost_from_average": "0",
        "num_class": str(classes),
        "num_feature": str(columns),
        "num_target": "1",
    }


def _objective(result: Mapping[str, Any]) -> dict[str, Any]:
    task = result["task"]
    if task == "multiclass":
        return {"name": OBJECTIVES[task], "softmax_multiclass_param": {"num_class": str(len(result["classes"]))}}
    return {"name": OBJECTIVES[task], "reg_loss_param": {"scale_pos_weight": "1"}}


def _tree(tree: list[dict[str, Any]], place: Mapping[str, int], number: int) -> dict[str, Any]:
    splits = [split_column(node) if "feature" in node else None for node in tree]
    parents = [_NO_PARENT] * len(tree)
    for index, node in enumerate(tree):
        if "feature" in node:
            parents[node["left"]] = parents[node["right"]] = index
    size = len(tree)
    return {
        "base_weights": [node.get("value", 0.0) for node in tree],
        "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
        "default_left": [int(node.get("missing") == "left") for node in tree],
        "id": number,
        "left_children": [node.get("left", -1) for node in tree],
        "loss_changes": [node.get("gain", 0.0) for node in tree],
        "parents": parents,
        "right_children": [node.get("right", -1) for node in tree],
        # The condition of a leaf is its value.
        "split_conditions": [split[1] if split else node["value"] for split, node in zip(splits, tree, strict=True)],
        "split_indices": [place[split[0]] if split else 0 for split in splits],
        "split_type": [0] * size,
        "sum_hessian": [node["weight"] for node in tree],
        "tree_param": {"num_deleted": "0", "num_feature": str(len(place)), "num_nodes": str(size),
                       "size_leaf_vector": "1"},
    }  # fmt: skip
