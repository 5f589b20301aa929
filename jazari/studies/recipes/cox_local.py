"""One institute's rows for a Cox model, and its sums over them.

The cells that the floor protects are the groups that *leave*: those whose time at risk ends in an interval of
the model, without and with the event. Risk sets of consecutive intervals differ by exactly such a group, so
the groups are sent and nothing smaller follows by subtracting one risk set from the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask, distinct_subjects
from jazari.studies.errors import BelowFloor, IncompatibleData
from jazari.studies.messages import Sums
from jazari.studies.recipes.cells import telling
from jazari.studies.recipes.cox_design import CoxDesign
from jazari.studies.recipes.cox_grid import Halving, block_of_interval, halvings, interval_of
from jazari.studies.recipes.cox_solve import CoxState, exponent_of
from jazari.studies.recipes.glm_design import SUBJECTS_PER_COLUMN, LocalDesign, Rows, cross


@dataclass(frozen=True)
class CoxRows(LocalDesign):
    """Rows with their times; choosing them follows the rules of linear models with the event as outcome."""

    design: CoxDesign

    @cached_property
    def _times(self) -> tuple[Codes, Mask]:
        return interval_of(self.table.numbers(self.design.plan.parameters.duration), self.design.edges)

    @property
    def interval(self) -> Codes:
        """(rows,): the declared interval that each row leaves in; -1 where the duration is missing."""
        return self._times[0]

    @cached_property
    def response(self) -> Floats:
        """(rows, 1): 1 with the event within the grid, 0 without, NaN where event or duration are missing."""
        interval, within = self._times
        event = self._response(self.design.responses[0])
        if not np.isin(event[~np.isnan(event)], (0.0, 1.0)).all():
            raise IncompatibleData("The event has other values than 0 and 1 here: leave these rows out or recode them.")
        known = (interval >= 0) & ~np.isnan(event)
        return np.where(known, np.where(within, event, 0.0), np.nan)[:, None]

    @cached_property
    def event(self) -> Codes:
        """(rows,): 1 with the event, 0 without or unknown."""
        return np.asarray(self.response[:, 0] == 1, dtype=np.int64)

    def _factors(self, used: Mask) -> list[Codes]:
        """Also all categories together, where no other number blurs the sums of exponentials over them."""
        factors = super()._factors(used)
        if len(factors) < 2 or len(factors) < len(self.codes) + len(self.numbers):
            return factors
        together = factors[0]
        for factor in factors[1:]:
            _, together = np.unique(cross(together, factor), return_inverse=True)
            together = np.where(used, together, -1)
        return [*factors, together]

    def needed(self, used: Mask) -> int:
        """Fewest subjects in a group whose sums by column leave: the floor, and more for a large model."""
        floor = self.design.plan.floor
        return max(floor, SUBJECTS_PER_COLUMN * self._columns(used)) if floor > 1 else floor

    def summed(self, part: Codes) -> Codes:
        """The group of each row whose columns are summed, for rows in ``part`` of time (-1: none)."""
        return cross(part, self.event, 2) if self.design.efron else part

    def small(self, used: Mask, part: Codes, parts: int) -> Mask:
        """(parts,): parts of time in which some group of leaving rows is too small. ``part``: -1 for none."""
        floor, subject = self.design.plan.floor, self.table.subject
        part = np.where(used, part, -1)
        least = np.full(parts, np.iinfo(np.int64).max)
        groups, kinds = self.summed(part), self.design.kinds
        for cells in self._cells(used, part, groups):
            counts = distinct_subjects(cells, subject, int(cells.max(initial=-1)) + 1)
            rows = cells >= 0
            np.minimum.at(least, part[rows], counts[cells[rows]])
        found = least < floor
        sizes = distinct_subjects(groups, subject, parts * kinds).reshape(parts, kinds)
        found |= ((sizes > 0) & (sizes < self.needed(used))).any(axis=1)
        for column in self.numbers.values():
            found |= telling(groups, column, subject, parts * kinds, floor).reshape(parts, kinds).any(axis=1)
        return np.asarray(found)

    def _cells(self, used: Mask, part: Codes, groups: Codes) -> Iterator[Codes]:
        """Cells whose subjects the sums over parts of time give away."""
        yield cross(part, self.event)
        for factor in self._factors(used):
            yield cross(groups, factor)

    def least(self, used: Mask, part: Codes) -> int:
        """The fewest subjects in any of the cells."""
        part = np.where(used, part, -1)
        counts = [distinct_subjects(cells, self.table.subject, int(cells.max(initial=-1)) + 1)
                  for cells in self._cells(used, part, self.summed(part))]  # fmt: skip
        return int(min(count[count > 0].min(initial=np.iinfo(np.int64).max) for count in counts))


def refusals(local: CoxRows, rows: Rows) -> Sums:
    """1 for each halving that this institute refuses; raises ``BelowFloor`` if even the whole grid is too fine."""
    if local.small(rows.used, np.zeros(local.interval.shape, dtype=np.int64), 1).any() or _events_tell(local, rows):
        raise BelowFloor(
            "Too few distinct subjects have the event, or do not have it, for the predictors of the model: "
            "use fewer predictors or Breslow's ties."
        )
    tree = halvings(local.design.intervals)
    refused = np.zeros(len(tree), dtype=np.int64)
    for depth in range(max((h.depth for h in tree), default=-1) + 1):
        here = [index for index, halving in enumerate(tree) if halving.depth == depth]
        refused[here] = _refused_at(local, rows.used, [tree[index] for index in here])
    _refuse_below(tree, refused)
    return {"refused": refused}


def _events_tell(local: CoxRows, rows: Rows) -> bool:
    """Whether a number has so few values among those with the event that its sum over them counts one."""
    event = np.where(rows.used & (local.event == 1), 0, -1)
    floor, subject = local.design.plan.floor, local.table.subject
    return any(telling(event, column, subject, 1, floor).any() for column in local.numbers.values())


def _refused_at(local: CoxRows, used: Mask, level: list[Halving]) -> Codes:
    half = np.full(local.design.intervals + 1, -1, dtype=np.int64)  # the last place is that of interval -1
    for index, halving in enumerate(level):
        half[halving.low : halving.middle] = 2 * index
        half[halving.middle : halving.high] = 2 * index + 1
    small = local.small(used, half[local.interval], 2 * len(level))
    return np.asarray(small.reshape(len(level), 2).any(axis=1), dtype=np.int64)


def _refuse_below(tree: tuple[Halving, ...], refused: Codes) -> None:
    """Within a refused part all is refused: nothing more is told about it."""
    for index, halving in enumerate(tree):
        if refused[index]:
            size = halving.high - halving.low - 1
            refused[index : index + size] = 1


def sums_by_interval(local: CoxRows, rows: Rows, state: CoxState, name: str, kinds: int) -> tuple[Codes, Sums]:
    """The cell of each used row, and the counts and evidence of cells called ``name``: (intervals, kinds).

    Honest totals lead to intervals that this institute did not refuse; others raise ``BelowFloor``.
    """
    used, design = rows.used, local.design
    block = np.append(block_of_interval(design.intervals, state.blocks), -1)[local.interval]
    if local.small(used, block, design.intervals).any():
        raise BelowFloor(
            "The intervals of the model tell fewer distinct subjects apart than the study's floor allows: "
            "nothing was sent, tell the board."
        )
    part = np.where(used, block, -1)
    cell = cross(part, local.event, 2) if kinds == 2 else part
    cells = design.intervals * kinds
    shape = (design.intervals, kinds)
    evidence: Sums = {
        name: np.bincount(cell[used], minlength=cells).reshape(shape).astype(np.int64),
        f"{name}.subjects": distinct_subjects(cell, local.table.subject, cells).reshape(shape),
        f"{name}.hidden": np.array(0),
        "smallest_cell": np.array(min(rows.smallest, local.least(used, block))),
    }
    return cell[used], evidence


def moments(local: CoxRows, rows: Rows, state: CoxState) -> Sums:
    """Moments, levels, and who leaves when."""
    return local.moments(rows.used, state.centre) | sums_by_interval(local, rows, state, "leaving", 2)[1]


def newton(local: CoxRows, rows: Rows, state: CoxState) -> Sums:
    """Sums of each row's hazard relative to the largest that the agreed ranges allow."""
    design, used = local.design, rows.used
    cell, sums = sums_by_interval(local, rows, state, "cells", design.kinds)
    matrix = local.matrix(used, state.centre, state.scale)
    hazard = np.exp(matrix @ state.beta - exponent_of(design, state, state.beta))
    shape, cells = (design.intervals, design.kinds), design.intervals * design.kinds
    event, block = local.event[used], cell // design.kinds
    lasting, tied = state.lag.shares()
    curvature = matrix.T @ (matrix * (hazard * (lasting[block] - event * tied[block]))[:, None])
    weighted = [np.bincount(cell, weights=hazard * column, minlength=cells) for column in matrix.T]
    sums |= {
        "hazards": np.bincount(cell, weights=hazard, minlength=cells).reshape(shape),
        "weighted": np.stack(weighted, axis=1).reshape(*shape, len(weighted)),
        "curvature": (curvature + curvature.T) / 2,
        "events": matrix[event == 1].sum(axis=0),
    }
    return sums
