"""Cox's proportional hazards on a declared grid of time: as if all rows were in one place, on the same grid.

Round 1 agrees on intervals that are long enough for every institute's floor, round 2 sends moments and counts
(asked for once more where a mean is far from 0), each further round sums of hazards of those who leave in each
interval, at coefficients that follow from the totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel

from jazari.studies.contract import Contract
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Table
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Plan, parse_parameters
from jazari.studies.recipes.cox_design import (
    CoxDesign,
    CoxParameters,
    grid_contract,
    moments_contract,
    newton_contract,
)
from jazari.studies.recipes.cox_local import CoxRows, moments, newton, refusals
from jazari.studies.recipes.cox_result import build_result
from jazari.studies.recipes.cox_solve import CoxState, after_grid, after_moments, after_newton, start
from jazari.studies.recipes.glm_design import SUBJECTS_PER_COLUMN, largest_shift, rows_of_levels
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.saying import Sentence, names, worded


class Cox:
    """The recipe ``cox``.

    Protected are the groups that leave in an interval of the model: without and with the event, and by each
    level of each predictor (of all predictors together, where all are categories), each has no or ``floor``
    subjects at an institute. With Breslow's ties sums over those with and without the event leave only together,
    and the levels of a group are not told by event. A group whose sums leave also has ``SUBJECTS_PER_COLUMN``
    subjects for each coefficient, since several rounds tell several sums about it. Where a declared interval would
    hold a smaller group, it is joined with its neighbours for all institutes (see ``cox_grid``); no row is left
    out for its time or its event, which would bias the coefficients. What is not protected against: whoever sees one
    institute's own sums learns a few moments of each group's predictors, and that a joined interval has a half below
    the floor. Rows of rare levels are left out as in
    ``glm``. Institutes with fewer events than the floor cannot take part, unless they have none.
    """

    name: ClassVar[str] = "cox"
    title: ClassVar[str] = "Cox proportional hazards"
    sources: ClassVar[tuple[str, ...]] = (
        "cox.py", "cox_design.py", "cox_grid.py", "cox_local.py", "cox_result.py", "cox_solve.py",
        "distributions.py", "glm_bounds.py", "glm_design.py", "glm_result.py", "glm_solve.py",
    )  # fmt: skip
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = CoxParameters

    def parse(self, values: Mapping[str, Any]) -> CoxParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(CoxParameters, values, self.name)

    def variables(self, parameters: CoxParameters) -> tuple[str, ...]:
        """Duration, event and predictors."""
        return (parameters.duration, parameters.event, *parameters.predictors)

    def check(self, plan: Plan) -> None:
        """Event, durations and ranges fit, and the model is not too large."""
        CoxDesign(plan).check()

    def contracts(self, parameters: CoxParameters, variables: Mapping[str, AgreedVariable]) -> tuple[Contract, ...]:
        """``grid`` (unless one interval is declared), ``moments``, then ``newton``, with bounds that are open here."""
        plan = Plan(parameters, variables)
        self.check(plan)
        design = CoxDesign(plan)
        agreed = (grid_contract(design),) if design.intervals > 1 else ()
        return (*agreed, moments_contract(design, None), newton_contract(design, None))

    def contract(self, state: CoxState, plan: Plan) -> Contract:
        """That of the phase, with the bounds that follow from the agreed ranges and the totals so far."""
        design = CoxDesign(plan)
        if state.phase == "grid":
            return grid_contract(design)
        if state.phase == "moments":
            return moments_contract(design, largest_shift(design.numeric, state.centre, np.ones(len(design.numeric))))
        return newton_contract(design, max(1.0, largest_shift(design.numeric, state.centre, state.scale) or 0.0))

    def initial_state(self, plan: Plan) -> CoxState:
        """Nothing known."""
        return start(CoxDesign(plan))

    def local(self, table: Table, state: CoxState, plan: Plan) -> Sums:
        """Sums over the rows that may be used; raises ``BelowFloor`` when this institute cannot take part."""
        local = CoxRows(CoxDesign(plan), table)
        rows = local.choose()
        phase = {"grid": lambda: refusals(local, rows), "moments": lambda: moments(local, rows, state),
                 "newton": lambda: newton(local, rows, state)}  # fmt: skip
        return local.counts(rows) | phase[state.phase]()

    def update(self, state: CoxState, total: Sums, plan: Plan) -> CoxState:
        """Agree on the grid, scale and choose columns, then Newton steps until they vanish."""
        phase = {"grid": after_grid, "moments": after_moments, "newton": after_newton}
        return phase[state.phase](CoxDesign(plan), state, total)

    def result(self, state: CoxState, plan: Plan) -> dict[str, Any]:
        """Coefficients with hazard ratios, fit and baseline hazard."""
        return build_result(CoxDesign(plan), state)

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves in plain sentences."""
        parameters, design = plan.parameters, CoxDesign(plan)
        predictors, event, duration = names(parameters.predictors), parameters.event, parameters.duration
        return [
            worded(
                "How many rows and subjects have no missing value in {predictors}, {duration} and {event}.",
                predictors=predictors,
                duration=duration,
                event=event,
            ),
            worded(
                "Which parts of the {intervals} intervals of {duration} this institute cannot tell apart under the "
                "floor; all institutes then use the longer ones.",
                intervals=design.intervals,
                duration=duration,
            ),
            worded("How many rows leave in each interval with and without {event}.", event=event),
            _hazards(design),
            worded("Products of {predictors} times hazards, over all rows.", predictors=predictors),
            *(rows_of_levels(v.name) for v in design.categories),
            worded(
                "Rows of a rare level are left out, and {subjects} subjects a coefficient are needed in each interval.",
                subjects=SUBJECTS_PER_COLUMN,
            ),
            *(sentence for v in design.categories for sentence in levels_of_one(v.name, datasets)),
        ]

    def scales(self, _plan: Plan) -> dict[str, float]:
        """Coefficients are compared relative to their standard error (see ``pooled``); the rest by 1."""
        return {}


def _hazards(design: CoxDesign) -> Sentence:
    parameters = design.plan.parameters
    predictors, rounds = names(parameters.predictors), parameters.max_iterations + 3
    if design.efron:
        return worded(
            "Sums and squares of {predictors}, and for each interval sums of the hazards of the rows that leave in it "
            "and of {predictors} times these hazards, apart for those with and without it, in up to {rounds} rounds.",
            predictors=predictors,
            rounds=rounds,
        )
    return worded(
        "Sums and squares of {predictors}, and for each interval sums of the hazards of the rows that leave in it and "
        "of {predictors} times these hazards, in up to {rounds} rounds.",
        predictors=predictors,
        rounds=rounds,
    )
