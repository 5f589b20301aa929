"""From standardised coefficients to hazard ratios and the baseline hazard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jazari.studies.recipes.cox_design import CoxDesign
from jazari.studies.recipes.cox_solve import CoxState
from jazari.studies.recipes.glm_result import coefficient, empty_levels, sandwich

LARGEST_EXPONENT = 700.0


def build_result(design: CoxDesign, state: CoxState) -> dict[str, Any]:
    """Coefficients in the variables' own units, fit, and each interval of the model with its baseline hazard.

    The baseline is that of a row with the mean of every number and the reference level of every category, both
    named in ``baseline_at``.
    """
    parameters = design.plan.parameters
    means = {v.name: float(middle) for v, middle in zip(design.numeric, state.centre, strict=True)}
    return {
        "ties": parameters.ties,
        "rows": state.rows,
        "subjects": state.subjects,
        "events": int(state.leaving[:, 1].sum()),
        "ridge": parameters.ridge,
        "reference": dict(state.references),
        "levels_without_rows": empty_levels(design, state.active, state.references),
        "coefficients": _coefficients(design, state),
        "log_likelihood": -state.loss,
        "null_log_likelihood": -state.null_loss,
        "baseline_at": means | dict(state.references),
        "declared_intervals": design.intervals,
        "intervals": _intervals(design, state),
    }


def _coefficients(design: CoxDesign, state: CoxState) -> list[dict[str, Any]]:
    scale = {v.name: float(size) for v, size in zip(design.numeric, state.scale, strict=True)}
    active = np.flatnonzero(state.active)
    sizes = np.array([1.0 if design.terms[index][1] is not None else scale[design.terms[index][0]] for index in active])
    covariance = sandwich(state.information, np.full(active.size, design.plan.parameters.ridge))
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0)) / sizes
    estimates = state.beta[active] / sizes
    return [_with_ratio(coefficient(design.names[index], float(b), float(e), None))
            for index, b, e in zip(active, estimates, errors, strict=True)]  # fmt: skip


def _with_ratio(entry: dict[str, Any]) -> dict[str, Any]:
    estimate = entry["estimate"]
    return entry | {"hazard_ratio": math.exp(estimate) if abs(estimate) < LARGEST_EXPONENT else None}


def _intervals(design: CoxDesign, state: CoxState) -> list[dict[str, Any]]:
    """``kept_whole_by``: how many institutes had too few subjects in one half to tell the halves apart."""
    at_risk = np.cumsum(state.leaving.sum(axis=1)[::-1])[::-1]
    cumulative = np.cumsum(state.hazard)
    return [
        {
            "from": float(design.edges[block.low]),
            "to": float(design.edges[block.high]),
            "at_risk": int(at_risk[index]),
            "events": int(state.leaving[index, 1]),
            "censored": int(state.leaving[index, 0]),
            "cumulative_hazard": float(cumulative[index]),
            "kept_whole_by": block.refused,
        }
        for index, block in enumerate(state.blocks)
    ]
