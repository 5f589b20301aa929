"""One institute's histograms for the open nodes, with every small cell left out.

The floor within one tree. A cell is one bin (level, or missing values) of one predictor among a node's rows.

1. Of each node and predictor, cells with 1 to ``floor`` - 1 subjects are left out, and more of the smallest, until
   all that is left out together stands for at least ``floor`` subjects: the node's own sums are known.
2. A node is split by sums that were released, so rows in cells left out of the predictor that it is split on are
   dropped for the rest of the tree. Hence a node has no or at least ``floor`` subjects here, and so has a leaf.
3. Cells of the two children and of the dropped rows add up to the parent's. So a cell is left out of both children
   unless each of these three has no or at least ``floor`` subjects in it, and what is left out of each of the three
   must reach the floor as in 1. What was left out of the parent stays left out, or the rest of it would follow.

Trees are held to this one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask, Table, distinct_subjects
from jazari.studies.errors import BelowFloor
from jazari.studies.messages import Sums
from jazari.studies.recipes import boosting_loss
from jazari.studies.recipes.boosting_layout import Layout
from jazari.studies.recipes.boosting_trees import SUBJECTS_PER_LEAF, BoostingState, Tree, leaf_value
from jazari.studies.recipes.cells import FEW_VALUES, count_subjects

LEFT, RIGHT, DROPPED, SIDES = 0, 1, 2, 3


@dataclass(frozen=True)
class LocalRows:
    """An institute's rows for a plan. Arrays have one entry for each row that is used."""

    layout: Layout
    table: Table

    @cached_property
    def used(self) -> Mask:
        """Rows of the table that have a response; a few more are left out if only a small group lacks it."""
        used = ~np.isnan(self.layout.targets(self.table)).any(axis=1)
        out = np.unique(self.table.subject[~used])
        if not 0 < out.size < self.layout.plan.floor:
            return np.asarray(used)
        others = np.setdiff1d(np.unique(self.table.subject[used]), out)
        return np.asarray(used & ~np.isin(self.table.subject, others[: self.layout.plan.floor - out.size]))

    @cached_property
    def subject(self) -> Codes:
        """The subject of each row."""
        return self.table.subject[self.used]

    @cached_property
    def targets(self) -> Floats:
        """(rows, outputs)."""
        return self.layout.targets(self.table)[self.used]

    @cached_property
    def cells(self) -> list[Codes]:
        """The cell of each row, for each feature."""
        return [feature.cells(self.table)[self.used] for feature in self.layout.features]

    def check(self) -> None:
        """Raise ``BelowFloor`` when this institute cannot take part."""
        floor, subjects = self.layout.plan.floor, count_subjects(self.subject)
        if subjects < floor:
            raise BelowFloor(
                f"Fewer distinct subjects than the study's floor of {floor} have a response here: "
                "this institute cannot take part."
            )
        if floor > 1 and subjects < SUBJECTS_PER_LEAF * self.layout.leaves:
            raise BelowFloor(
                f"One round of trees needs at least {SUBJECTS_PER_LEAF} subjects here for each leaf: "
                "ask for less depth."
            )
        self._refuse_rare_outcome()

    def _refuse_rare_outcome(self) -> None:
        for column in self.targets.T:
            values, codes = np.unique(column, return_inverse=True)
            subjects = distinct_subjects(codes, self.subject, values.size)
            if values.size <= FEW_VALUES and (subjects < self.layout.plan.floor).any():
                raise BelowFloor(
                    "An outcome occurs in fewer distinct subjects than the study's floor of "
                    f"{self.layout.plan.floor}: this institute cannot take part."
                )

    def margins(self, state: BoostingState) -> Floats:
        """(rows, outputs) after the finished trees."""
        margins = np.tile(np.array(state.base), (self.subject.size, 1))
        for trees in state.trees:
            for output, tree in enumerate(trees):
                margins[:, output] += self._values(tree)
        return margins

    def _values(self, tree: Tree) -> Floats:
        """What a finished tree adds: every row reaches a leaf, also one that was dropped while it grew."""
        node = np.zeros(self.subject.size, dtype=np.int64)
        for index, one in enumerate(tree):
            if one.split is not None:
                node[node == index] = self._children(tree, index, node == index)
        return np.array([leaf_value(one, self.layout) for one in tree])[node]

    def _children(self, tree: Tree, index: int, members: Mask) -> Codes:
        split = tree[index].split
        assert split is not None  # noqa: S101 - callers ask for nodes that are split
        goes_right = self.layout.features[split.feature].goes_right(split.cut, missing=split.missing_right)
        return np.where(goes_right[self.cells[split.feature][members]], split.right, split.left)

    def follow(self, tree: Tree) -> tuple[Codes, dict[int, list[Mask]]]:
        """The node of each row, -1 once dropped, and by node the cells of each feature that are left out."""
        node = np.zeros(self.subject.size, dtype=np.int64)
        whole = np.zeros(self.subject.size, dtype=np.int64)
        nothing = [np.zeros(feature.bins + 1, dtype=np.bool_) for feature in self.layout.features]
        closed = {0: self._closed(whole, np.ones(self.subject.size, dtype=np.bool_), nothing)}
        for index, one in enumerate(tree):
            if one.split is None:
                continue
            members = node == index
            after = self._children(tree, index, members)
            after[closed[index][one.split.feature][self.cells[one.split.feature][members]]] = -1
            node[members] = after
            side = np.select([after == one.split.left, after == one.split.right], [LEFT, RIGHT], DROPPED)
            closed[one.split.left] = closed[one.split.right] = self._closed(side, members, closed[index])
        return node, closed

    def _closed(self, side: Codes, members: Mask, before: list[Mask]) -> list[Mask]:
        floor, subject = self.layout.plan.floor, self.subject[members]
        return [leave_out(side, cells[members], subject, mask, floor)
                for cells, mask in zip(self.cells, before, strict=True)]  # fmt: skip


