r"""The public half of a Cox model: from totals to coefficients.

Newton's method on the partial log-likelihood of grouped times: with S0, S1 the sums of hazards exp(x'b) and of
x exp(x'b) over the risk set of an interval, E0, E1 those over its d events, it is the sum over intervals of
sum x'b over events - sum over j < d of log(S0 - f E0), f = j / d for Efron's ties (Efron, JASA 72, 1977) and 0
for Breslow's (Biometrics 30, 1974). Gradient and value follow exactly from the sums by interval.

The curvature needs sums of x x' exp(x'b) times the baseline hazard. Hazards by interval are taken from the
round before, so that one matrix over all rows is enough and none leaves by interval: steps converge nearly as
fast (exactly as fast once they are short), and the last rounds make the matrix exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask
from jazari.studies.messages import Sums
from jazari.studies.recipes.cox_design import CoxDesign
from jazari.studies.recipes.cox_grid import Block, blocks_of
from jazari.studies.recipes.glm_solve import (
    CONVERGED,
    EXTREME,
    FAR_FROM_ZERO,
    STUCK_AFTER,
    STUCK_STEP,
    active_columns,
    dependent_columns,
    solve_scaled,
    tell_apart,
)

EXACT_CURVATURE = 1e-10
"""Longest last step after which the hazards of the round before are those of this round."""

ROUNDING_STEP = 1e-7
"""Steps this short that no longer shrink are rounding."""

ENCODED = 2.0**-62
"""What secure aggregation rounds each number by, relative to its bound times the rows of the largest table."""

MOST_OVERFLOWS = 3
"""How often a step may lead where sums lose their digits before the run ends."""

LOST_DIGITS = 1e6
"""Sums of hazards must be this many times larger than what they may be rounded by."""


@dataclass(frozen=True)
class RiskSums:
    """S0 and E0 (intervals,) of one round, over exp(``exponent``), and the events d (intervals,) of the model."""

    risk: Floats
    tied: Floats
    events: Codes
    exponent: float
    efron: bool

    def terms(self, index: int) -> tuple[Floats, Floats, float]:
        """f and S0 - f E0 of each tied event in an interval, and how many events each stands for."""
        count = int(self.events[index])
        shares = np.arange(count) / count if self.efron else np.zeros(1)
        return shares, self.risk[index] - shares * self.tied[index], 1.0 if self.efron else float(count)

    def increments(self) -> tuple[Floats, Floats]:
        """(intervals,) each: sums over tied events of 1 / (S0 - f E0), and of f / (S0 - f E0)."""
        whole, tied = np.zeros(self.risk.size), np.zeros(self.risk.size)
        for index in np.flatnonzero(self.events).tolist():
            shares, remaining, times = self.terms(index)
            whole[index], tied[index] = times * (1 / remaining).sum(), times * (shares / remaining).sum()
        return whole, tied

    def shares(self) -> tuple[Floats, Floats]:
        """(intervals,) each: the cumulative hazard, and the part that an event does not bear, over the largest."""
        whole, tied = self.increments()
        lasting = np.cumsum(whole)
        return lasting / lasting[-1], tied / lasting[-1]


@dataclass(frozen=True)
class CoxState:
    """``centre``, ``scale`` are by numeric variable of the design; ``beta`` (columns,) is standardised.

    ``leaving`` (intervals, 2): rows that leave in each block, without and with the event; blocks beyond the last
    are empty. ``lag`` are the hazards that weigh the next curvature, ``hazard`` (intervals,) the baseline's
    increments at ``beta``. The rest is what the last round said.
    """

    phase: Literal["grid", "moments", "newton"] = "grid"
    done: bool = False
    failure: str = ""
    blocks: tuple[Block, ...] = ()
    rows: int = 0
    subjects: int = 0
    leaving: Codes = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    centre: Floats = field(default_factory=lambda: np.zeros(0))
    scale: Floats = field(default_factory=lambda: np.zeros(0))
    centred: bool = False
    references: tuple[tuple[str, str], ...] = ()
    active: Mask = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    beta: Floats = field(default_factory=lambda: np.zeros(0))
    previous: Floats | None = None
    last_step: float = np.inf
    lag: RiskSums = field(default_factory=lambda: RiskSums(np.ones(1), np.zeros(1), np.ones(1, np.int64), 0.0, False))
    objective: float = np.inf
    loss: float = np.inf
    null_loss: float = np.inf
    iterations: int = 0
    overflows: int = 0
    information: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    hazard: Floats = field(default_factory=lambda: np.zeros(0))


def start(design: CoxDesign) -> CoxState:
    """A grid of one interval cannot be halved: moments come first."""
    middles = [((v.lower or 0.0) + (v.upper or 0.0)) / 2 for v in design.numeric]
    state = CoxState(centre=np.array(middles, dtype=np.float64))
    return state if design.intervals > 1 else replace(state, phase="moments", blocks=(Block(0, 1),))


def after_grid(design: CoxDesign, state: CoxState, total: Sums) -> CoxState:
    """The intervals of the model: halved wherever no institute refuses."""
    return replace(state, phase="moments", blocks=blocks_of(design.intervals, total["refused"]))


def after_moments(design: CoxDesign, state: CoxState, total: Sums) -> CoxState:
    """Scale the variables and choose the columns, or ask for the moments again around the mean."""
    rows, leaving = int(total["rows"]), total["leaving"]
    if rows == 0 or not leaving[:, 1].any():
        return replace(state, failure="No row has the event within the grid: there is nothing to model.")
    shift = total["sum"] / rows
    variance = np.maximum(total["squares"] / rows - shift**2, 0.0)
    if not state.centred and (shift**2 > FAR_FROM_ZERO * variance).any():
        return replace(state, centre=state.centre + shift, centred=True)
    active, references = active_columns(design, total, whole_first=False)
    scaled = replace(state, phase="newton", rows=rows, subjects=int(total["subjects"]), leaving=leaving,
                     centre=state.centre + shift, scale=np.sqrt(variance), active=active, references=references,
                     beta=np.zeros(active.size))  # fmt: skip
    constant = [v.name for v, size in zip(design.numeric, scaled.scale, strict=True) if size == 0]
    if constant:
        return replace(scaled, failure=f"{constant[0]!r} has the same value in all rows of all institutes: "
                                       "leave it out.")  # fmt: skip
    if not active.any():
        return replace(scaled, failure="All rows of all institutes have the same levels: there is nothing to model.")
    return _with_counts_as_hazards(design, scaled)


def _with_counts_as_hazards(design: CoxDesign, state: CoxState) -> CoxState:
    """Without coefficients every hazard is 1, so that its sums are counts."""
    at_risk = np.cumsum(state.leaving.sum(axis=1)[::-1])[::-1].astype(np.float64)
    events = state.leaving[:, 1]
    lag = RiskSums(at_risk, np.asarray(events * design.efron, dtype=np.float64), events, 0.0, design.efron)
    return replace(state, lag=lag)


def exponent_of(design: CoxDesign, state: CoxState, beta: Floats) -> float:
    """The largest x'b of any row in the agreed ranges. Hazards are sent over exp of it, and are at most 1.

    Secure aggregation rounds them all alike, so a row whose hazard is a millionth of the largest possible one
    keeps six digits less: ranges should be as narrow as the data are.
    """
    return sum(_reach(design, state, beta).values())


def _reach(design: CoxDesign, state: CoxState, beta: Floats) -> dict[str, float]:
    """By predictor, how much it adds to the largest x'b."""
    reach, place = {}, {term: index for index, term in enumerate(design.terms)}
    for variable, centre, scale in zip(design.numeric, state.centre, state.scale, strict=True):
        ends = (np.array([variable.lower, variable.upper]) - centre) / scale
        reach[variable.name] = float((ends * beta[place[variable.name, None]]).max())
    for variable in design.categories:
        reach[variable.name] = max(float(beta[place[variable.name, level]]) for level in variable.levels)
    return reach


