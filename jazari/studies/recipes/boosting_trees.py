"""Trees from totals: the best split of every open node, the same for everybody who has the totals.

A split's gain is Chen and Guestrin's (KDD 2016, equation 7) without its factor of one half, over the rows that
no institute left out of the predictor's cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from jazari.studies.data.table import Floats, Mask
from jazari.studies.messages import Sums
from jazari.studies.recipes import boosting_loss
from jazari.studies.recipes.boosting_layout import Feature, Layout

TIE = 1e-9
"""Gains that differ by less, relative to the best split's score, are equal: sums in another order may differ so."""

SUBJECTS_PER_LEAF = 3
"""Fewest subjects, over all institutes, for each leaf that all trees can have, and for one round's at each."""


@dataclass(frozen=True)
class Split:
    """Cells of feature ``feature`` that its split ``cut`` sends right make the node ``right``, the rest ``left``.

    ``left_out``: how many institutes left some of the node's rows out of this feature's cells.
    """

    feature: int
    cut: int
    missing_right: bool
    left: int
    right: int
    gain: float
    left_out: int


@dataclass(frozen=True)
class Node:
    """Sums over the node's rows. ``open``: whether it waits for its histograms."""

    depth: int
    open: bool
    gradient: float = 0.0
    hessian: float = 0.0
    rows: int = 0
    split: Split | None = None


Tree: TypeAlias = tuple[Node, ...]
"""Nodes, a parent before its children; the first is the root."""

ROOT: Tree = (Node(depth=0, open=True),)


@dataclass(frozen=True)
class BoostingState:
    """``trees``: finished rounds of one tree for each output; ``growing``: the current one. Margins start at ``base``.

    ``losses``: the sum over rows after 0, 1, 2 ... rounds. ``stopped``: why there are fewer trees than asked for.
    """

    phase: str = "base"
    rows: int = 0
    subjects: int = 0
    base: tuple[float, ...] = ()
    trees: tuple[tuple[Tree, ...], ...] = ()
    growing: tuple[Tree, ...] = ()
    losses: tuple[float, ...] = ()
    stopped: str = ""
    done: bool = False
    failure: str = ""

    def open_nodes(self) -> list[tuple[int, int]]:
        """(output, node) of every open node, in order."""
        return [(k, i) for k, tree in enumerate(self.growing) for i, node in enumerate(tree) if node.open]


def leaf_value(node: Node, layout: Layout) -> float:
    """What a leaf adds to the margin of its rows."""
    weight = node.hessian + layout.parameters.l2
    return -layout.parameters.learning_rate * node.gradient / weight if weight > 0 else 0.0


def leaves(tree: Tree) -> Iterator[Node]:
    """The nodes without a split."""
    return (node for node in tree if node.split is None)


def margin_range(state: BoostingState, layout: Layout) -> tuple[float, float]:
    """Between what all margins lie, from the leaves alone."""
    low, high = np.array(state.base), np.array(state.base)
    for trees in state.trees:
        values = [[leaf_value(node, layout) for node in leaves(tree)] for tree in trees]
        low += [min(own) for own in values]
        high += [max(own) for own in values]
    return float(low.min()), float(high.max())


def after_base(layout: Layout, total: Sums) -> BoostingState:
    """The margin to start from, or why there can be no model."""
    rows, subjects = int(total["rows"]), int(total["subjects"])
    shares = total["response"] / max(rows, 1)
    state = BoostingState("root", rows, subjects, growing=(ROOT,) * layout.outputs)
    failure = _impossible(layout, shares, subjects)
    if failure:
        return replace(state, failure=failure)
    return replace(state, base=tuple(map(float, boosting_loss.start(layout.parameters.task, shares))))


def _impossible(layout: Layout, shares: Floats, subjects: int) -> str:
    most = layout.leaves * layout.parameters.trees * SUBJECTS_PER_LEAF
    if layout.plan.floor > 1 and most > subjects:
        return (f"The trees may have {most // SUBJECTS_PER_LEAF} leaves and all institutes together have {subjects} "
                f"subjects, {SUBJECTS_PER_LEAF} are needed for each: ask for fewer trees or less depth.")  # fmt: skip
    if layout.parameters.task == "regression":
        return ""
    if (shares <= 0).any() or (layout.outputs == 1 and (shares >= 1).any()):
        return "A class of the response has no row at any institute: ask for another response."
    return ""


def after_histograms(layout: Layout, state: BoostingState, total: Sums) -> BoostingState:
    """Split the open nodes; close the round of boosting when none is left to split."""
    growing = state.growing
    if state.phase == "root":
        state = replace(state, losses=(*state.losses, float(total["loss"])))
        growing = tuple(_with_totals(state, total, k) for k in range(layout.outputs))
    for place, (output, index) in enumerate(state.open_nodes()):
        found = best_split(layout, total, place)
        grown = _grow(layout, growing[output], index, found)
        growing = (*growing[:output], grown, *growing[output + 1 :])
    return _next(layout, replace(state, growing=growing))


