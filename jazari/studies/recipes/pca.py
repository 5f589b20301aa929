"""Principal components: the directions in which several numeric variables vary most, exact.

Round 1 sends sums, round 2 squares and products around the mean of all institutes; the components are the
eigenvectors of the covariance (or correlation) matrix that follows (Jolliffe, Principal Component Analysis,
2nd edition, chapters 1 to 3), the same as on all rows in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jazari.studies.contract import Contract
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Floats, Table
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Plan, parse_parameters
from jazari.studies.recipes.numeric_moments import (
    Moments,
    Ranges,
    after_means,
    after_spread,
    local_means,
    local_spread,
    means_contract,
    spread_contract,
    unusable_variable,
)
from jazari.studies.recipes.numeric_rows import SUBJECTS_PER_PARAMETER, choose_rows, complete_data_sets, rare_values
from jazari.studies.saying import Sentence, names, worded

TIED = 1e-6
"""Loadings this close, relative to the largest, count as equally large: the first of them is made positive."""


class PcaParameters(BaseModel):
    """``scale``: ``correlation`` divides each variable by its deviation first, ``covariance`` does not."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    variables: tuple[str, ...] = Field(min_length=2, max_length=200)
    components: int = Field(default=2, ge=1, le=200)
    scale: Literal["correlation", "covariance"] = "correlation"

    @model_validator(mode="after")
    def _sound(self) -> PcaParameters:
        if len(set(self.variables)) != len(self.variables):
            raise ValueError("a variable is listed twice")
        if self.components > len(self.variables):
            raise ValueError("there are no more components than variables")
        return self


@dataclass(frozen=True)
class PcaState:
    """``moments`` so far, of which the mean is known after round 1 and the covariance after round 2.

    ``variances`` (variables,), falling, and ``directions`` (variables, variables), one a column, then follow.
    """

    done: bool = False
    moments: Moments = field(default_factory=Moments)
    failure: str = ""
    variances: Floats = field(default_factory=lambda: np.zeros(0))
    directions: Floats = field(default_factory=lambda: np.zeros((0, 0)))