def after_newton(design: CoxDesign, state: CoxState, total: Sums) -> CoxState:
    """One Newton step, a shorter one if the last went too far, or the end."""
    cells = state.leaving if design.efron else state.leaving.sum(axis=1, keepdims=True)
    if int(total["rows"]) != state.rows or not np.array_equal(total["cells"], cells):
        return replace(state, failure="The institutes' rows changed between two rounds: run the study again.")
    now = _risk_sums(design, state, total)
    limit = LOST_DIGITS * ENCODED * design.plan.institutes * design.plan.largest_rows
    if (now.risk[now.events > 0] <= limit).any() or _nothing_remains(now):
        overflowing = replace(state, overflows=state.overflows + 1)
        if overflowing.overflows > MOST_OVERFLOWS:
            return replace(state, failure=_too_wide(design, state))
        return _halve(design, overflowing, _too_wide(design, state))
    loss = _loss(state, now, total)
    penalised = loss + float((_penalty(design) * state.beta**2).sum()) / 2
    moved = 0.0 if state.previous is None else float(np.abs(state.beta - state.previous).max())
    if moved > ROUNDING_STEP and penalised > state.objective + 1e-12 * (1 + abs(state.objective)):
        return _halve(design, state, _unfinished(design))
    return _step(design, replace(state, objective=penalised, loss=loss), now, total, moved)


