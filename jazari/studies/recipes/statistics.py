"""Counts, missing values, mean, variance, histograms and quantiles, by up to two categories.

Only the finest groups are sent, never their sum, so that no margin helps to derive a small group. Round 1
sends counts, sums and histograms; round 2 the squares around the mean of all institutes, which keeps the
variance exact where the mean is far from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel

from jazari.studies.contract import Contract
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Table
from jazari.studies.errors import BadParameters, BelowFloor
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Division, Plan, parse_parameters
from jazari.studies.recipes.statistics_layout import Layout, StatisticsParameters, counts_contract, spread_contract
from jazari.studies.recipes.statistics_local import Groups, divisions, local_counts, local_spread
from jazari.studies.recipes.statistics_result import build_result
from jazari.studies.recipes.statistics_text import describe
from jazari.studies.saying import Sentence

MAX_CELLS = 500_000


@dataclass(frozen=True)
class StatisticsState:
    """``first``: the total of round 1; ``second``: that of round 2, where spread was asked for."""

    done: bool = False
    failure: str = ""
    first: Sums = field(default_factory=dict)
    second: Sums = field(default_factory=dict)


class Statistics:
    """The recipe ``statistics``."""

    name: ClassVar[str] = "statistics"
    title: ClassVar[str] = "Descriptive statistics"
    sources: ClassVar[tuple[str, ...]] = (
        "statistics.py",
        "grouping.py",
        "statistics_layout.py",
        "statistics_local.py",
        "statistics_result.py",
        "statistics_text.py",
    )
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = StatisticsParameters

    def parse(self, values: Mapping[str, Any]) -> StatisticsParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(StatisticsParameters, values, self.name)

    def variables(self, parameters: StatisticsParameters) -> tuple[str, ...]:
        """Studied and grouping variables."""
        return (*parameters.variables, *parameters.by)

    def check(self, plan: Plan) -> None:
        """Histograms need numeric variables, groups need categories, and the whole must stay small."""
        layout = Layout(plan)
        for name in plan.parameters.histograms:
            plan.variable(name, "numeric")
        cells = layout.groups * sum(4 + layout.cells(variable) for variable in layout.studied)
        if cells > MAX_CELLS:
            raise BadParameters(
                f"The parameters ask for {cells} cells and {MAX_CELLS} are allowed: use fewer groups or bins."
            )

    def contracts(
        self, parameters: StatisticsParameters, variables: Mapping[str, AgreedVariable]
    ) -> tuple[Contract, ...]:
        """``counts``, then ``spread`` where asked for."""
        plan = Plan(parameters, variables)
        self.check(plan)
        layout = Layout(plan)
        return (counts_contract(layout), *((spread_contract(layout),) if layout.spread else ()))

    def contract(self, state: StatisticsState, plan: Plan) -> Contract:
        """That of the phase; none of its bounds depends on the totals."""
        return self.contracts(plan.parameters, plan.variables)[-1 if state.first else 0]

    def initial_state(self, _plan: Plan) -> StatisticsState:
        """Nothing known."""
        return StatisticsState()

    def local(self, table: Table, state: StatisticsState, plan: Plan) -> Sums:
        """Round 1: counts, sums and cells. Round 2: squares around the common mean, in the same groups."""
        if table.subjects < plan.floor:
            raise BelowFloor(
                f"The data set has fewer distinct subjects than the study's floor of {plan.floor}: "
                "this institute cannot take part."
            )
        layout = Layout(plan)
        groups = Groups.of(table, layout)
        if state.first:
            return local_spread(table, groups, state.first, layout)
        return local_counts(table, groups, layout)

    def divisions(self, table: Table, _state: StatisticsState, plan: Plan) -> tuple[Division, ...]:
        """Groups, and in them what is missing, present, summed and counted; the same in both rounds."""
        layout = Layout(plan)
        return divisions(table, Groups.of(table, layout), layout)

    def update(self, state: StatisticsState, total: Sums, plan: Plan) -> StatisticsState:
        """Keep the total; done after round 1 unless spread was asked for."""
        if state.first:
            return StatisticsState(done=True, first=state.first, second=total)
        return StatisticsState(done=not Layout(plan).spread, first=total)

    def result(self, state: StatisticsState, plan: Plan) -> dict[str, Any]:
        """Groups with their counts and, per variable, what was asked for."""
        return build_result(Layout(plan), state.first, state.second)

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves, the floor, and which groups name one institute."""
        return describe(Layout(plan), datasets)

    def scales(self, plan: Plan) -> dict[str, float]:
        """Means by the variable's range, variances by its square; shares and counts by 1."""
        scales: dict[str, float] = {}
        for variable in plan.variables.values():
            low, high = variable.lower, variable.upper
            size = max(abs(low), abs(high), 1e-300) if low is not None and high is not None else 1.0
            scales |= {
                f"{variable.name}.mean": size,
                f"{variable.name}.deviation": size,
                f"{variable.name}.variance": size**2,
                f"{variable.name}.quantiles": size,
            }
        return scales