def _with_totals(state: BoostingState, total: Sums, output: int) -> Tree:
    hessian = total["hessian"][output] if "hessian" in total else state.rows
    gradient = float(total["gradient"][output])
    return (Node(depth=0, open=True, gradient=gradient, hessian=float(hessian), rows=state.rows),)


def _next(layout: Layout, state: BoostingState) -> BoostingState:
    if state.open_nodes():
        return replace(state, phase="level")
    if all(tree[0].split is None for tree in state.growing):
        return replace(state, growing=(), done=True, stopped="no split gains enough")
    finished = replace(state, trees=(*state.trees, state.growing), growing=())
    if len(finished.trees) < layout.parameters.trees:
        return replace(finished, phase="root", growing=(ROOT,) * layout.outputs)
    return replace(finished, phase="loss")


def after_loss(state: BoostingState, total: Sums) -> BoostingState:
    """The loss of all trees is known, and nothing else is to do."""
    return replace(state, losses=(*state.losses, float(total["loss"])), done=True)


@dataclass(frozen=True)
class Found:
    """A split and the (gradient, hessian, rows) of its children."""

    split: Split
    left: tuple[float, float, int]
    right: tuple[float, float, int]


def _grow(layout: Layout, tree: Tree, index: int, found: Found | None) -> Tree:
    node = tree[index]
    if found is None:
        return (*tree[:index], replace(node, open=False), *tree[index + 1 :])
    depth = node.depth + 1
    children = [Node(depth, depth < layout.parameters.depth, *sums) for sums in (found.left, found.right)]
    split = replace(found.split, left=len(tree), right=len(tree) + 1)
    return (*tree[:index], replace(node, open=False, split=split), *tree[index + 1 :], *children)


@dataclass(frozen=True)
class Candidates:
    """All ways to split one node on one feature. Arrays (cuts, 2): missing values left, then right; rows ``n``."""

    g: tuple[Floats, Floats]
    h: tuple[Floats, Floats]
    n: tuple[Floats, Floats]
    gain: Floats
    score: Floats


def best_split(layout: Layout, total: Sums, place: int) -> Found | None:
    """The split of the open node number ``place`` that gains most, the first of equals, or None."""
    found = [_candidates(layout, feature, total, place) for feature in layout.features]
    best = max(float(one.gain.max()) for one in found)
    tie = TIE * max(float(one.score.max()) for one in found)
    if not (best > tie and best >= layout.parameters.min_gain):
        return None
    for number, (feature, one) in enumerate(zip(layout.features, found, strict=True)):
        near = np.flatnonzero(one.gain.ravel() >= best - tie)
        if near.size:
            flag = int(total[f"{feature.name}.left_out"][place])
            missing = int(total[f"{feature.name}.rows"][place][feature.bins])
            return _take(one, number, int(near[0]), flag, missing)
    return None


def _take(one: Candidates, feature: int, which: int, left_out: int, missing: int) -> Found:
    cut, side = divmod(which, 2)
    left, right = ((float(one.g[s][cut, side]), float(one.h[s][cut, side]), int(one.n[s][cut, side])) for s in (0, 1))
    # Where no value was missing nothing tells where one belongs: it follows most rows.
    missing_right = bool(side) if missing else right[2] > left[2]
    return Found(Split(feature, cut, missing_right, 0, 0, float(one.gain[cut, side]), left_out), left, right)


def _candidates(layout: Layout, feature: Feature, total: Sums, place: int) -> Candidates:
    rows = total[f"{feature.name}.rows"][place]
    gradient = total[f"{feature.name}.gradient"][place]
    hessian = total[f"{feature.name}.hessian"][place] if f"{feature.name}.hessian" in total else rows.astype(float)
    g, h, n = (_both_sides(feature.right, sums) for sums in (gradient, hessian, rows.astype(np.float64)))
    least = layout.parameters.min_child_weight * (1 - TIE)
    allowed = (n[0] > 0) & (n[1] > 0) & (h[0] >= least) & (h[1] >= least)
    score = sum(_score(g[s], h[s], allowed, layout.parameters.l2) for s in (0, 1))
    whole = _score(g[0] + g[1], h[0] + h[1], allowed, layout.parameters.l2)
    return Candidates(g, h, n, np.where(allowed, score - whole, -np.inf), np.asarray(score))


def _both_sides(right: Mask, sums: Floats) -> tuple[Floats, Floats]:
    """Sums left and right of each split, (cuts, 2): with missing values on the left, then on the right."""
    known, missing = sums[:-1], sums[-1]
    left, other = (~right) @ known, right @ known
    return np.stack([left + missing, left], axis=1), np.stack([other, other + missing], axis=1)


def _score(g: Floats, h: Floats, allowed: Mask, l2: float) -> Floats:
    return np.asarray(np.where(allowed, g**2 / np.where(allowed, h + l2, 1.0), 0.0))