def _risk_sums(design: CoxDesign, state: CoxState, total: Sums) -> RiskSums:
    hazards = total["hazards"]
    tied = hazards[:, 1] if design.efron else np.zeros(design.intervals)
    exponent = exponent_of(design, state, state.beta)
    return RiskSums(_at_risk(hazards), tied, state.leaving[:, 1], exponent, design.efron)


def _at_risk(cells: Floats) -> Floats:
    """Sums over those who leave in an interval or later, from (intervals, kinds, ...) of those who leave in it."""
    return np.asarray(np.cumsum(cells.sum(axis=1)[::-1], axis=0)[::-1])


def _nothing_remains(now: RiskSums) -> bool:
    return any(now.terms(index)[1].min() <= 0 for index in np.flatnonzero(now.events).tolist())


def _loss(state: CoxState, now: RiskSums, total: Sums) -> float:
    loss = float(now.events.sum()) * now.exponent - float(total["events"] @ state.beta)
    for index in np.flatnonzero(now.events).tolist():
        _, remaining, times = now.terms(index)
        loss += times * float(np.log(remaining).sum())
    return loss


def _step(design: CoxDesign, state: CoxState, now: RiskSums, total: Sums, moved: float) -> CoxState:
    active, penalty = state.active, _penalty(design)[state.active]
    risk, tied = _column_sums(design, total)
    gradient = (total["events"] - _expected(now, risk, tied))[active] - penalty * state.beta[active]
    information = _information(state.lag, now, risk, tied, total["curvature"])[np.ix_(active, active)]
    problem = _singular(design, state, information + np.diag(penalty))
    if problem:
        return replace(state, failure=problem)
    step = np.zeros(active.size)
    step[active] = solve_scaled(information + np.diag(penalty), gradient[:, None])[:, 0]
    null = state.loss if state.previous is None else state.null_loss
    taken = replace(state, beta=state.beta + step, previous=state.beta, iterations=state.iterations + 1, lag=now,
                    information=information, null_loss=null,
                    hazard=now.increments()[0] * np.exp(-now.exponent))  # fmt: skip
    return _judge(design, taken, float(np.abs(step).max()), moved)


def _column_sums(design: CoxDesign, total: Sums) -> tuple[Floats, Floats]:
    """S1 and E1, (intervals, columns)."""
    weighted = total["weighted"]
    return _at_risk(weighted), weighted[:, 1] if design.efron else np.zeros_like(weighted[:, 0])


