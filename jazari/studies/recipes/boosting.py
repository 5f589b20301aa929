"""Histogram gradient boosting: the trees that all rows in one place would give, under the same bins and floor.

Round 1 sends the mean of the response. Then each level of each tree is one round: of every open node, and of each
bin of each predictor, how many rows there are and their sums of gradient and hessian (Chen and Guestrin, XGBoost,
KDD 2016). All institutes choose the splits from the totals. A last round sends the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from jazari.studies.contract import Contract, Output, Partition
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Table
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Plan, parse_parameters
from jazari.studies.recipes.boosting_layout import BoostingParameters, Feature, Layout
from jazari.studies.recipes.boosting_local import LocalRows, base_sums, histogram_sums, loss_sums
from jazari.studies.recipes.boosting_loss import LARGEST_HESSIAN, gradient_bounds, largest_loss
from jazari.studies.recipes.boosting_result import build_result
from jazari.studies.recipes.boosting_trees import (
    SUBJECTS_PER_LEAF,
    BoostingState,
    after_base,
    after_histograms,
    after_loss,
    margin_range,
)
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.saying import Sentence, names, worded, worded_many


class Boosting:
    """The recipe ``boosting``.

    Protected, at each institute: every cell, node and leaf of a tree stands for no or at least ``floor`` subjects,
    and so does what follows from the cells of one tree by subtraction (``boosting_local`` says how). A class of the
    response with fewer subjects refuses the institute. All trees together may have at most a third as many leaves
    as there are subjects at all institutes, and one round's at most a third as many as at each institute.

    Not protected: of the subjects in a cell, how many have which class follows from its sums, also if few or all
    do; and the same cell of two trees with almost equal nodes may differ by few subjects.
    """

    name: ClassVar[str] = "boosting"
    title: ClassVar[str] = "Gradient boosted trees"
    sources: ClassVar[tuple[str, ...]] = (
        "boosting.py",
        "boosting_layout.py",
        "boosting_local.py",
        "boosting_loss.py",
        "boosting_model.py",
        "boosting_result.py",
        "boosting_trees.py",
    )
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = BoostingParameters

    def parse(self, values: Mapping[str, Any]) -> BoostingParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(BoostingParameters, values, self.name)

    def variables(self, parameters: BoostingParameters) -> tuple[str, ...]:
        """Predictors and the response."""
        return (*parameters.predictors, parameters.response)

    def check(self, plan: Plan) -> None:
        """The response fits the task, every predictor has bins, and a round stays small."""
        Layout(plan).check()

    def contracts(
        self, parameters: BoostingParameters, variables: Mapping[str, AgreedVariable]
    ) -> tuple[Contract, ...]:
        """Each phase; ``level`` at its largest, with as many open nodes as the deepest level can have."""
        plan = Plan(parameters, variables)
        self.check(plan)
        layout = Layout(plan)
        nodes = layout.leaves // 2
        phases = [("base", 0), ("root", layout.outputs), *([("level", nodes)] if parameters.depth > 1 else [])]
        return tuple(_contract(layout, phase, open_nodes, None) for phase, open_nodes in (*phases, ("loss", 0)))

    def contract(self, state: BoostingState, plan: Plan) -> Contract:
        """That of the phase, for the nodes that are open, with bounds that follow from the leaves so far."""
        layout = Layout(plan)
        margins = margin_range(state, layout) if state.base else (0.0, 0.0)
        return _contract(layout, state.phase, len(state.open_nodes()), margins)

    def initial_state(self, _plan: Plan) -> BoostingState:
        """Before the mean of the response is known."""
        return BoostingState()

    def local(self, table: Table, state: BoostingState, plan: Plan) -> Sums:
        """Sums over the rows that have a response; raises ``BelowFloor`` when this institute cannot take part."""
        rows = LocalRows(Layout(plan), table)
        rows.check()
        if state.phase == "base":
            return base_sums(rows)
        return loss_sums(rows, state) if state.phase == "loss" else histogram_sums(rows, state)

    def update(self, state: BoostingState, total: Sums, plan: Plan) -> BoostingState:
        """Choose the splits of the level, and the next tree when none is left to split."""
        if state.phase == "base":
            return after_base(Layout(plan), total)
        return after_loss(state, total) if state.phase == "loss" else after_histograms(Layout(plan), state, total)

    def result(self, state: BoostingState, plan: Plan) -> dict[str, Any]:
        """The whole model: features, trees, what they start from, and the training loss."""
        return build_result(Layout(plan), state)

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves in plain sentences."""
        layout, parameters = Layout(plan), plan.parameters
        return [
            worded("How many rows and subjects have a value of {response}, and its mean or each class's share.",
                response=parameters.response),
            _tree_sums(layout),
            worded("The sums of a bin tell the mean response of its subjects.") if parameters.task == "regression" else
            worded("The sums of a bin tell how many of its subjects have which outcome, also when few or all have it."),
            worded("Bins with few subjects are left out of a tree. The floor holds within each tree; the same bin of "
                "two trees whose groups are almost equal may differ by fewer subjects."),
            worded("All trees have at most one leaf for {subjects} subjects, and the result holds them all.",
                subjects=SUBJECTS_PER_LEAF),
            *(sentence for f in layout.features if f.levels for sentence in levels_of_one(f.name, datasets)),
        ]  # fmt: skip

    def scales(self, plan: Plan) -> dict[str, float]:
        """Leaves and the start by the response's unit; losses by its square; gains and the rest by 1."""
        unit = Layout(plan).unit
        return {"value": unit, "base": unit, "training_loss": unit**2}


