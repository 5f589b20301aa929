"""The public half of k-means: from totals to centres. All centres here are standardised by the pooled moments.

Random numbers come from NumPy's PCG64 seeded with ``SeedSequence([seed, iteration, cluster])``: iteration 0 is
the start, so that each centre can be drawn again by whoever knows the seed and the moments.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from jazari.studies.data.table import Codes, Floats, Mask
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Plan
from jazari.studies.recipes.numeric_moments import Moments, Ranges, after_means, after_spread, unusable_variable

MOST_RESEEDS = 5
"""So often an emptied cluster gets a new centre; then it stays empty, since there may be fewer groups than asked."""


class KmeansParameters(BaseModel):
    """``tolerance``: the largest move of a centre, in deviations of its variable, at which the run ends.

    ``seed`` draws the starting centres and those of emptied clusters.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    variables: tuple[str, ...] = Field(min_length=1, max_length=200)
    clusters: int = Field(ge=2, le=100)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    max_iterations: int = Field(default=25, ge=1, le=200)
    tolerance: float = Field(default=1e-6, ge=0, le=1)

    @model_validator(mode="after")
    def _sound(self) -> KmeansParameters:
        if len(set(self.variables)) != len(self.variables):
            raise ValueError("a variable is listed twice")
        return self


@dataclass(frozen=True)
class KmeansState:
    """``path``: the centres (clusters, variables) of every round asked so far, the last one next to be asked.

    After the last round ``centres``, ``counts``, ``within`` (standardised squares), ``left_out`` and ``held``
    (institutes) describe the clusters. ``reseeds`` (clusters,) counts new centres of emptied ones.
    """

    done: bool = False
    failure: str = ""
    moments: Moments = field(default_factory=Moments)
    path: tuple[Floats, ...] = ()
    centres: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    counts: Codes = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    within: Floats = field(default_factory=lambda: np.zeros(0))
    left_out: Codes = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    held: int = 0
    reseeds: Codes = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    converged: bool = False


def after_moments(state: KmeansState, total: Sums, plan: Plan) -> KmeansState:
    """The means after round 1, the starting centres after round 2."""
    ranges = ranges_of(plan)
    if not state.moments.centred:
        moments = after_means(ranges, total)
        return replace(state, moments=moments, failure=moments.failure)
    moments = after_spread(ranges, state.moments, total)
    failure = moments.failure or unusable_variable(plan, ranges, moments)
    if failure:
        return replace(state, moments=moments, failure=failure)
    clusters = plan.parameters.clusters
    start = np.array([_drawn(plan, moments, cluster) for cluster in range(clusters)])
    return replace(state, moments=moments, path=(start,), reseeds=np.zeros(clusters, dtype=np.int64))


def after_clusters(state: KmeansState, total: Sums, plan: Plan) -> KmeansState:
    """Move each centre to the mean of its rows, give emptied clusters a new one, or end."""
    before, counts = state.path[-1], total["counts"]
    if int(counts.sum()) != state.moments.rows:
        return replace(state, failure="The institutes' rows changed between two rounds: run the study again.")
    filled = counts > 0
    centres = np.where(filled[:, None], _means(total, state.moments, plan), before)
    moved = centres - before
    # Squares around the mean are those around any other point less the shift (Steiner's theorem).
    within = np.maximum(total["within"] - counts * (moved**2).sum(axis=1), 0.0)
    empty = ~filled & (state.reseeds < MOST_RESEEDS)
    converged = not empty.any() and float(np.abs(moved).max()) <= plan.parameters.tolerance
    after = replace(state, centres=centres, counts=counts, within=within, left_out=total["left_out"],
                    held=int(total["held"]), converged=converged)  # fmt: skip
    if converged or len(state.path) >= plan.parameters.max_iterations:
        return replace(after, done=True)
    asked = _reseeded(after, empty, plan)
    return replace(after, path=(*state.path, asked), reseeds=state.reseeds + empty)


def _means(total: Sums, moments: Moments, plan: Plan) -> Floats:
    """The mean of each cluster's rows, within the agreed ranges whatever rounding does."""
    sizes = np.maximum(total["counts"], 1)[:, None]
    means = total["sums"] / sizes * (ranges_of(plan).width / moments.deviation)
    return np.clip(means, *_edges(plan, moments))


def _reseeded(state: KmeansState, empty: Mask, plan: Plan) -> Floats:
    """Each emptied cluster starts again beside a wide one: one root mean square away, in a random direction."""
    centres = state.centres.copy()
    widest = np.argsort(-state.within, kind="stable")
    donors = widest[state.counts[widest] > 0]
    for place, cluster in enumerate(np.flatnonzero(empty)):
        donor = donors[place % donors.size]
        direction = np.asarray(_generator(plan, len(state.path), int(cluster)).standard_normal(centres.shape[1]))
        radius = np.sqrt(state.within[donor] / state.counts[donor])
        beside = state.centres[donor] + radius * direction / np.sqrt((direction**2).sum())
        centres[cluster] = np.clip(beside, *_edges(plan, state.moments))
    return centres


def _drawn(plan: Plan, moments: Moments, cluster: int) -> Floats:
    """A centre from the normal distribution with the pooled means and deviations, within the agreed ranges."""
    drawn = _generator(plan, 0, cluster).standard_normal(len(plan.parameters.variables))
    return np.clip(drawn, *_edges(plan, moments))


def _generator(plan: Plan, iteration: int, cluster: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([plan.parameters.seed, iteration, cluster])))


def _edges(plan: Plan, moments: Moments) -> tuple[Floats, Floats]:
    """The agreed ranges, standardised."""
    ranges = ranges_of(plan)
    return standardised(ranges.lower, moments), standardised(ranges.upper, moments)


def standardised(values: Floats, moments: Moments) -> Floats:
    """``values`` (..., variables) by the pooled means and deviations."""
    return np.asarray((values - moments.mean) / moments.deviation)


def ranges_of(plan: Plan) -> Ranges:
    """The agreed ranges; raises ``BadParameters``."""
    return Ranges.of(plan, plan.parameters.variables)
