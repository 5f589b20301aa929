"""Which cluster an institute counts each row in, so that rounds cannot be subtracted to find a few subjects.

Rows that have always been counted together form a block; at first all rows are one. Whatever anybody adds and
subtracts of the sums that an institute has sent is a sum over whole blocks, so it is enough that every block has
``floor`` subjects. In each round a block is divided by the nearest centre. While a part has too few subjects,
its cluster is left out for this block and each of the part's rows goes to the nearest of the other centres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask, distinct_subjects
from jazari.studies.messages import Sums
from jazari.studies.recipes.cells import FEW_VALUES, telling
from jazari.studies.recipes.numeric_moments import Ranges
from jazari.studies.recipes.numeric_rows import NumericRows


@dataclass(frozen=True)
class Placement:
    """``place`` (rows,): the cluster that each row is counted in.

    ``block`` (rows,): equal for rows that were together in every round. ``held``: whether a row is not counted in
    the cluster of its nearest centre.
    """

    place: Codes
    block: Codes
    held: bool


def squared_distances(points: Floats, centres: Floats) -> Floats:
    """(clusters, rows), of ``points`` (rows, variables) from ``centres`` (clusters, variables)."""
    return np.array([((points - centre) ** 2).sum(axis=1) for centre in centres])


def place_rows(chosen: NumericRows, points: Floats, path: Sequence[Floats], floor: int) -> Placement:
    """Where each row is counted after all rounds of ``path``, the centres (clusters, variables) of each round.

    ``points`` are the rows in the units of the centres. The earlier rounds are computed again from the data:
    nothing is remembered. With a floor of 1 the last round alone says where a row is.
    """
    block = place = nearest = np.zeros(len(points), dtype=np.int64)
    rule = _Rule.of(chosen, floor)
    for centres in path if floor > 1 else path[-1:]:
        distances = squared_distances(points, centres)
        nearest = distances.argmin(axis=0)
        place = nearest if floor <= 1 else _settle(rule, block, distances)
        _, block = np.unique(block * len(centres) + place, return_inverse=True)
    return Placement(place, block, bool((place != nearest).any()))


@dataclass(frozen=True)
class _Rule:
    """Which groups of rows tell too much. ``repeated`` are the columns that can hold few values in a group."""

    subject: Codes
    repeated: tuple[Floats, ...]
    floor: int

    @classmethod
    def of(cls, chosen: NumericRows, floor: int) -> _Rule:
        """In a group of ``floor`` subjects with few values, one value has a fair share of them, so it occurs often."""
        often = [np.unique(column, return_counts=True)[1].max() * FEW_VALUES >= floor for column in chosen.values.T]
        return cls(chosen.subject, tuple(chosen.values[:, place] for place in np.flatnonzero(often)), floor)

    def among(self, rows: Codes) -> _Rule:
        """The same for some of the rows."""
        return _Rule(self.subject[rows], tuple(column[rows] for column in self.repeated), self.floor)

    def broken(self, group: Codes, groups: int) -> tuple[Mask, Codes]:
        """Groups (groups,) of 1 to ``floor`` - 1 subjects, or whose sums count a value that so few subjects have.

        And the subjects of each.
        """
        subjects = distinct_subjects(group, self.subject, groups)
        bad = (subjects > 0) & (subjects < self.floor)
        for column in self.repeated:
            bad |= telling(group, column, self.subject, groups, self.floor)
        return np.asarray(bad), subjects


def _settle(rule: _Rule, block: Codes, distances: Floats) -> Codes:
    """The new place of each row."""
    nearest, clusters = distances.argmin(axis=0), len(distances)
    blocks = int(block.max()) + 1
    bad, _ = rule.broken(block * clusters + nearest, blocks * clusters)
    settled = np.array(nearest)
    order = np.argsort(block, kind="stable")
    ends = np.cumsum(np.bincount(block, minlength=blocks))
    for index in np.flatnonzero(bad.reshape(blocks, clusters).any(axis=1)):
        rows = order[ends[index - 1] if index else 0 : ends[index]]
        settled[rows] = _settle_block(rule.among(rows), distances[:, rows])
    return settled


def _settle_block(rule: _Rule, distances: Floats) -> Codes:
    """Leave out the smallest bad part's cluster until no part is bad.

    It ends: with one cluster left the part is the block, which was not bad when it was made.
    """
    open_ = np.ones(len(distances), dtype=np.bool_)
    while True:
        place = np.where(open_[:, None], distances, np.inf).argmin(axis=0)
        bad, subjects = rule.broken(place, len(distances))
        if not bad.any() or open_.sum() == 1:
            return np.asarray(place)
        open_[np.where(bad, subjects, np.iinfo(np.int64).max).argmin()] = False


def cluster_sums(
    chosen: NumericRows, points: Floats, placed: Placement, centres: Floats, ranges: Ranges, mean: Floats
) -> Sums:
    """Outputs and evidence of a round: ``points`` are standardised as ``centres`` are, sums are by the ranges."""
    clusters, place = len(centres), placed.place
    counts = np.bincount(place, minlength=clusters).astype(np.int64)
    off = ranges.scaled(chosen.values, mean)
    squares = ((points - centres[place]) ** 2).sum(axis=1)
    return {
        "counts": counts,
        "sums": np.array([off[place == cluster].sum(axis=0) for cluster in range(clusters)]),
        "within": np.bincount(place, weights=squares, minlength=clusters),
        "left_out": ((counts == 0) & placed.held).astype(np.int64),
        "held": np.array(int(placed.held)),
        "counts.subjects": distinct_subjects(place, chosen.subject, clusters),
        "smallest_block": np.array(_smallest(placed, chosen)),
    }


def _smallest(placed: Placement, chosen: NumericRows) -> int:
    """The fewest subjects of any block."""
    return int(distinct_subjects(placed.block, chosen.subject, int(placed.block.max()) + 1).min())
