"""How large one row's part in the sums of a linear model can be: from agreed ranges and the state alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jazari.studies.data.table import Floats
from jazari.studies.recipes.glm_design import Design, largest_shift

if TYPE_CHECKING:
    from jazari.studies.recipes.glm_solve import GlmState


def reach_of(design: Design, state: GlmState | None) -> float | None:
    """The largest distance of a value from the centre of its variable, if all ranges are agreed."""
    if state is None:
        return None
    return largest_shift(design.numeric, state.centre, np.ones(len(design.numeric)))


@dataclass(frozen=True)
class Largest:
    """The largest absolute value of one row: in the standardised design, as residual, as loss."""

    column: float
    residual: float
    loss: float

    @classmethod
    def of(cls, design: Design, state: GlmState) -> Largest | None:
        """From the agreed ranges and the coefficients so far; None where a range is not agreed."""
        known = sum(v.kind == "numeric" for v in design.predictors)
        centre = centre_of(design, state)
        numeric = largest_shift(design.numeric[:known], centre[:known], state.scale[:known])
        response = largest_shift(design.numeric[known:], centre[known:], state.scale[known:])
        if numeric is None or response is None:
            return None
        column = max(1.0, numeric)
        linear = column * float(np.abs(state.beta).sum(axis=0).max(initial=0.0))
        if design.plan.parameters.family == "binomial":
            return cls(column, 1.0, float(np.log(2)) + linear)
        return cls(column, response + linear, (response + linear) ** 2 / 2)


def centre_of(design: Design, state: GlmState) -> Floats:
    """Without an intercept nothing may be shifted."""
    return state.centre if design.plan.parameters.intercept else np.zeros_like(state.centre)
