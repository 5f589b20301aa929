"""One institute's sums for a statistics study, with every small cell left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Codes, Floats, Mask, Table
from jazari.studies.messages import Array, Sums
from jazari.studies.recipes import base
from jazari.studies.recipes.cells import Division, count_subjects, divide, dominated, telling
from jazari.studies.recipes.statistics_layout import Layout


@dataclass(frozen=True)
class Groups:
    """The group of each row, -1 where its group is left out."""

    of_row: Codes
    count: int
    division: Division

    @classmethod
    def of(cls, table: Table, layout: Layout) -> Groups:
        """Cross the grouping variables; rows where one is missing are in its last group."""
        group = np.zeros(table.rows, dtype=np.int64)
        possible = np.ones(1, dtype=np.bool_)
        for variable, size in zip(layout.grouping, layout.sizes, strict=True):
            codes = table.levels(variable.name, variable.levels)
            group = group * size + np.where(codes < 0, size - 1, codes)
            possible = np.logical_and.outer(possible, np.append(_declared(table, variable), True)).ravel()
        whole = np.zeros(table.rows, dtype=np.int64)
        division = divide(whole, group, table.subject, (1, layout.groups), layout.plan.floor, possible)
        return cls(np.where(division.kept, group, -1), layout.groups, division)


def _declared(table: Table, variable: AgreedVariable) -> Mask:
    """Which of the agreed levels this institute's own schema declares."""
    return np.isin(variable.levels, table.schema.variable(variable.name).levels)


def local_counts(table: Table, groups: Groups, layout: Layout) -> Sums:
    """Outputs and evidence of round 1."""
    top = groups.division
    sums: Sums = {
        "rows": top.rows[0],
        "subjects": top.subjects[0],
        "left_out": _as_flag(top.left_out[0]),
        "all.rows": np.array(table.rows),
        "all.hidden": np.array(top.behind[0]),
    }
    for variable in layout.studied:
        sums |= VariableRows.of(table, groups, variable, layout).counts()
    return sums


def local_spread(table: Table, groups: Groups, first: Sums, layout: Layout) -> Sums:
    """Outputs and evidence of round 2, around the means that the total of round 1, ``first``, leads to."""
    sums: Sums = {}
    for variable in layout.spread:
        rows = VariableRows.of(table, groups, variable, layout)
        mean = common_mean(first, variable.name)
        sums |= rows.used() | rows.squares(mean)
    return sums


def divisions(table: Table, groups: Groups, layout: Layout) -> tuple[base.Division, ...]:
    """The cells of rows that the sums of both rounds tell about."""
    grouped = tuple(variable.name for variable in layout.grouping)
    found = [base.Division(grouped, groups.of_row)] if grouped else []
    for variable in layout.studied:
        found += VariableRows.of(table, groups, variable, layout).divisions()
    return tuple(found)


def common_mean(first: Sums, name: str) -> Floats:
    """The mean over all institutes in each group, 0 where there is none. Shape (groups,)."""
    used = first[f"{name}.used"]
    return np.asarray(np.where(used > 0, first[f"{name}.sum"] / np.maximum(used, 1), 0.0))


