"""Means, variances and products of numeric variables over all institutes, in two rounds.

Round 1 sends sums around the middle of each agreed range, round 2 squares (and products) around the mean of
all institutes, corrected for what is left of it (Chan, Golub and LeVeque, The American Statistician 37, 1983,
equation 1.7), so that they are exact where a mean is far from 0. Everything is divided by the width of the
agreed range, which bounds it by 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jazari.studies.contract import Contract, Output
from jazari.studies.data.table import Floats
from jazari.studies.errors import BadParameters
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Plan
from jazari.studies.recipes.numeric_rows import NumericRows, row_counts

BLURRED = 1e-7
"""Largest share of a sum of squares that the rounding of masked sums may make up."""


@dataclass(frozen=True)
class Ranges:
    """The agreed ranges of some variables: ``lower``, ``upper`` (variables,), in their units."""

    names: tuple[str, ...]
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, plan: Plan, names: Sequence[str]) -> Ranges:
        """Those of ``names``; raises ``BadParameters`` unless all are numeric with a range."""
        variables = [plan.variable(name, "numeric") for name in names]
        for variable in variables:
            if variable.lower is None or variable.upper is None or not np.isfinite(variable.upper - variable.lower):
                raise BadParameters(
                    f"{variable.name!r} has no agreed range, which bounds its sums: declare its lower and upper."
                )
        bounds = np.array([(v.lower, v.upper) for v in variables], dtype=np.float64)
        return cls(tuple(names), bounds[:, 0], bounds[:, 1])

    @cached_property
    def width(self) -> Floats:
        """``upper`` - ``lower``."""
        return np.asarray(self.upper - self.lower)

    @cached_property
    def middle(self) -> Floats:
        """Half way between ``lower`` and ``upper``."""
        return np.asarray(self.lower + self.width / 2)

    def reach(self, centre: Floats) -> Floats:
        """How far a value can be from ``centre`` (..., variables), in the variables' units."""
        return np.maximum(self.upper - centre, centre - self.lower)

    def scaled(self, values: Floats, centre: Floats) -> Floats:
        """``values`` (rows, variables) around ``centre``, by the width."""
        return np.asarray((values - centre) / self.width)


@dataclass(frozen=True)
class Moments:
    """``mean``, ``deviation`` (variables,) and ``covariance`` (variables, variables; the diagonal alone unless
    products were asked for) in the variables' units, divided by ``rows`` - 1."""

    rows: int = 0
    subjects: int = 0
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    covariance: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    failure: str = ""

    @property
    def centred(self) -> bool:
        """Whether the mean is known."""
        return self.mean.size > 0

    @property
    def deviation(self) -> Floats:
        """Square roots of the variances."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def means_contract(ranges: Ranges) -> Contract:
    """Round 1."""
    outputs, evidence, partitions = row_counts()
    total = Output(
        name="sum", shape=(len(ranges.names),), lower=-0.5, upper=0.5, per="rows", subjects="subjects"
    )  # fmt: skip
    return Contract(phase="means", outputs=(*outputs, total), evidence=evidence, partitions=partitions)


def spread_contract(ranges: Ranges, mean: Floats | None, *, products: bool) -> Contract:
    """Round 2; its bounds follow from the mean and are open without."""
    outputs, evidence, partitions = row_counts()
    size = len(ranges.names)
    reach = None if mean is None else float((ranges.reach(mean) / ranges.width).max())
    square = None if reach is None else reach**2
    more = [
        Output(name="shift", shape=(size,), lower=_minus(reach), upper=reach, per="rows", subjects="subjects"),
        Output(name="squares", shape=(size,), lower=0.0, upper=square, per="rows", subjects="subjects"),
    ]
    if products:
        shape = (size * (size - 1) // 2,)
        more.append(
            Output(name="products", shape=shape, lower=_minus(square), upper=square, per="rows", subjects="subjects")
        )
    return Contract(phase="spread", outputs=(*outputs, *more), evidence=evidence, partitions=partitions)


def _minus(bound: float | None) -> float | None:
    return None if bound is None else -bound


def local_means(ranges: Ranges, chosen: NumericRows) -> Sums:
    """This institute's part of round 1."""
    return chosen.evidence() | {"sum": ranges.scaled(chosen.values, ranges.middle).sum(axis=0)}


def local_spread(ranges: Ranges, mean: Floats, chosen: NumericRows, *, products: bool) -> Sums:
    """This institute's part of round 2."""
    off = ranges.scaled(chosen.values, mean)
    scatter = off.T @ off
    sums = chosen.evidence() | {"shift": off.sum(axis=0), "squares": np.diag(scatter).copy()}
    return sums | ({"products": scatter[np.triu_indices(len(mean), 1)]} if products else {})


def after_means(ranges: Ranges, total: Sums) -> Moments:
    """The means, or why there are none."""
    rows = int(total["rows"])
    if rows < 2:
        return Moments(failure="Fewer than two rows have all variables: ask for fewer or other variables.")
    mean = ranges.middle + ranges.width * (total["sum"] / rows)
    # Rounding must not carry the mean of a constant at the edge out of the range that bounds it.
    return Moments(rows, int(total["subjects"]), np.clip(mean, ranges.lower, ranges.upper))


def after_spread(ranges: Ranges, before: Moments, total: Sums) -> Moments:
    """Means and covariances, or why there are none."""
    if int(total["rows"]) != before.rows:
        return Moments(failure="The institutes' rows changed between two rounds: run the study again.")
    shift = total["shift"] / before.rows
    scatter = _symmetric(total) - before.rows * np.outer(shift, shift) * _known(total)
    np.fill_diagonal(scatter, np.maximum(np.diag(scatter), 0.0))
    covariance = scatter * np.outer(ranges.width, ranges.width) / (before.rows - 1)
    mean = np.clip(before.mean + ranges.width * shift, ranges.lower, ranges.upper)
    return Moments(before.rows, before.subjects, mean, covariance)


def _symmetric(total: Sums) -> Floats:
    scatter = np.diag(total["squares"]).astype(np.float64)
    if "products" in total:
        above = np.triu_indices(len(scatter), 1)
        scatter[above] = total["products"]
        scatter.T[above] = total["products"]
    return scatter


def _known(total: Sums) -> Floats:
    """1 where the scatter is known: everywhere, or on the diagonal alone."""
    size = len(total["squares"])
    return np.ones((size, size)) if "products" in total else np.eye(size)


def unusable_variable(plan: Plan, ranges: Ranges, moments: Moments) -> str:
    """Why there is no result where a variable never varies, or less than masked sums can tell; or nothing."""
    blur = plan.rounding(1.0)
    for name, deviation, width in zip(ranges.names, moments.deviation, ranges.width, strict=True):
        scatter = (moments.rows - 1) * (deviation / width) ** 2
        if scatter <= blur:
            return f"{name!r} has the same value in all rows of all institutes: leave it out."
        if blur > BLURRED * scatter:
            return (f"The declared range of {name!r} is so much wider than its values that masked sums are too coarse: "
                    "declare a narrower one.")  # fmt: skip
    return ""
