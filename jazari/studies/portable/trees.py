"""Boosted trees: each tree sends a row to a leaf, and the leaves' values add up.

All nodes of all trees are in one array each, tree after tree (for several classes, one tree for each class in turn):

- ``base`` (outputs,) float64: what the sum starts from;
- ``starts`` (trees + 1,) int64: where each tree's nodes begin; its first node is its root;
- ``features`` (nodes,) int32: the input that a node splits on, -1 for a leaf;
- ``levels`` (nodes,) int32: the level that goes right, -1 where the split is by ``thresholds`` (nodes,) float64, from
  which on a number, rounded to float32, goes right;
- ``left``, ``right`` (nodes,) int32: the children, counted from the tree's root; ``missing_right`` (nodes,) uint8;
- ``values`` (nodes,) float64: what a leaf adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from jazari.studies.agreement import StudyText
from jazari.studies.data.table import Floats, Mask
from jazari.studies.portable.model import Array, Input, PortableModel, binary_classes, require

_NODES = {
    "features": np.int32, "levels": np.int32, "thresholds": np.float64, "left": np.int32, "right": np.int32,
    "missing_right": np.uint8, "values": np.float64,
}  # fmt: skip


def check(model: PortableModel) -> None:
    """Raise ``BadModel`` unless every node belongs to a tree, points onwards and splits on an input."""
    arrays = model.arrays
    require(not model.settings, "trees have no settings")
    require(set(arrays) == {"base", "starts", *_NODES}, "its arrays are not those of trees")
    outputs = len(model.classes) if model.task == "multiclass" else 1
    require(arrays["base"].shape == (outputs,) and arrays["base"].dtype == np.float64, "its base is not sound")
    starts = arrays["starts"]
    require(starts.dtype == np.int64 and starts.ndim == 1 and len(starts) > 0, "its trees are not sound")
    require((len(starts) - 1) % outputs == 0, "it has not one tree for each class")
    for name, dtype in _NODES.items():
        require(arrays[name].dtype == dtype and arrays[name].shape == arrays["values"].shape, f"bad {name} of nodes")
    require(starts[0] == 0 and starts[-1] == len(arrays["values"]), "its trees do not cover its nodes")
    require(bool((np.diff(starts) > 0).all()), "a tree has no nodes")
    _check_nodes(model, arrays)


def _check_nodes(model: PortableModel, arrays: Mapping[str, Array]) -> None:
    splits = arrays["features"] >= 0
    sizes = np.repeat(np.diff(arrays["starts"]), np.diff(arrays["starts"]))
    own = np.arange(len(sizes)) - np.repeat(arrays["starts"][:-1], np.diff(arrays["starts"]))
    for side in ("left", "right"):
        # Children come after their parent, so that no way through a tree is endless.
        sound = (arrays[side] > own) & (arrays[side] < sizes)
        require(bool(sound[splits].all()), "a node points outside its tree or back")
    require(bool((arrays["features"] < len(model.inputs)).all()), "a node splits on no input")
    levels = np.array([len(one.levels) for one in model.inputs])[np.maximum(arrays["features"], 0)]
    require(all(one.kind != "text" for one in model.inputs), "trees read no texts")
    fits = np.where(levels > 0, (arrays["levels"] >= 0) & (arrays["levels"] < levels), arrays["levels"] == -1)
    require(bool(fits[splits].all()), "a node splits on a level that its input has not")


def predict(model: PortableModel, columns: Mapping[str, Any]) -> Floats:
    """(rows,) in the response's unit, or scores (rows, classes); a missing value goes the way that training chose."""
    margins = np.tile(model.arrays["base"], (len(next(iter(columns.values()))), 1))
    read = [_read(one, columns[one.name]) for one in model.inputs]
    for index, tree in enumerate(_trees(model)):
        margins[:, index % margins.shape[1]] += _leaf_values(tree, read)
    if model.task == "regression":
        return np.asarray(margins[:, 0])
    if model.task == "binary":
        share = 0.5 * (1 + np.tanh(margins[:, 0] / 2))
        return np.column_stack([1 - share, share])
    raised = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _read(one: Input, values: Any) -> tuple[Any, Mask]:
    """The values as nodes compare them, and which are missing."""
    if one.kind == "category":
        return values, values < 0
    return values.astype(np.float32), np.isnan(values)


def _trees(model: PortableModel) -> Iterator[dict[str, Array]]:
    starts = model.arrays["starts"]
    for start, stop in pairwise(starts):
        yield {name: model.arrays[name][start:stop] for name in _NODES}


def _leaf_values(tree: Mapping[str, Array], read: Sequence[tuple[Any, Mask]]) -> Floats:
    node = np.zeros(len(read[0][1]), dtype=np.int64)
    for index in np.flatnonzero(tree["features"] >= 0):  # a parent comes before its children
        here = np.flatnonzero(node == index)
        values, missing = read[tree["features"][index]]
        level = tree["levels"][index]
        right = values[here] == level if level >= 0 else values[here] >= tree["thresholds"][index]
        right = np.where(missing[here], tree["missing_right"][index], right)
        node[here] = np.where(right, tree["right"][index], tree["left"][index])
    return np.asarray(tree["values"][node])


def from_boosting(text: StudyText, values: Mapping[str, Any], response: str) -> PortableModel:
    """The model in a result of the recipe ``boosting``, which has one response."""
    del response
    inputs = tuple(_input(text, feature) for feature in values["features"])
    variable = text.named_variables()[values["response"]]
    task = values["task"]
    binary = binary_classes(variable.levels, text.parameters.get("positive"))
    flat = [tree for trees in values["trees"] for tree in trees]
    places = {one.name: (place, one) for place, one in enumerate(inputs)}
    rows = [_node(node, places) for tree in flat for node in tree]
    columns = zip(*rows, strict=True) if rows else ([] for _ in _NODES)
    arrays = {
        name: np.array(column, dtype=dtype) for (name, dtype), column in zip(_NODES.items(), columns, strict=True)
    }
    return PortableModel(
        kind="trees",
        task=task,
        response=variable.name,
        inputs=inputs,
        arrays=arrays
        | {
            "base": np.array(values["base"], dtype=np.float64),
            "starts": np.cumsum([0, *(len(tree) for tree in flat)], dtype=np.int64),
        },
        unit=variable.unit if task == "regression" else "",
        classes={"regression": (), "binary": binary, "multiclass": tuple(values["classes"])}[task],
    )


def _input(text: StudyText, feature: Mapping[str, Any]) -> Input:
    variable = text.named_variables()[feature["name"]]
    return Input(variable.name, feature["kind"], variable.unit, tuple(feature.get("levels", ())), variable.lower,
                 variable.upper)  # fmt: skip


def _node(node: Mapping[str, Any], places: Mapping[str, tuple[int, Input]]) -> tuple[Any, ...]:
    """In the order of ``_NODES``."""
    if "feature" not in node:
        return (-1, -1, 0.0, 0, 0, 0, node["value"])
    place, one = places[node["feature"]]
    level = -1 if node["level"] is None else one.levels.index(node["level"])
    threshold = 0.0 if node["threshold"] is None else node["threshold"]
    return (place, level, threshold, node["left"], node["right"], node["missing"] == "right", 0.0)
