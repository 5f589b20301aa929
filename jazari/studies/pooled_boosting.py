"""Boosted histogram trees from all rows in one place, node by node and depth first; see ``pooled``.

Written apart from the recipe: rows are a data frame, a tree is grown by recursion, sums are taken of the rows on
either side of each split instead of from histograms, and the floor is applied with sets of subjects.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.recipes.base import Plan

MISSING = -1
CLOSE = 1e-9
Closed = dict[str, dict[str, set[int]]]
"""By institute and predictor: the cells that are left out."""


@dataclass
class Branch:
    """A node: sums over its rows, and its children where it is split."""

    gradient: float
    hessian: float
    rows: int
    split: dict[str, Any] = field(default_factory=dict)
    children: tuple[Branch, ...] = ()
    value: float = 0.0


def edges_of(name: str, plan: Plan) -> list[float]:
    """The inner edges of a numeric predictor, as float32 numbers."""
    given = plan.parameters.edges.get(name)
    if given is None:
        (low, width), count = range_of(name, plan), plan.parameters.bins
        given = [low + step * (width / count) for step in range(1, count)]
    return [float(np.float32(edge)) for edge in given]


def range_of(name: str, plan: Plan) -> tuple[float, float]:
    """The lower bound and the width of a variable's agreed range."""
    variable: Any = plan.variables[name]
    return variable.lower, variable.upper - variable.lower


def usable(table: Table, plan: Plan) -> pd.DataFrame:
    """The rows of one institute that have a response: ``cell.*`` by predictor, ``y.*`` by output, ``subject``."""
    frame = pd.DataFrame({"subject": table.subject})
    for name in plan.parameters.predictors:
        frame[f"cell.{name}"] = list(_cells(table, name, plan))
    for output, column in enumerate(_targets(table, plan)):
        frame[f"y.{output}"] = column
    present = frame.filter(like="y.").notna().all(axis=1)
    lacking = set(frame["subject"][~present])
    if 0 < len(lacking) < plan.floor:
        more = sorted(set(frame["subject"][present]) - lacking)[: plan.floor - len(lacking)]
        present &= ~frame["subject"].isin(more)
    return frame[present].reset_index(drop=True)


def _cells(table: Table, name: str, plan: Plan) -> Iterator[int]:
    levels = plan.variables[name].levels
    if levels:
        own = table.schema.variable(name).levels
        yield from (MISSING if code < 0 else levels.index(own[code]) for code in table.codes[name])
        return
    edges = edges_of(name, plan)
    for value in table.numeric[name]:
        yield MISSING if math.isnan(value) else sum(float(np.float32(value)) >= edge for edge in edges)


def _targets(table: Table, plan: Plan) -> Iterator[Any]:
    name, parameters = plan.parameters.response, plan.parameters
    variable = plan.variables[name]
    if not variable.levels:
        regression = parameters.task == "regression"
        low, width = range_of(name, plan) if regression else (0.0, 1.0)
        yield (table.numeric[name] - low) / width
        return
    own = [*table.schema.variable(name).levels, None]
    answers = pd.Series([own[code] for code in table.codes[name]], dtype=object)
    for level in [parameters.positive] if parameters.task == "binary" else variable.levels:
        yield (answers == level).astype(float).where(answers.notna())