def _expected(now: RiskSums, risk: Floats, tied: Floats) -> Floats:
    """(columns,): what the columns of those with the event would sum to under the model."""
    whole, part = now.increments()
    return np.asarray(whole @ risk - part @ tied)


def _information(lag: RiskSums, now: RiskSums, risk: Floats, tied: Floats, curvature: Floats) -> Floats:
    """(columns, columns): the sum over tied events of the lagged hazard times the variance in its risk set.

    Written so that it is a sum of covariance matrices whatever the lagged hazards are, hence never indefinite.
    """
    weights = np.zeros((3, now.risk.size))
    for index in np.flatnonzero(now.events).tolist():
        shares, remaining, _ = now.terms(index)
        _, before, times = lag.terms(index)
        weights[:, index] = [float((shares**power * times / before / remaining).sum()) for power in range(3)]
    crossed = risk.T @ (weights[1][:, None] * tied)
    means = (risk.T * weights[0]) @ risk - crossed - crossed.T + (tied.T * weights[2]) @ tied
    largest = float(lag.increments()[0].sum())
    matrix = np.exp(now.exponent - lag.exponent) * (largest * curvature - means)
    return np.asarray((matrix + matrix.T) / 2)


def _penalty(design: CoxDesign) -> Floats:
    return np.full(len(design.terms), design.plan.parameters.ridge)


def _halve(design: CoxDesign, state: CoxState, failure: str) -> CoxState:
    if state.previous is None or state.iterations >= design.plan.parameters.max_iterations:
        return replace(state, failure=failure)
    middle = state.previous + (state.beta - state.previous) / 2
    return replace(state, beta=middle, iterations=state.iterations + 1)


def _judge(design: CoxDesign, state: CoxState, step: float, moved: float) -> CoxState:
    largest = float(np.abs(state.beta).max())
    runs_away = largest > EXTREME or (state.iterations >= STUCK_AFTER and step > STUCK_STEP)
    if runs_away and design.plan.parameters.ridge == 0:
        return replace(state, failure=_runaway(design, state))
    rounding = step <= ROUNDING_STEP and moved <= ROUNDING_STEP and step > state.last_step / 2
    if rounding or (step <= CONVERGED * (1 + largest) and moved <= EXACT_CURVATURE * (1 + largest)):
        return replace(state, done=True)
    if state.iterations >= design.plan.parameters.max_iterations:
        return replace(state, failure=_unfinished(design))
    return replace(state, last_step=step)


def _unfinished(design: CoxDesign) -> str:
    return (f"The model is not found within {design.plan.parameters.max_iterations} steps: allow more "
            "`max_iterations`, use fewer predictors or set a ridge.")  # fmt: skip


def _runaway(design: CoxDesign, state: CoxState) -> str:
    worst = design.names[int(np.abs(state.beta).argmax())]
    return (f"The model has no finite solution: {worst!r} (nearly) tells who has the event first, or that a group "
            "has none; leave it out or set a ridge.")  # fmt: skip


def _too_wide(design: CoxDesign, state: CoxState) -> str:
    reach = _reach(design, state, state.beta)
    worst = max(reach, key=lambda name: reach[name])
    return (f"The agreed range of {worst!r} allows hazards so much larger than the usual ones that sums lose their "
            "digits: declare narrower ranges, leave it out or set a ridge.")  # fmt: skip


def _singular(design: CoxDesign, state: CoxState, matrix: Floats) -> str:
    names = [name for name, active in zip(design.names, state.active, strict=True) if active]
    flat = [name for name, value in zip(names, np.diag(matrix), strict=True) if not value > 0]
    dependent = flat or dependent_columns(names, matrix)
    if dependent and state.iterations:
        return _runaway(design, state)
    return tell_apart(dependent) if dependent else ""
