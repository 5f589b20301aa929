"""Generalised linear models, gaussian and binomial, exact: the same coefficients as on all rows in one place.

Round 1 sends moments and counts of levels (asked for once more where a mean is far from 0), each further
round the gradient and information of the log-likelihood at coefficients that follow from the totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel

from jazari.studies.contract import Contract, Output
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Floats, Table
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Division, Plan, parse_parameters
from jazari.studies.recipes.glm_bounds import Largest, centre_of, reach_of
from jazari.studies.recipes.glm_design import (
    SUBJECTS_PER_COLUMN,
    Design,
    GlmParameters,
    LocalDesign,
    Rows,
    count_output,
    row_counts,
    rows_of_levels,
)
from jazari.studies.recipes.glm_result import build_result
from jazari.studies.recipes.glm_solve import GlmState, after_moments, after_newton, start
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.saying import Sentence, names, worded

LARGEST_WEIGHT = {"gaussian": 1.0, "binomial": 0.25}


class Glm:
    """The recipe ``glm``."""

    name: ClassVar[str] = "glm"
    title: ClassVar[str] = "Linear and logistic models"
    sources: ClassVar[tuple[str, ...]] = (
        "glm.py", "glm_bounds.py", "glm_design.py", "glm_solve.py", "glm_result.py", "distributions.py",
    )  # fmt: skip
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = GlmParameters

    def parse(self, values: Mapping[str, Any]) -> GlmParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(GlmParameters, values, self.name)

    def variables(self, parameters: GlmParameters) -> tuple[str, ...]:
        """Predictors and responses."""
        return (*parameters.predictors, *parameters.responses)

    def check(self, plan: Plan) -> None:
        """Responses fit the family and the model is not too large."""
        Design(plan).check()

    def contracts(self, parameters: GlmParameters, variables: Mapping[str, AgreedVariable]) -> tuple[Contract, ...]:
        """``moments``, then ``newton``, whose bounds depend on the moments and are open here."""
        plan = Plan(parameters, variables)
        self.check(plan)
        design = Design(plan)
        return (_moments_contract(design, None), _newton_contract(design, None))

    def contract(self, state: GlmState, plan: Plan) -> Contract:
        """That of the phase, with the bounds that follow from the agreed ranges and the moments so far."""
        design = Design(plan)
        if state.phase == "moments":
            return _moments_contract(design, state)
        return _newton_contract(design, Largest.of(design, state))

    def initial_state(self, plan: Plan) -> GlmState:
        """Before the moments."""
        return start(Design(plan))

    def local(self, table: Table, state: GlmState, plan: Plan) -> Sums:
        """Sums over the rows that may be used; raises ``BelowFloor`` when this institute cannot take part."""
        local = LocalDesign(Design(plan), table)
        rows = local.choose()
        sums = local.counts(rows)
        return sums | (_moments(local, rows, state) if state.phase == "moments" else _newton(local, rows, state))

    def divisions(self, table: Table, _state: GlmState, plan: Plan) -> tuple[Division, ...]:
        """The rows used, by each factor and outcome and by pairs of them: products of columns are sums over these."""
        local = LocalDesign(Design(plan), table)
        return local.divisions(local.choose().used)

    def update(self, state: GlmState, total: Sums, plan: Plan) -> GlmState:
        """Scale and choose columns after the moments, then Newton steps until they vanish."""
        design = Design(plan)
        return after_moments(design, state, total) if state.phase == "moments" else after_newton(design, state, total)

    def result(self, state: GlmState, plan: Plan) -> dict[str, Any]:
        """Coefficients in the variables' own units."""
        return build_result(Design(plan), state)

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves in plain sentences."""
        parameters, design = plan.parameters, Design(plan)
        predictors, responses = names(parameters.predictors), names(parameters.responses)
        return [
            worded(
                "How many rows and subjects have no missing value in {predictors} and {responses}.",
                predictors=predictors,
                responses=responses,
            ),
            worded(
                "Sums, squares and products of {predictors}, and their products with {responses} (with the "
                "residuals of the model so far), over those rows, in up to {rounds} rounds.",
                predictors=predictors,
                responses=responses,
                rounds=parameters.max_iterations + 2,
            ),
            *(rows_of_levels(v.name) for v in design.categories),
            *(
                worded(
                    "Whether rows of each declared level of {name} are used at all (rare and absent look the same).",
                    name=v.name,
                )
                for v in design.categories
            ),
            worded(
                "Rows of a rare level are left out, and {subjects} subjects a coefficient are needed.",
                subjects=SUBJECTS_PER_COLUMN,
            ),
            *(sentence for v in design.categories for sentence in levels_of_one(v.name, datasets)),
        ]

    def scales(self, _plan: Plan) -> dict[str, float]:
        """Coefficients are compared relative to their standard error (see ``pooled``); the rest by 1."""
        return {}


def _moments_contract(design: Design, state: GlmState | None) -> Contract:
    outputs, rest = row_counts()
    width = reach_of(design, state)
    shape = (len(design.numeric),)
    outputs += [
        Output(name="sum", shape=shape, lower=None if width is None else -width, upper=width, per="rows",
               subjects=None),
        Output(name="squares", shape=shape, lower=0.0, upper=None if width is None else width**2, per="rows"),
        *(count_output(f"levels.{v.name}", (len(v.levels),), None) for v in design.categories),
        *(Output(name=f"left_out.{v.name}", shape=(len(v.levels),), dtype="int64", lower=0, upper=1)
          for v in design.categories),
    ]  # fmt: skip
    if design.plan.parameters.family == "binomial":
        outputs.append(count_output("positive", (), None))
    return Contract(phase="moments", outputs=tuple(outputs), **rest)


def _newton_contract(design: Design, largest: Largest | None) -> Contract:
    outputs, rest = row_counts()
    size, responses = len(design.terms), len(design.responses)
    weight = LARGEST_WEIGHT[design.plan.parameters.family]
    square = None if largest is None else weight * largest.column**2
    slope = None if largest is None else largest.column * largest.residual
    outputs += [
        Output(name="information", shape=(size, size), lower=None if square is None else -square, upper=square,
               per="rows"),
        Output(name="gradient", shape=(size, responses), lower=None if slope is None else -slope, upper=slope,
               per="rows"),
        Output(name="loss", shape=(responses,), lower=0.0, upper=None if largest is None else largest.loss,
               per="rows"),
    ]  # fmt: skip
    return Contract(phase="newton", outputs=tuple(outputs), **rest)


def _moments(local: LocalDesign, rows: Rows, state: GlmState) -> Sums:
    sums = local.moments(rows.used, state.centre)
    for variable in local.design.categories:
        # Rare and absent look the same: who reads the flag must not learn that a level has some rows here.
        declared = np.isin(variable.levels, local.table.schema.variable(variable.name).levels)
        sums[f"left_out.{variable.name}"] = (declared & (sums[f"levels.{variable.name}"] == 0)).astype(np.int64)
    if local.design.plan.parameters.family == "binomial":
        sums["positive"] = np.array(int((local.response[rows.used, 0] == 1).sum()))
    return sums


def _newton(local: LocalDesign, rows: Rows, state: GlmState) -> Sums:
    matrix, response = _standardised(local, rows, state)
    linear = matrix @ state.beta
    if local.design.plan.parameters.family == "gaussian":
        residual = response - linear
        loss, weighted = (residual**2).sum(axis=0) / 2, matrix
    else:
        share = 0.5 * (1 + np.tanh(linear / 2))
        residual = response - share
        loss = (np.logaddexp(0, linear) - response * linear).sum(axis=0)
        weighted = matrix * (share * (1 - share))
    information = matrix.T @ weighted
    return {"information": (information + information.T) / 2, "gradient": matrix.T @ residual, "loss": loss}


def _standardised(local: LocalDesign, rows: Rows, state: GlmState) -> tuple[Floats, Floats]:
    """(used rows, columns) and (used rows, responses), numeric variables centred and scaled."""
    design, used = local.design, rows.used
    centre = centre_of(design, state)
    matrix = local.matrix(used, centre, state.scale)
    response = local.response[used]
    if design.plan.parameters.family == "gaussian":
        count = len(design.responses)
        response = (response - centre[-count:]) / state.scale[-count:]
    return matrix, response