def pooled_boosting(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``boosting`` should say."""
    parts = [usable(tables[name], plan).assign(institute=name) for name in sorted(tables)]
    rows = pd.concat(parts, ignore_index=True)
    targets = rows.filter(like="y.").to_numpy(dtype=float)
    base = _start(targets, plan)
    margins, stopped = np.tile(base, (len(rows), 1)), ""
    trees: list[list[Branch]] = []
    losses = [_loss(margins, targets, plan)]
    while len(trees) < plan.parameters.trees:
        slopes = _slopes(margins, targets, plan)
        grown = [_tree(rows, g, h, plan) for g, h in slopes]
        if not any(tree.children for tree in grown):
            stopped = "no split gains enough"
            break
        for output, tree in enumerate(grown):
            margins[:, output] += [_walk(tree, row) for row in rows.to_dict("records")]
        trees.append(grown)
        losses.append(_loss(margins, targets, plan))
    return _told(plan, rows, [len(set(p["subject"])) for p in parts], base, trees, losses, stopped)


def _told(plan: Plan, rows: Any, subjects: Any, base: Any, trees: Any, losses: Any, stopped: str) -> dict[str, Any]:
    response = plan.variables[plan.parameters.response]
    regression = plan.parameters.task == "regression"
    low, unit = range_of(response.name, plan) if regression else (0.0, 1.0)
    classes = list(response.levels) if plan.parameters.task == "multiclass" else []
    return {
        "task": plan.parameters.task,
        "response": response.name,
        "classes": classes or ([plan.parameters.positive] if plan.parameters.positive else []),
        "features": [_feature(name, plan) for name in plan.parameters.predictors],
        "base": [low + unit * float(value) for value in base],
        "trees": [[_listed(tree, unit) for tree in grown] for grown in trees],
        "rows": len(rows),
        "subjects": sum(subjects),
        "training_loss": [2 * unit**2 * loss if regression else loss for loss in losses],
        "stopped": stopped,
    }


def _feature(name: str, plan: Plan) -> dict[str, Any]:
    levels = list(plan.variables[name].levels)
    if levels:
        return {"name": name, "kind": "category", "levels": levels}
    return {"name": name, "kind": "numeric", "edges": edges_of(name, plan)}


def _start(targets: Any, plan: Plan) -> Any:
    mean = targets.mean(axis=0)
    if plan.parameters.task == "binary":
        return np.array([math.log(mean[0]) - math.log1p(-mean[0])])
    return np.array([math.log(share) for share in mean]) if plan.parameters.task == "multiclass" else mean


def _slopes(margins: Any, targets: Any, plan: Plan) -> list[tuple[Any, Any]]:
    if plan.parameters.task == "regression":
        return [(margins[:, 0] - targets[:, 0], np.ones(len(targets)))]
    if plan.parameters.task == "binary":
        share = 1 / (1 + np.exp(-margins[:, 0]))
        return [(share - targets[:, 0], share * (1 - share))]
    shares = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    return [(p - y, 2 * p * (1 - p)) for p, y in zip(shares.T, targets.T, strict=True)]


def _loss(margins: Any, targets: Any, plan: Plan) -> float:
    if plan.parameters.task == "regression":
        return float(((margins - targets) ** 2).mean() / 2)
    if plan.parameters.task == "binary":
        return float(np.log1p(np.exp(-margins * (2 * targets - 1))).mean())
    shares = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    return float(-np.log((shares * targets).sum(axis=1)).mean())


def _tree(rows: pd.DataFrame, g: Any, h: Any, plan: Plan) -> Branch:
    rows = rows.assign(g=g, h=h)
    root = Branch(float(g.sum()), float(h.sum()), len(rows))
    closed: Closed = {
        institute: {name: _close([part], name, set(), plan.floor) for name in plan.parameters.predictors}
        for institute, part in rows.groupby("institute")
    }
    _divide(root, rows, closed, plan.parameters.depth, plan)
    return root


def _close(sides: list[pd.DataFrame], name: str, before: set[int], floor: int) -> set[int]:
    """The cells of a predictor that one institute leaves out of all ``sides`` (children, and rows dropped)."""
    who: list[dict[int, set[int]]] = []
    for side in sides:
        people = defaultdict(set)
        for cell, subject in zip(side[f"cell.{name}"], side["subject"], strict=True):
            people[cell].add(subject)
        who.append(people)
    small = {cell for side in who for cell, they in side.items() if len(they) < floor}
    closed = before | small
    sizes = {cell: sum(len(side.get(cell, ())) for side in who) for side in who for cell in side}
    order = sorted(sizes, key=lambda cell: (sizes[cell], math.inf if cell == MISSING else cell))
    while True:
        behind = [set().union(*(they for cell, they in side.items() if cell in closed)) for side in who]
        needy = [side for side, they in zip(who, behind, strict=True) if 0 < len(they) < floor]
        more = next((c for c in order if c not in closed and any(c in side for side in needy)), None)
        if more is None:
            return closed
        closed = closed | {more}


def _divide(branch: Branch, rows: pd.DataFrame, closed: Closed, depth: int, plan: Plan) -> None:
    found = _best(rows, closed, plan) if depth else None
    parameters = plan.parameters
    if found is None:
        branch.value = -parameters.learning_rate * branch.gradient / (branch.hessian + parameters.l2)
        return
    branch.split, sides = found
    dropped = rows.drop(index=sides[0].index.union(sides[1].index))
    below: Closed = {}
    for institute, before in closed.items():
        own = [side[side["institute"] == institute] for side in (*sides, dropped)]
        below[institute] = {name: _close(own, name, before[name], plan.floor) for name in before}
    branch.children = tuple(Branch(side["g"].sum(), side["h"].sum(), len(side)) for side in sides)
    for child, side in zip(branch.children, sides, strict=True):
        _divide(child, side, below, depth - 1, plan)


def _best(
    rows: pd.DataFrame, closed: Closed, plan: Plan
) -> tuple[dict[str, Any], tuple[pd.DataFrame, pd.DataFrame]] | None:
    tried = []
    for name in plan.parameters.predictors:
        hidden = [c in closed[i][name] for c, i in zip(rows[f"cell.{name}"], rows["institute"], strict=True)]
        told = rows[~np.array(hidden, dtype=bool)]
        left_out = rows[np.array(hidden, dtype=bool)]["institute"].nunique()
        tried += [(gain, size, name, cut, side, told, left_out)
                  for gain, size, cut, side in _tries(told, name, plan)]  # fmt: skip
    if not tried:
        return None
    best, size = max(one[0] for one in tried), max(one[1] for one in tried)
    if not (best > CLOSE * size and best >= plan.parameters.min_gain):
        return None
    gain, _, name, cut, side, told, left_out = next(one for one in tried if one[0] >= best - CLOSE * size)
    right = _is_right(told[f"cell.{name}"].to_numpy(), cut, side, bool(plan.variables[name].levels))
    sides = (told[~right], told[right])
    if not (told[f"cell.{name}"] == MISSING).any():
        side = "right" if len(sides[1]) > len(sides[0]) else "left"
    levels = plan.variables[name].levels
    split = {
        "feature": name, "threshold": None if levels else edges_of(name, plan)[cut],
        "level": levels[cut] if levels else None, "missing": side, "gain": gain, "left_out": left_out, "cut": cut,
    }  # fmt: skip
    return split, sides


def _tries(told: pd.DataFrame, name: str, plan: Plan) -> Iterator[tuple[float, float, int, str]]:
    """(gain, score, cut, side of missing values) of every allowed split on a predictor."""
    parameters, levels = plan.parameters, plan.variables[name].levels
    cells, g, h = (told[column].to_numpy() for column in (f"cell.{name}", "g", "h"))
    for cut in range(len(levels) or len(edges_of(name, plan))):
        for side in ("left", "right"):
            right = _is_right(cells, cut, side, bool(levels))
            weights = [h[~right].sum(), h[right].sum()]
            if right.all() or not right.any() or min(weights) < parameters.min_child_weight * (1 - CLOSE):
                continue
            score = g[~right].sum() ** 2 / (weights[0] + parameters.l2) + g[right].sum() ** 2 / (
                weights[1] + parameters.l2
            )
            yield float(score - g.sum() ** 2 / (h.sum() + parameters.l2)), float(score), cut, side


def _is_right(cells: Any, cut: int, missing: str, category: bool) -> Any:
    known = cells == cut if category else cells > cut
    return np.where(cells == MISSING, missing == "right", known)


def _walk(branch: Branch, row: Any) -> float:
    while branch.children:
        split = branch.split
        category = split["level"] is not None
        right = _is_right(row[f"cell.{split['feature']}"], split["cut"], split["missing"], category)
        branch = branch.children[int(right)]
    return branch.value


def _listed(root: Branch, unit: float) -> list[dict[str, Any]]:
    """The nodes level by level, as the recipe numbers them."""
    queue, told = [root], []
    for branch in queue:
        common = {"rows": branch.rows, "weight": float(branch.hessian)}
        if not branch.children:
            told.append({"value": float(unit * branch.value), **common})
            continue
        split = {key: value for key, value in branch.split.items() if key != "cut"}
        told.append({**split, "left": len(queue), "right": len(queue) + 1, **common})
        queue += branch.children
    return told