class Pca:
    """The recipe ``pca``.

    Protected: an institute sends sums over all its complete rows alone, of at least ``floor`` subjects, never
    over a group. Variables with at most three values at an institute are sums of counts, so rows with a value
    (or a pair of values of two such variables) of fewer subjects are left out, and if the rows left out were
    fewer subjects than the floor, more are. Sums and products together hold as much as a linear model: with
    fewer than 3 subjects for each variable and the mean an institute takes no part (unless the floor is 1).
    Not protected: a mean, variance or correlation that many subjects share says what it says.
    """

    name: ClassVar[str] = "pca"
    title: ClassVar[str] = "Principal components"
    sources: ClassVar[tuple[str, ...]] = ("pca.py", "numeric_rows.py", "numeric_moments.py")
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = PcaParameters

    def parse(self, values: Mapping[str, Any]) -> PcaParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(PcaParameters, values, self.name)

    def variables(self, parameters: PcaParameters) -> tuple[str, ...]:
        """Those whose components are asked for."""
        return parameters.variables

    def check(self, plan: Plan) -> None:
        """All variables are numbers with an agreed range."""
        ranges_of(plan)

    def contracts(self, parameters: PcaParameters, variables: Mapping[str, AgreedVariable]) -> tuple[Contract, ...]:
        """``means``, then ``spread``, whose bounds depend on the means and are open here."""
        ranges = ranges_of(Plan(parameters, variables))
        return (means_contract(ranges), spread_contract(ranges, None, products=True))

    def contract(self, state: PcaState, plan: Plan) -> Contract:
        """That of the phase, with its bounds."""
        ranges = ranges_of(plan)
        if not state.moments.centred:
            return means_contract(ranges)
        return spread_contract(ranges, state.moments.mean, products=True)

    def initial_state(self, _plan: Plan) -> PcaState:
        """Nothing known."""
        return PcaState()

    def local(self, table: Table, state: PcaState, plan: Plan) -> Sums:
        """Sums over the rows that may be used; raises ``BelowFloor`` when this institute cannot take part."""
        ranges = ranges_of(plan)
        chosen = choose_rows(table, ranges.names, plan.floor, 1 + len(ranges.names))
        if not state.moments.centred:
            return local_means(ranges, chosen)
        return local_spread(ranges, state.moments.mean, chosen, products=True)

    def update(self, state: PcaState, total: Sums, plan: Plan) -> PcaState:
        """The means after round 1, the components after round 2."""
        ranges = ranges_of(plan)
        if not state.moments.centred:
            moments = after_means(ranges, total)
            return PcaState(moments=moments, failure=moments.failure)
        moments = after_spread(ranges, state.moments, total)
        return _decompose(replace(state, moments=moments, failure=moments.failure), ranges, plan)

    def result(self, state: PcaState, plan: Plan) -> dict[str, Any]:
        """Components with loadings (unit vectors over the centred, and scaled if asked, variables)."""
        moments, names = state.moments, plan.parameters.variables
        shares = state.variances / state.variances.sum()
        components = [
            {
                "variance": float(state.variances[place]),
                "share": float(shares[place]),
                "loadings": dict(zip(names, state.directions[:, place].tolist(), strict=True)),
            }
            for place in range(plan.parameters.components)
        ]
        return {
            "rows": moments.rows,
            "subjects": moments.subjects,
            "scale": plan.parameters.scale,
            "means": dict(zip(names, moments.mean.tolist(), strict=True)),
            "deviations": dict(zip(names, moments.deviation.tolist(), strict=True)),
            "total_variance": float(state.variances.sum()),
            "components": components,
        }

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves in plain sentences."""
        listed = names(plan.parameters.variables)
        return [
            complete_data_sets(len(datasets), listed),
            worded(
                "Sums, squares and all products of two of {variables} over those rows, in 2 rounds: whoever reads "
                "the total computes means, deviations and correlations from them.",
                variables=listed,
            ),
            rare_values(SUBJECTS_PER_PARAMETER * (1 + len(listed.items))),
        ]

    def scales(self, plan: Plan) -> dict[str, float]:
        """Means and deviations by the size of the range; variances of covariances by its square; the rest by 1."""
        scales: dict[str, float] = {}
        for variable in plan.variables.values():
            size = max(abs(variable.lower or 0.0), abs(variable.upper or 0.0))
            scales |= {f"means.{variable.name}": size, f"deviations.{variable.name}": size}
        return scales


def ranges_of(plan: Plan) -> Ranges:
    """The agreed ranges; raises ``BadParameters``."""
    return Ranges.of(plan, plan.parameters.variables)


def _decompose(state: PcaState, ranges: Ranges, plan: Plan) -> PcaState:
    if state.failure:
        return state
    matrix = state.moments.covariance
    if plan.parameters.scale == "correlation":
        problem = unusable_variable(plan, ranges, state.moments)
        if problem:
            return replace(state, failure=problem)
        matrix = matrix / np.outer(state.moments.deviation, state.moments.deviation)
        np.fill_diagonal(matrix, 1.0)
    if not np.diag(matrix).any():
        return replace(state, failure="No variable varies: ask for other variables.")
    values, vectors = np.linalg.eigh(matrix)
    variances, directions = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    return replace(state, done=True, variances=variances, directions=directions * _signs(directions))


def _signs(directions: Floats) -> Floats:
    """What makes the largest loading of each column positive, the first one where several are as large."""
    sizes = np.abs(directions)
    first = (sizes >= sizes.max(axis=0) * (1 - TIED)).argmax(axis=0)
    return np.where(directions[first, np.arange(directions.shape[1])] < 0, -1.0, 1.0)