@dataclass(frozen=True)
class VariableRows:
    """One variable's rows in the groups that are released."""

    name: str
    table: Table
    groups: Groups
    layout: Layout
    variable: AgreedVariable
    present: Mask
    split: Division
    closed: Mask
    elsewhere: Codes
    group: Codes
    values: Array

    @classmethod
    def of(cls, table: Table, groups: Groups, variable: AgreedVariable, layout: Layout) -> VariableRows:
        """Divide each group into missing and present."""
        if variable.kind == "numeric":
            values: Array = table.numbers(variable.name)
            present = ~np.isnan(values)
        else:
            values = table.levels(variable.name, variable.levels)
            present = values >= 0
        floor = layout.plan.floor
        split = divide(groups.of_row, present.astype(np.int64), table.subject, (groups.count, 2), floor)
        closed, elsewhere = _protect_overall(table, groups, present, split, floor)
        group = np.where(present & ~np.append(closed, True)[groups.of_row], groups.of_row, -1)
        return cls(variable.name, table, groups, layout, variable, present, split, closed, elsewhere, group, values)

    def counts(self) -> Sums:
        """Everything of round 1."""
        name, open_ = self.name, ~self.closed
        rows, subjects = self.split.rows * open_[:, None], self.split.subjects * open_[:, None]
        sums: Sums = {
            f"{name}.missing": rows[:, 0],
            f"{name}.missing.subjects": subjects[:, 0],
            f"{name}.present": rows[:, 1],
            f"{name}.present.subjects": subjects[:, 1],
            f"{name}.hidden": self.groups.division.subjects[0] * self.closed,
            f"{name}.left_out": _as_flag(self.closed),
            f"{name}.elsewhere": self.elsewhere,
        }
        if self.variable.kind == "numeric":
            sums |= self.used() | {f"{name}.sum": self._total(self.values), f"{name}.used.left_out": self._unused()}
        return sums | self._cells()

    def divisions(self) -> list[base.Division]:
        """Missing and present by group, what is summed, and the cells."""
        open_ = np.where(np.append(self.closed, True)[self.groups.of_row], -1, self.groups.of_row)
        cells = [np.where(open_ >= 0, 2 * open_ + self.present, -1)]
        if self.variable.kind == "numeric":
            cells.append(self._used_group)
        if self.layout.cells(self.variable):
            place = self.group * self.layout.cells(self.variable) + self._cell_of_row()
            cells.append(np.where(self._division.kept, place, -1))
        return [base.Division((self.name,), cell) for cell in cells]

    @cached_property
    def _telling(self) -> Array:
        """Groups whose sums would give away a small cell or, nearly, one subject's part."""
        floor, lower = self.layout.plan.floor, self.variable.lower
        told = telling(self.group, self.values, self.table.subject, self.groups.count, floor)
        if floor > 1 and lower is not None and lower >= 0:
            told = told | dominated(self.group, self.values, self.table.subject, self.groups.count)
        return told

    def _unused(self) -> Array:
        return _as_flag(self.closed | self._telling)

    @cached_property
    def _used_group(self) -> Codes:
        return np.where(np.append(self._telling, False)[self.group], -1, self.group)

    def used(self) -> Sums:
        """Rows and subjects behind the moments."""
        whole = np.where(self._used_group >= 0, 0, -1)
        division = divide(self._used_group, whole, self.table.subject, (self.groups.count, 1), 0)
        return {f"{self.name}.used": division.rows[:, 0], f"{self.name}.used.subjects": division.subjects[:, 0]}

    def squares(self, mean: Floats) -> Sums:
        """Differences from the common mean of the group, plain and squared."""
        off = self.values - mean[self._used_group]
        return {f"{self.name}.shift": self._total(off), f"{self.name}.squares": self._total(off**2)}

    def _total(self, values: Floats) -> Floats:
        inside = self._used_group >= 0
        total = np.bincount(self._used_group[inside], weights=values[inside], minlength=self.groups.count)
        return total.astype(np.float64)

    def _cells(self) -> Sums:
        cells = self.layout.cells(self.variable)
        if not cells:
            return {}
        division = self._division
        left_out = (division.left_out | self.closed[:, None]) & self._possible
        name = f"{self.name}.cells"
        return {
            name: division.rows,
            f"{name}.subjects": division.subjects,
            f"{name}.left_out": _as_flag(left_out),
            f"{name}.hidden": division.behind,
        }

    @property
    def _possible(self) -> Mask:
        """The cells that can have rows here at all."""
        if self.variable.kind == "category":
            return _declared(self.table, self.variable)
        return np.ones(self.layout.cells(self.variable), dtype=np.bool_)

    @cached_property
    def _division(self) -> Division:
        floor, shape = self.layout.plan.floor, (self.groups.count, self.layout.cells(self.variable))
        return divide(self.group, self._cell_of_row(), self.table.subject, shape, floor, self._possible)

    def _cell_of_row(self) -> Codes:
        edges = self.layout.edges(self.variable)
        if edges is None:
            return self.values
        # Bins are [low, high) and the last one includes its upper edge, as in numpy.histogram.
        place = np.searchsorted(edges, self.values, side="right")
        return np.where(self.values == edges[-1], len(edges) - 1, place).astype(np.int64)


def _protect_overall(table: Table, groups: Groups, present: Mask, split: Division, floor: int) -> tuple[Mask, Codes]:
    """The groups (groups,) whose division into missing and present is left out, and subjects behind them all.

    A dataset card tells the share that is missing in the whole data set (unless that is a small count), so
    what is left out must not be derivable from it either: more groups are closed, smallest first.
    """
    closed = groups.division.left_out[0] | split.left_out.any(axis=1)
    overall = [count_subjects(table.subject[~present]), count_subjects(table.subject[present])]
    if any(0 < subjects < floor for subjects in overall):
        return np.asarray(closed), np.zeros(2, dtype=np.int64)
    sizes = groups.division.subjects[0]
    order = [int(g) for g in np.argsort(sizes, kind="stable") if sizes[g] > 0 and not closed[g]]
    while order and _is_small(_elsewhere(table, groups, present, closed), floor):
        closed[order.pop(0)] = True
    return np.asarray(closed), _elsewhere(table, groups, present, closed)


def _elsewhere(table: Table, groups: Groups, present: Mask, closed: Mask) -> Codes:
    """Distinct subjects with a missing, and with a present value, in all that is left out. Shape (2,)."""
    hidden = np.append(closed, True)[groups.of_row]
    parts = (hidden & ~present, hidden & present)
    return np.array([count_subjects(table.subject[part]) for part in parts])


def _is_small(subjects: Codes, floor: int) -> bool:
    return bool(((subjects > 0) & (subjects < floor)).any())


def _as_flag(mask: Array) -> Array:
    return mask.astype(np.int64)
