"""Generalised linear models, gaussian and binomial, exact: the same coefficients as on all rows in one place.

Round 1 sends moments and counts of levels (asked for once more where a mean is far from 0), each further
round the gradient and information of the log-likelihood at coefficients that follow from the totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel

from jazari.studies.contract import Contract, Output, Partition
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Floats, Table
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Division, Plan, parse_parameters
from jazari.studies.recipes.cells import count_subjects
from jazari.studies.recipes.glm_design import SUBJECTS_PER_COLUMN, Design, GlmParameters, LocalDesign, Rows
from jazari.studies.recipes.glm_result import build_result
from jazari.studies.recipes.glm_solve import GlmState, after_moments, after_newton, start
from jazari.studies.recipes.own import levels_of_one

LARGEST_WEIGHT = {"gaussian": 1.0, "binomial": 0.25}


class Glm:
    """The recipe ``glm``."""

    name: ClassVar[str] = "glm"
    title: ClassVar[str] = "Linear and logistic models"
    sources: ClassVar[tuple[str, ...]] = (
        "glm.py", "glm_design.py", "glm_solve.py", "glm_result.py", "distributions.py",
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
        return _newton_contract(design, _largest_column(design, state))

    def initial_state(self, plan: Plan) -> GlmState:
        """Before the moments."""
        return start(Design(plan))

    def local(self, table: Table, state: GlmState, plan: Plan) -> Sums:
        """Sums over the rows that may be used; raises ``BelowFloor`` when this institute cannot take part."""
        local = LocalDesign(Design(plan), table)
        rows = local.choose()
        sums = _evidence(local, rows)
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

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[str]:
        """What leaves in plain sentences."""
        parameters, design = plan.parameters, Design(plan)
        predictors, responses = ", ".join(parameters.predictors), ", ".join(parameters.responses)
        return [
            f"How many rows and subjects have no missing value in {predictors} and {responses}.",
            f"Sums, squares and products of {predictors}, and their products with {responses} "
            "(with the residuals of the model so far), over those rows, "
            f"in up to {parameters.max_iterations + 2} rounds.",
            *(f"How many rows have each level of {v.name}." for v in design.categories),
            *(
                f"Whether rows of each declared level of {v.name} are used at all (rare and absent look the same)."
                for v in design.categories
            ),
            f"Rows of a rare level are left out, and {SUBJECTS_PER_COLUMN} subjects a coefficient are needed.",
            *(sentence for v in design.categories for sentence in levels_of_one(v.name, datasets)),
        ]

    def scales(self, _plan: Plan) -> dict[str, float]:
        """Coefficients are compared relative to their standard error (see ``pooled``); the rest by 1."""
        return {}


def _count(name: str, shape: tuple[int, ...] = (), subjects: str | None = "subjects") -> Output:
    return Output(name=name, shape=shape, dtype="int64", lower=0, subjects=subjects)


def _common() -> tuple[list[Output], dict[str, Any]]:
    """The counts of every round, and evidence that neither they nor what they leave out is small."""
    evidence = (_count("all.rows", subjects=None), _count("all.hidden", subjects=None),
                _count("smallest_cell", subjects="smallest_cell"))  # fmt: skip
    partitions = (Partition(parts=("rows",), whole="all.rows", hidden="all.hidden"),)
    return [_count("rows"), _count("subjects")], {"evidence": evidence, "partitions": partitions}


def _moments_contract(design: Design, state: GlmState | None) -> Contract:
    outputs, rest = _common()
    width = _largest_shift(design, state)
    shape = (len(design.numeric),)
    outputs += [
        Output(name="sum", shape=shape, lower=None if width is None else -width, upper=width, per="rows",
               subjects=None),
        Output(name="squares", shape=shape, lower=0.0, upper=None if width is None else width**2, per="rows"),
        *(_count(f"levels.{v.name}", (len(v.levels),), None) for v in design.categories),
        *(Output(name=f"left_out.{v.name}", shape=(len(v.levels),), dtype="int64", lower=0, upper=1)
          for v in design.categories),
    ]  # fmt: skip
    if design.plan.parameters.family == "binomial":
        outputs.append(_count("positive", (), None))
    return Contract(phase="moments", outputs=tuple(outputs), **rest)


def _largest_shift(design: Design, state: GlmState | None) -> float | None:
    """The largest distance of a value from the centre of its variable, if all ranges are agreed."""
    if state is None:
        return None
    return _largest(design.numeric, state.centre, np.ones(len(design.numeric)))


def _largest(variables: tuple[AgreedVariable, ...], centre: Floats, scale: Floats) -> float | None:
    widths = []
    for variable, middle, size in zip(variables, centre, scale, strict=True):
        if variable.lower is None or variable.upper is None:
            return None
        widths.append(max(variable.upper - middle, middle - variable.lower) / size)
    return float(max(widths, default=0.0))


def _newton_contract(design: Design, column: float | None) -> Contract:
    outputs, rest = _common()
    size, responses = len(design.terms), len(design.responses)
    family = design.plan.parameters.family
    weight = LARGEST_WEIGHT[family]
    square = None if column is None else weight * column**2
    slope = column if family == "binomial" else None
    outputs += [
        Output(name="information", shape=(size, size), lower=None if square is None else -square, upper=square,
               per="rows"),
        Output(name="gradient", shape=(size, responses), lower=None if slope is None else -slope, upper=slope,
               per="rows"),
        Output(name="loss", shape=(responses,), lower=0.0),
    ]  # fmt: skip
    return Contract(phase="newton", outputs=tuple(outputs), **rest)


def _largest_column(design: Design, state: GlmState) -> float | None:
    """The largest absolute value in the standardised design."""
    known = sum(v.kind == "numeric" for v in design.predictors)
    largest = _largest(design.numeric[:known], _centre(design, state)[:known], state.scale[:known])
    return None if largest is None else max(1.0, largest)


def _centre(design: Design, state: GlmState) -> Floats:
    """Without an intercept nothing may be shifted."""
    return state.centre if design.plan.parameters.intercept else np.zeros_like(state.centre)


def _evidence(local: LocalDesign, rows: Rows) -> Sums:
    return {
        "rows": np.array(int(rows.used.sum())),
        "subjects": np.array(count_subjects(local.table.subject[rows.used])),
        "all.rows": np.array(local.table.rows),
        "all.hidden": np.array(rows.left_behind),
        "smallest_cell": np.array(rows.smallest),
    }


def _moments(local: LocalDesign, rows: Rows, state: GlmState) -> Sums:
    design = local.design
    columns = [local.table.numbers(v.name)[rows.used] - c for v, c in zip(design.numeric, state.centre, strict=True)]
    sums: Sums = {
        "sum": np.array([column.sum() for column in columns], dtype=np.float64),
        "squares": np.array([column @ column for column in columns], dtype=np.float64),
    }
    for variable in design.categories:
        codes = local.codes[variable.name][rows.used]
        counts = np.bincount(codes, minlength=len(variable.levels)).astype(np.int64)
        # Rare and absent look the same: who reads the flag must not learn that a level has some rows here.
        declared = np.isin(variable.levels, local.table.schema.variable(variable.name).levels)
        sums[f"levels.{variable.name}"] = counts
        sums[f"left_out.{variable.name}"] = (declared & (counts == 0)).astype(np.int64)
    if design.plan.parameters.family == "binomial":
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
    names = [variable.name for variable in design.numeric]
    centre = dict(zip(names, _centre(design, state), strict=True))
    scale = dict(zip(names, state.scale, strict=True))
    matrix = np.ones((int(used.sum()), len(design.terms)))
    for place, (name, level) in enumerate(design.terms):
        if level is not None:
            index = design.plan.variable(name).levels.index(level)
            matrix[:, place] = local.codes[name][used] == index
        elif name:
            matrix[:, place] = (local.numbers[name][used] - centre[name]) / scale[name]
    response = local.response[used].copy()
    if design.plan.parameters.family == "gaussian":
        for place, variable in enumerate(design.responses):
            response[:, place] = (response[:, place] - centre[variable.name]) / scale[variable.name]
    return matrix, response
