"""Counts, means and histograms by up to two categories, with noise that hides any one subject.

Each institute's guard adds its own full noise to its own sums, so that nobody has to be trusted; the noise of n
institutes adds up to n times the variance. What is released never depends on the data but for the noisy numbers:
every agreed group and cell is told, so there is no floor on cells. Sums are taken on a grid of whole numbers,
centred on the middle of the declared range, which halves what one row can change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

from pydantic import BaseModel

from jazari.studies.contract import Contract
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Table
from jazari.studies.errors import BadParameters, BelowFloor
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Plan, parse_parameters
from jazari.studies.recipes.private_statistics_layout import (
    MAX_FIGURES,
    PrivateStatisticsParameters,
    bounds,
    private_contract,
    shapes,
)
from jazari.studies.recipes.private_statistics_local import plain_sums
from jazari.studies.recipes.private_statistics_result import build_result
from jazari.studies.recipes.private_statistics_text import describe
from jazari.studies.recipes.statistics_layout import Layout
from jazari.studies.saying import Sentence


@dataclass(frozen=True)
class PrivateStatisticsState:
    """``total``: the noisy total of the one round."""

    done: bool = False
    failure: str = ""
    total: Sums = field(default_factory=dict)


class PrivateStatistics:
    """The recipe ``private-statistics``.

    Protected: one subject at one institute, all its rows, by epsilon and delta of the parameters. The floor applies
    to the data set as a whole, whose number of subjects its card tells.
    """

    name: ClassVar[str] = "private-statistics"
    title: ClassVar[str] = "Descriptive statistics with noise under a privacy budget"
    sources: ClassVar[tuple[str, ...]] = (
        "private_statistics.py",
        "private_statistics_layout.py",
        "private_statistics_local.py",
        "private_statistics_result.py",
        "private_statistics_text.py",
        "grouping.py",
        "statistics_layout.py",
    )
    libraries: ClassVar[tuple[str, ...]] = ("opendp",)
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = PrivateStatisticsParameters

    def parse(self, values: Mapping[str, Any]) -> PrivateStatisticsParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(PrivateStatisticsParameters, values, self.name)

    def variables(self, parameters: PrivateStatisticsParameters) -> tuple[str, ...]:
        """Studied and grouping variables."""
        return (*parameters.variables, *parameters.by)

    def check(self, plan: Plan) -> None:
        """Numeric variables need a declared range, and the figures must be few enough to draw noise for."""
        layout = Layout(plan)
        for name in plan.parameters.histograms:
            plan.variable(name, "numeric")
        for variable in layout.studied:
            if variable.kind == "numeric":
                bounds(variable)
        figures = sum(prod(shape) for shape in shapes(layout).values())
        if figures > MAX_FIGURES:
            raise BadParameters(
                f"The parameters ask for {figures} figures and {MAX_FIGURES} are allowed: use fewer groups or bins."
            )
        private_contract(layout)

    def contracts(
        self, parameters: PrivateStatisticsParameters, variables: Mapping[str, AgreedVariable]
    ) -> tuple[Contract, ...]:
        """``noisy``, the one phase; its bounds here are those for the largest table there may be."""
        plan = Plan(parameters, variables)
        self.check(plan)
        return (private_contract(Layout(plan)),)

    def contract(self, _state: PrivateStatisticsState, plan: Plan) -> Contract:
        """The one phase, with bounds for the largest table of the study."""
        return private_contract(Layout(plan))

    def initial_state(self, _plan: Plan) -> PrivateStatisticsState:
        """Nothing known."""
        return PrivateStatisticsState()

    def local(self, table: Table, _state: PrivateStatisticsState, plan: Plan) -> Sums:
        """Plain sums over the first rows of each subject, and the most that a subject contributes to each."""
        if table.subjects < plan.floor:
            raise BelowFloor(
                f"The data set has fewer distinct subjects than the study's floor of {plan.floor}: "
                "this institute cannot take part."
            )
        return plain_sums(table, Layout(plan))

    def update(self, _state: PrivateStatisticsState, total: Sums, _plan: Plan) -> PrivateStatisticsState:
        """Keep the total; done."""
        return PrivateStatisticsState(done=True, total=total)

    def result(self, state: PrivateStatisticsState, plan: Plan) -> dict[str, Any]:
        """What noise was added, then groups with their figures."""
        return build_result(Layout(plan), state.total)

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves, what epsilon promises, and which groups name one institute."""
        return describe(Layout(plan), datasets)

    def scales(self, _plan: Plan) -> dict[str, float]:
        """None: estimates are compared in standard errors of their noise."""
        return {}
