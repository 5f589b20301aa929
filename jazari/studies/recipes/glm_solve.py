"""The public half of a linear model: from totals to coefficients.

Newton's method on the exact log-likelihood (for the gaussian family one step is the least-squares solution,
and the next round's residuals refine it). Predictors are centred and scaled by the moments of all institutes,
so that the equations are well conditioned whatever the units.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from jazari.studies.data.table import Floats, Mask
from jazari.studies.messages import Sums
from jazari.studies.recipes.glm_bounds import Largest, reach_of
from jazari.studies.recipes.glm_design import Design

CONVERGED = 1e-11
"""Largest last step, relative to the coefficients: the information was taken before it and must be as exact."""

BLURRED = 1e-7
"""Largest effect of rounding on a coefficient, relative to the coefficients: results are promised to 1e-6."""

_BLURRED_SENTENCE = (
    "The declared ranges are so much wider than the values that masked sums are too coarse for this model: "
    "declare narrower ranges of the variables."
)

SINGULAR = 1e-10
"""Smallest eigenvalue of the equations scaled to unit diagonal."""

FAR_FROM_ZERO = 1e6
"""Mean squared over variance beyond which sums of squares lose digits and are asked for again, centred."""

EXTREME = 20.0
"""A standardised log-odds ratio this large means an outcome that never occurs (or always does)."""

STUCK_AFTER, STUCK_STEP = 12, 0.3
"""Newton steps that are still this long after so many rounds do not converge: coefficients run away."""


@dataclass(frozen=True)
class GlmState:
    """``centre``, ``scale`` are by numeric variable of the design; ``beta`` is (columns, responses), standardised.

    ``active`` marks the columns that are estimated; ``left_out`` counts, by category and level, the institutes
    that declare the level and use no row of it. The rest is what the last round said.
    """

    phase: Literal["moments", "newton"] = "moments"
    done: bool = False
    failure: str = ""
    rows: int = 0
    subjects: int = 0
    centre: Floats = field(default_factory=lambda: np.zeros(0))
    scale: Floats = field(default_factory=lambda: np.zeros(0))
    centred: bool = False
    positive_share: float = 0.0
    references: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, tuple[int, ...]], ...] = ()
    active: Mask = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    beta: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    previous: Floats | None = None
    objective: float = np.inf
    iterations: int = 0
    loss: Floats = field(default_factory=lambda: np.zeros(0))
    information: Floats = field(default_factory=lambda: np.zeros((0, 0)))


def start(design: Design) -> GlmState:
    """Moments are taken around the middle of the agreed range, where there is one."""
    middles = [(v.lower + v.upper) / 2 if v.lower is not None and v.upper is not None else 0.0
               for v in design.numeric]  # fmt: skip
    return GlmState(centre=np.array(middles, dtype=np.float64))


def after_moments(design: Design, state: GlmState, total: Sums) -> GlmState:
    """Scale the variables and choose the columns, or ask for the moments again around the mean."""
    rows = int(total["rows"])
    if rows == 0:
        return replace(state, failure="No rows can be used for the model: ask for fewer or other variables.")
    shift = total["sum"] / rows
    variance = np.maximum(total["squares"] / rows - shift**2, 0.0)
    if not state.centred and (shift**2 > FAR_FROM_ZERO * variance).any():
        return replace(state, centre=state.centre + shift, centred=True)
    scaled = replace(state, rows=rows, subjects=int(total["subjects"]), phase="newton",
                     centre=state.centre + shift, scale=np.sqrt(variance),
                     positive_share=float(total["positive"]) / rows if "positive" in total else 0.0)  # fmt: skip
    width = reach_of(design, state)
    nothing = design.plan.rounding(width**2) / rows if width is not None else 0.0
    constant = [v.name for v, s in zip(design.numeric, scaled.scale, strict=True) if s**2 <= nothing]
    if constant:
        return replace(scaled, failure=f"{constant[0]!r} has the same value in all rows of all institutes: "
                                       "leave it out.")  # fmt: skip
    if design.plan.parameters.family == "binomial" and scaled.positive_share in (0.0, 1.0):
        return replace(scaled, failure="All rows of all institutes have the same outcome: there is nothing to model.")
    return _choose_columns(design, scaled, total)


def _choose_columns(design: Design, state: GlmState, total: Sums) -> GlmState:
    """Levels without rows have no column, and the first level with rows is the reference."""
    # Without an intercept the first category keeps all its levels: together they are the intercept.
    active, references = active_columns(design, total, whole_first=not design.plan.parameters.intercept)
    beta = np.zeros((len(design.terms), len(design.responses)))
    if state.rows <= active.sum():
        return replace(state, failure="There are no more rows than coefficients: use fewer predictors.")
    left_out = tuple((v.name, tuple(total[f"left_out.{v.name}"].tolist())) for v in design.categories)
    return replace(state, active=active, beta=beta, references=references, left_out=left_out)


def active_columns(design: Design, total: Sums, *, whole_first: bool) -> tuple[Mask, tuple[tuple[str, str], ...]]:
    """(columns,): which columns are estimated by the counts of levels in ``total``; (category, reference level).

    With ``whole_first`` the first category has no reference.
    """
    active = np.ones(len(design.terms), dtype=np.bool_)
    references = []
    place = {term: index for index, term in enumerate(design.terms)}
    for position, variable in enumerate(design.categories):
        counts = total[f"levels.{variable.name}"]
        with_rows = [level for level, count in zip(variable.levels, counts, strict=True) if count > 0]
        spare = [] if whole_first and position == 0 else with_rows[:1]
        references += [(variable.name, level) for level in spare]
        for level in variable.levels:
            active[place[variable.name, level]] = level in with_rows and level not in spare
    return active, tuple(references)


def after_newton(design: Design, state: GlmState, total: Sums) -> GlmState:
    """One Newton step, a shorter one if the last went too far, or the end."""
    if int(total["rows"]) != state.rows:
        return replace(state, failure="The institutes' rows changed between two rounds: run the study again.")
    penalty = _penalty(design)[state.active]
    beta = state.beta[state.active]
    objective = float(total["loss"].sum() + (penalty[:, None] * beta**2).sum() / 2)
    largest = Largest.of(design, state)
    noise = 2 * design.plan.rounding(largest.loss) if largest else 0.0
    if state.previous is not None and objective > state.objective * (1 + 1e-12) + 1e-12 + noise:
        return _halve(design, state)
    information = total["information"][np.ix_(state.active, state.active)]
    matrix = information + np.diag(penalty)
    gradient = total["gradient"][state.active] - penalty[:, None] * beta
    problem = _singular(design, state, matrix)
    if problem:
        return replace(state, failure=problem)
    step = solve_scaled(matrix, gradient)
    taken = replace(state, beta=_placed(state, beta + step), previous=state.beta, objective=objective,
                    iterations=state.iterations + 1, information=information,
                    loss=_loss_after(total["loss"], total["gradient"][state.active], information, step))  # fmt: skip
    return _judge(design, taken, step, _blur(design, largest, matrix))


def _penalty(design: Design) -> Floats:
    ridge = design.plan.parameters.ridge
    return np.array([0.0 if name == "" else ridge for name, _ in design.terms])


def _placed(state: GlmState, beta: Floats) -> Floats:
    full = np.zeros_like(state.beta)
    full[state.active] = beta
    return full


def solve_scaled(matrix: Floats, gradient: Floats) -> Floats:
    """Solve ``matrix`` (n, n) for ``gradient`` (n, m).

    The matrix is scaled to unit diagonal first, which keeps rare and common columns equally exact.
    """
    root = 1 / np.sqrt(np.diag(matrix))
    return np.asarray(np.linalg.solve(matrix * np.outer(root, root), gradient * root[:, None]) * root[:, None])


def _loss_after(loss: Floats, gradient: Floats, information: Floats, step: Floats) -> Floats:
    """The loss at the end of the step by its second-order expansion: exact if gaussian, else to third order."""
    return np.asarray(loss - (gradient * step).sum(axis=0) + (step * (information @ step)).sum(axis=0) / 2)


def _halve(design: Design, state: GlmState) -> GlmState:
    if state.previous is None or state.iterations >= design.plan.parameters.max_iterations:
        return replace(state, failure=_runaway(design, state))
    middle = state.previous + (state.beta - state.previous) / 2
    return replace(state, beta=middle, iterations=state.iterations + 1)


def _blur(design: Design, largest: Largest | None, matrix: Floats) -> float:
    """How far rounding alone may move a coefficient in a step; 0 where nothing is rounded."""
    if largest is None or not design.plan.masked:
        return 0.0
    slope = design.plan.rounding(largest.column * largest.residual)
    return slope * float(np.abs(np.linalg.inv(matrix)).sum(axis=1).max())


def _judge(design: Design, state: GlmState, step: Floats, blur: float) -> GlmState:
    longest, largest = float(np.abs(step).max()), float(np.abs(state.beta).max())
    if design.plan.parameters.family == "binomial" and _runs_away(design, state, longest, largest):
        return replace(state, failure=_runaway(design, state))
    if blur > BLURRED * (1 + largest):
        return replace(state, failure=_BLURRED_SENTENCE)
    if longest <= max(CONVERGED * (1 + largest), blur):
        return replace(state, done=True)
    if state.iterations >= design.plan.parameters.max_iterations:
        return replace(state, failure=_runaway(design, state))
    return state


def _runs_away(design: Design, state: GlmState, longest: float, largest: float) -> bool:
    if design.plan.parameters.ridge > 0:
        return False
    return largest > EXTREME or (state.iterations >= STUCK_AFTER and longest > STUCK_STEP)


def _runaway(design: Design, state: GlmState) -> str:
    worst = int(np.abs(state.beta).max(axis=1).argmax())
    return (f"The model has no finite solution: {design.names[worst]!r} separates the outcomes (nearly) perfectly; "
            "leave it out or set a ridge.")  # fmt: skip


def _singular(design: Design, state: GlmState, matrix: Floats) -> str:
    names = [name for name, active in zip(design.names, state.active, strict=True) if active]
    diagonal = np.diag(matrix)
    if not (diagonal > 0).all():
        return _runaway(design, state) if state.iterations else tell_apart([names[int(diagonal.argmin())]])
    dependent = dependent_columns(names, matrix)
    if dependent and state.iterations and design.plan.parameters.family == "binomial":
        return _runaway(design, state)
    return tell_apart(dependent) if dependent else ""


def dependent_columns(names: list[str], matrix: Floats) -> list[str]:
    """The columns that follow from each other in equations with a positive diagonal, if they are singular."""
    root = 1 / np.sqrt(np.diag(matrix))
    values, vectors = np.linalg.eigh(matrix * np.outer(root, root))
    if values[0] > SINGULAR:
        return []
    weights = np.abs(vectors[:, 0])
    return [name for name, weight in zip(names, weights, strict=True) if weight > 0.1 * weights.max()]


def tell_apart(names: list[str]) -> str:
    """What is wrong with predictors that follow from each other."""
    listed = ", ".join(repr(name) for name in names[:6])
    return (f"The predictors {listed} cannot be told apart (one follows from the others): leave one out or set a "
            "ridge.")  # fmt: skip
