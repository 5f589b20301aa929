"""From standardised coefficients to a result in the variables' own units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jazari.studies.data.table import Floats, Mask
from jazari.studies.recipes.distributions import normal_p_value, student_p_value
from jazari.studies.recipes.glm_design import Design
from jazari.studies.recipes.glm_solve import GlmState


def build_result(design: Design, state: GlmState) -> dict[str, Any]:
    """Coefficients with standard errors per response, fit, and which levels are the reference or have no rows.

    ``left_out`` counts for each level the institutes that declare it and use no row of it: rare or absent there.
    """
    empty = empty_levels(design, state.active, state.references)
    return {
        "family": design.plan.parameters.family,
        "rows": state.rows,
        "subjects": state.subjects,
        "ridge": design.plan.parameters.ridge,
        "reference": dict(state.references),
        "levels_without_rows": empty,
        "left_out": {
            name: dict(zip(design.plan.variable(name).levels, counts, strict=True)) for name, counts in state.left_out
        },
        "responses": {v.name: _response(design, state, index) for index, v in enumerate(design.responses)},
    }


def empty_levels(design: Design, active: Mask, references: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    """The levels without rows of each category: neither estimated nor the reference."""
    empty: dict[str, list[str]] = {}
    for (name, level), estimated in zip(design.terms, active, strict=True):
        if level is not None and not estimated and (name, level) not in references:
            empty.setdefault(name, []).append(level)
    return empty


def _response(design: Design, state: GlmState, index: int) -> dict[str, Any]:
    gaussian = design.plan.parameters.family == "gaussian"
    back = _to_own_units(design, state, index)
    estimates = back @ state.beta[state.active, index] + _offset(design, state, index)
    dispersion = _dispersion(state, index) if gaussian else 1.0
    errors = np.sqrt(np.maximum(np.diag(back @ _covariance(design, state) @ back.T) * dispersion, 0.0))
    freedom = state.rows - int(state.active.sum())
    names = [name for name, active in zip(design.names, state.active, strict=True) if active]
    told = [coefficient(n, float(b), float(e), freedom if gaussian else None)
            for n, b, e in zip(names, estimates, errors, strict=True)]  # fmt: skip
    return {"coefficients": told} | (_fit_gaussian if gaussian else _fit_binomial)(design, state, index)


def coefficient(name: str, estimate: float, error: float, freedom: int | None) -> dict[str, Any]:
    """An estimate with its test against 0: Student's with ``freedom`` degrees, or the normal one."""
    statistic = estimate / error if error > 0 else None
    p_value = None
    if statistic is not None:
        p_value = normal_p_value(statistic) if freedom is None else student_p_value(statistic, freedom)
    return {"term": name, "estimate": estimate, "standard_error": error, "statistic": statistic, "p_value": p_value}


def _to_own_units(design: Design, state: GlmState, index: int) -> Floats:
    """The matrix that turns active standardised coefficients into those of the variables as measured."""
    terms = [term for term, active in zip(design.terms, state.active, strict=True) if active]
    centre, scale = _predictor_scales(design, state)
    size = _response_scale(design, state, index)[1]
    back = np.zeros((len(terms), len(terms)))
    for place, (name, level) in enumerate(terms):
        numeric = name != "" and level is None
        back[place, place] = size / scale[name] if numeric else size
        if numeric and terms[0][0] == "":
            back[0, place] = -size * centre[name] / scale[name]
    return back


def _predictor_scales(design: Design, state: GlmState) -> tuple[dict[str, float], dict[str, float]]:
    names = [v.name for v in design.numeric]
    return (dict(zip(names, state.centre.tolist(), strict=True)), dict(zip(names, state.scale.tolist(), strict=True)))


def _response_scale(design: Design, state: GlmState, index: int) -> tuple[float, float]:
    if design.plan.parameters.family == "binomial":
        return 0.0, 1.0
    place = len(design.numeric) - len(design.responses) + index
    centre = float(state.centre[place]) if design.plan.parameters.intercept else 0.0
    return centre, float(state.scale[place])


def _offset(design: Design, state: GlmState, index: int) -> Floats:
    offset = np.zeros(int(state.active.sum()))
    if design.plan.parameters.intercept:
        offset[0] = _response_scale(design, state, index)[0]
    return offset


def _covariance(design: Design, state: GlmState) -> Floats:
    """Of the standardised coefficients at dispersion 1; with a ridge the sandwich H^-1 F H^-1."""
    ridge = design.plan.parameters.ridge
    penalty = [0.0 if name == "" else ridge for (name, _), a in zip(design.terms, state.active, strict=True) if a]
    return sandwich(state.information, np.array(penalty))


def sandwich(information: Floats, penalty: Floats) -> Floats:
    """H^-1 F H^-1 for the information F (n, n) and H = F + diag(``penalty``)."""
    matrix = information + np.diag(penalty)
    root = 1 / np.sqrt(np.diag(matrix))
    inverse = np.linalg.inv(matrix * np.outer(root, root)) * np.outer(root, root)
    return np.asarray(inverse @ information @ inverse)


def _dispersion(state: GlmState, index: int) -> float:
    return 2 * max(float(state.loss[index]), 0.0) / (state.rows - int(state.active.sum()))


def _fit_gaussian(design: Design, state: GlmState, index: int) -> dict[str, Any]:
    size = _response_scale(design, state, index)[1]
    residual = 2 * max(float(state.loss[index]), 0.0)
    place = len(design.numeric) - len(design.responses) + index
    # Without an intercept the total is around 0, as usual.
    around = 0.0 if design.plan.parameters.intercept else (float(state.centre[place]) / size) ** 2
    deviation = math.sqrt(_dispersion(state, index)) * size
    return {"residual_deviation": deviation, "r_squared": 1 - residual / (state.rows * (1 + around))}


def _fit_binomial(_design: Design, state: GlmState, index: int) -> dict[str, Any]:
    deviance, share = 2 * float(state.loss[index]), state.positive_share
    null = -2 * state.rows * (share * math.log(share) + (1 - share) * math.log(1 - share))
    columns = int(state.active.sum())
    return {"deviance": deviance, "null_deviance": null, "aic": deviance + 2 * columns}
