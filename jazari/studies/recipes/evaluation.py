"""How well a published model predicts at each institute: errors, accuracy, AUC and calibration, by group.

One round. The model's file, named by its SHA-256 in the study, is applied to each institute's rows where they are; only
counts of cells and sums over them leave. Institutes are not told apart: that would undo adding them up. Where a
region matters, the data have it as a category, which ``by`` can name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel

from jazari.studies.contract import Contract
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Table
from jazari.studies.messages import Sums
from jazari.studies.portable.words import FILE_NAME
from jazari.studies.recipes.base import InputFile, Plan, parse_parameters
from jazari.studies.recipes.evaluation_layout import EvaluationParameters, Layout, contract_of
from jazari.studies.recipes.evaluation_local import local_sums
from jazari.studies.recipes.evaluation_result import build_result
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.saying import Names, Sentence, Value, figure, names, worded


@dataclass(frozen=True)
class EvaluationState:
    """``total``: what all institutes counted, once they have."""

    done: bool = False
    failure: str = ""
    total: Sums = field(default_factory=dict)


class Evaluation:
    """The recipe ``evaluation``.

    What is protected: a cell (of a group: true class and bin of score, true and predicted class, or the whole group)
    is told only if at least ``floor`` distinct subjects are in it; whatever is left out of a group, and of all rows,
    stands for as many. Sums of errors or scores need three subjects each, and are left out where few distinct values
    would give away how many subjects have which. Rows without outcome or prediction are never told apart.
    """

    name: ClassVar[str] = "evaluation"
    title: ClassVar[str] = "How well a published model predicts"
    sources: ClassVar[tuple[str, ...]] = (
        "evaluation.py", "grouping.py", "evaluation_layout.py", "evaluation_local.py", "evaluation_result.py",
        "portable/__init__.py", "portable/files.py", "portable/kinds.py", "portable/linear.py", "portable/model.py",
        "portable/network.py", "portable/prediction.py", "portable/trees.py", "portable/words.py",
        "fedavg_inputs.py", "fedavg_model.py", "fedavg_network.py", "fedavg_text.py",
    )  # fmt: skip
    same_institutes: ClassVar[bool] = False
    Parameters: ClassVar[type[BaseModel]] = EvaluationParameters

    def parse(self, values: Mapping[str, Any]) -> EvaluationParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(EvaluationParameters, values, self.name)

    def variables(self, parameters: EvaluationParameters) -> tuple[str, ...]:
        """The model's inputs, the response and the groups; a variable may be input and group."""
        return tuple(dict.fromkeys((*parameters.inputs, parameters.response, *parameters.by)))

    def input_files(self, parameters: EvaluationParameters) -> tuple[InputFile, ...]:
        """The model's file."""
        return (InputFile(parameters.model, FILE_NAME, parameters.sha256),)

    def check(self, plan: Plan) -> None:
        """The response fits the task, groups are categories, and the whole stays small."""
        Layout(plan).check()

    def contracts(
        self, parameters: EvaluationParameters, variables: Mapping[str, AgreedVariable]
    ) -> tuple[Contract, ...]:
        """The one contract; all its bounds are known."""
        plan = Plan(parameters, variables)
        self.check(plan)
        return (contract_of(Layout(plan)),)

    def contract(self, _state: EvaluationState, plan: Plan) -> Contract:
        """The same in the only round."""
        return contract_of(Layout(plan))

    def initial_state(self, _plan: Plan) -> EvaluationState:
        """Nothing counted."""
        return EvaluationState()

    def local(self, table: Table, _state: EvaluationState, plan: Plan) -> Sums:
        """Apply the model to the rows and count; raises ``BelowFloor``, or what is wrong with the model's file."""
        return local_sums(table, Layout(plan))

    def update(self, _state: EvaluationState, total: Sums, plan: Plan) -> EvaluationState:
        """Done; a failure where no institute could tell anything."""
        del plan
        failure = "" if total["rows"].any() else "No cell has enough subjects anywhere: use fewer bins or groups."
        return EvaluationState(done=True, failure=failure, total=total)

    def result(self, state: EvaluationState, plan: Plan) -> dict[str, Any]:
        """Figures for all rows and each group."""
        return build_result(Layout(plan), state.total)

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves, in plain sentences."""
        layout = Layout(plan)
        return [
            worded(
                "The model {model} is applied to the rows here; no prediction of a single row leaves.",
                model=plan.parameters.model,
            ),
            _TOLD[plan.parameters.task](layout),
            *(sentence for v in layout.grouping for sentence in levels_of_one(v.name, datasets)),
        ]

    def scales(self, plan: Plan) -> dict[str, float]:
        """Errors by the range of the response; shares by 1."""
        low, high = plan.variable(plan.parameters.response).lower, plan.variable(plan.parameters.response).upper
        width = high - low if low is not None and high is not None else 1.0
        return dict.fromkeys(("mean_error", "mean_absolute_error", "root_mean_squared_error", "response_mean"), width)


def _groups(layout: Layout) -> Names | None:
    return names((variable.name for variable in layout.grouping), " and ") if layout.grouping else None


def _errors(layout: Layout) -> Sentence:
    groups, (low, high) = _groups(layout), layout.predicted
    values: dict[str, Value] = {"response": layout.parameters.response, "low": figure(low), "high": figure(high)}
    if groups is None:
        return worded(
            "How many rows have a prediction and a {response}, and the sums of the errors, their absolute values and "
            "squares, and of {response} and its squares. Predictions are limited to {low} to {high}.",
            **values,
        )
    return worded(
        "How many rows have a prediction and a {response} in each {groups}, and the sums of the errors, their absolute "
        "values and squares, and of {response} and its squares. Predictions are limited to {low} to {high}.",
        groups=groups,
        **values,
    )


def _scores(layout: Layout) -> Sentence:
    response, groups = layout.parameters.response, _groups(layout)
    if groups is None:
        return worded(
            "How many rows with and without the event in {response} have a score in each of {bins} bins, and the sums "
            "of the scores and of their squared distances from the outcome.",
            response=response,
            bins=layout.bins,
        )
    return worded(
        "How many rows with and without the event in {response} have a score in each of {bins} bins in each {groups}, "
        "and the sums of the scores and of their squared distances from the outcome.",
        response=response,
        bins=layout.bins,
        groups=groups,
    )


def _classes(layout: Layout) -> Sentence:
    response, groups = layout.parameters.response, _groups(layout)
    if groups is None:
        return worded(
            "How many rows of each class of {response} are predicted as each class, and the sums of the largest scores "
            "and of the squared distances of the scores from the outcome.",
            response=response,
        )
    return worded(
        "How many rows of each class of {response} are predicted as each class in each {groups}, and the sums of the "
        "largest scores and of the squared distances of the scores from the outcome.",
        response=response,
        groups=groups,
    )


_TOLD = {"regression": _errors, "binary": _scores, "multiclass": _classes}