def _tree_sums(layout: Layout) -> Sentence:
    parameters = layout.parameters
    return worded_many(
        "In up to {count} rounds, for groups of rows that the trees so far make: how many rows are in each of {bins} "
        "bins of {predictors}, and how far the model is off there in sum.",
        parameters.trees * parameters.depth,
        bins=sum(feature.bins + 1 for feature in layout.features),
        predictors=names(parameters.predictors),
    )


def _contract(layout: Layout, phase: str, nodes: int, margins: tuple[float, float] | None) -> Contract:
    outputs: list[Output] = []
    evidence: list[Output] = []
    partitions: list[Partition] = []
    if phase in ("base", "root", "loss"):
        outputs += [_count("rows", (), "subjects"), _count("subjects", (), "subjects")]
    if phase in ("root", "loss"):
        most = None if margins is None else largest_loss(layout.parameters.task, *margins, layout.outputs)
        outputs.append(Output(name="loss", lower=0.0, upper=most, per="rows", subjects="subjects"))
    if phase == "base":
        outputs.append(Output(name="response", shape=(layout.outputs,), lower=0.0, upper=1.0, per="rows",
                              subjects=None))  # fmt: skip
        evidence = [_count("all.rows"), _count("all.hidden")]
        partitions = [Partition(parts=("rows",), whole="all.rows", hidden="all.hidden")]
    if phase == "root":
        outputs += _slopes(layout, "gradient", "hessian", (layout.outputs,), "rows", None, margins)
    if phase in ("root", "level"):
        evidence += [_count("node.rows", (nodes,), "node.subjects"), _count("node.subjects", (nodes,))]
    for feature in layout.features if phase in ("root", "level") else ():
        told, seen, divided = _feature_contract(layout, feature, nodes, margins)
        outputs, evidence, partitions = outputs + told, evidence + seen, [*partitions, divided]
    return Contract(phase=phase, outputs=tuple(outputs), evidence=tuple(evidence), partitions=tuple(partitions))


def _feature_contract(
    layout: Layout, feature: Feature, nodes: int, margins: tuple[float, float] | None
) -> tuple[list[Output], list[Output], Partition]:
    name, shape = feature.name, (nodes, feature.bins + 1)
    rows, subjects, hidden = f"{name}.rows", f"{name}.subjects", f"{name}.hidden"
    outputs = [
        _count(rows, shape, subjects),
        *_slopes(layout, f"{name}.gradient", f"{name}.hessian", shape, rows, subjects, margins),
        Output(name=f"{name}.left_out", shape=(nodes,), dtype="int64", lower=0, upper=1),
    ]
    evidence = [_count(subjects, shape), _count(hidden, (nodes,), hidden)]
    return outputs, evidence, Partition(parts=(rows,), whole="node.rows", hidden=hidden)


def _slopes(
    layout: Layout, gradient: str, hessian: str, shape: tuple[int, ...], per: str, subjects: str | None,
    margins: tuple[float, float] | None,
) -> list[Output]:  # fmt: skip
    """Sums of gradient and hessian; the hessian of a regression is the number of rows and not sent again."""
    task = layout.parameters.task
    low, high = (None, None) if margins is None else gradient_bounds(task, *margins)
    told = [Output(name=gradient, shape=shape, lower=low, upper=high, per=per, subjects=subjects)]
    if task != "regression":
        told.append(
            Output(name=hessian, shape=shape, lower=0.0, upper=LARGEST_HESSIAN[task], per=per, subjects=subjects)
        )
    return told


def _count(name: str, shape: tuple[int, ...] = (), subjects: str | None = None) -> Output:
    return Output(name=name, shape=shape, dtype="int64", lower=0, subjects=subjects)