def leave_out(side: Codes, cell: Codes, subject: Codes, before: Mask, floor: int) -> Mask:
    """Which cells (cells,) to leave out of all sides: those of ``before``, small ones, and what protects them.

    ``side``, ``cell`` and ``subject`` hold one index per row. Afterwards, on each side, what is left out and every
    other cell have no or at least ``floor`` subjects, if the side as a whole has.
    """
    size = before.size
    subjects = distinct_subjects(side * size + cell, subject, SIDES * size).reshape(SIDES, size)
    closed = before | ((subjects > 0) & (subjects < floor)).any(axis=0)
    order = [int(place) for place in np.argsort(subjects.sum(axis=0), kind="stable")]
    while True:
        inside = closed[cell]
        behind = distinct_subjects(np.where(inside, side, -1), subject, SIDES)
        needy = np.flatnonzero((behind > 0) & (behind < floor))
        more = [place for place in order if not closed[place] and subjects[needy, place].any()]
        if not more:
            return np.asarray(closed)
        closed[more[0]] = True


def base_sums(rows: LocalRows) -> Sums:
    """Outputs and evidence of round 1."""
    return _counts(rows) | {
        "response": rows.targets.sum(axis=0),
        "all.rows": np.array(rows.table.rows),
        "all.hidden": np.array(count_subjects(rows.table.subject[~rows.used])),
    }


def loss_sums(rows: LocalRows, state: BoostingState) -> Sums:
    """Outputs of the last round: the loss after all trees."""
    values = boosting_loss.losses(rows.layout.parameters.task, rows.margins(state), rows.targets)
    return _counts(rows) | {"loss": np.array(values.sum())}


def histogram_sums(rows: LocalRows, state: BoostingState) -> Sums:
    """Outputs and evidence of a level of the growing trees."""
    task, margins = rows.layout.parameters.task, rows.margins(state)
    gradient, hessian = boosting_loss.gradients(task, margins, rows.targets)
    sums: Sums = {}
    if state.phase == "root":
        values = boosting_loss.losses(task, margins, rows.targets)
        sums = _counts(rows) | {"loss": np.array(values.sum()), "gradient": gradient.sum(axis=0)}
        sums |= {} if task == "regression" else {"hessian": hessian.sum(axis=0)}
    followed = [rows.follow(tree) for tree in state.growing]
    parts = [_node_sums(rows, *followed[output], index, gradient[:, output], hessian[:, output])
             for output, index in state.open_nodes()]  # fmt: skip
    return sums | {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def _counts(rows: LocalRows) -> Sums:
    return {"rows": np.array(rows.subject.size), "subjects": np.array(count_subjects(rows.subject))}


def _node_sums(
    rows: LocalRows, node: Codes, closed: dict[int, list[Mask]], index: int, gradient: Floats, hessian: Floats
) -> Sums:
    members = np.flatnonzero(node == index)
    subject = rows.subject[members]
    sums: Sums = {"node.rows": np.array(members.size), "node.subjects": np.array(count_subjects(subject))}
    for feature, cells, mask in zip(rows.layout.features, rows.cells, closed[index], strict=True):
        name, size, cell = feature.name, feature.bins + 1, cells[members]
        hidden = mask[cell]
        told = members[~hidden]
        behind = count_subjects(subject[hidden])
        sums |= {
            f"{name}.rows": np.bincount(cells[told], minlength=size),
            f"{name}.gradient": np.bincount(cells[told], gradient[told], size).astype(np.float64),
            f"{name}.left_out": np.array(int(behind > 0)),
            f"{name}.subjects": distinct_subjects(np.where(hidden, -1, cell), subject, size),
            f"{name}.hidden": np.array(behind),
        }
        if rows.layout.parameters.task != "regression":
            sums[f"{name}.hessian"] = np.bincount(cells[told], hessian[told], size).astype(np.float64)
    return sums
