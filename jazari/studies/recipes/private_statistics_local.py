"""One institute's plain sums for a private statistics study. No noise here: the guard adds it."""

from __future__ import annotations

import numpy as np

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Codes, Mask, Table
from jazari.studies.messages import Array, Sums
from jazari.studies.recipes.private_statistics_layout import STEPS, bounds, grid
from jazari.studies.recipes.statistics_layout import Layout


def plain_sums(table: Table, layout: Layout) -> Sums:
    """Outputs before noise, and the evidence ``<output>.most``. Only the first rows of each subject count."""
    kept = first_rows(table.subject, layout.plan.parameters.privacy.max_rows_per_subject)
    group = np.where(kept, _groups(table, layout), -1)
    sums = _counted("rows", group, table.subject, (layout.groups,))
    for variable in layout.studied:
        sums |= _of_variable(variable, table, group, layout)
    return sums


def first_rows(subject: Codes, most: int) -> Mask:
    """Which rows are among the first ``most`` of their subject, in the order of the file. One bool a row.

    It follows from the subject's own rows alone, so another subject's rows never change which of these count.
    """
    order = np.argsort(subject, kind="stable")
    ordered = subject[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if ordered.size else np.zeros(0, np.int64)
    place = np.arange(ordered.size) - np.repeat(starts, np.diff(np.append(starts, ordered.size)))
    kept = np.zeros(subject.size, dtype=np.bool_)
    kept[order] = place < most
    return kept


def _groups(table: Table, layout: Layout) -> Codes:
    group = np.zeros(table.rows, dtype=np.int64)
    for variable, size in zip(layout.grouping, layout.sizes, strict=True):
        codes = table.levels(variable.name, variable.levels)
        group = group * size + np.where(codes < 0, size - 1, codes)
    return group


def _of_variable(variable: AgreedVariable, table: Table, group: Codes, layout: Layout) -> Sums:
    name, cells = variable.name, layout.cells(variable)
    if variable.kind == "category":
        cell = table.levels(name, variable.levels)
        return _counted(f"{name}.cells", _within(group, cell, cells), table.subject, (layout.groups, cells))
    lower, upper = bounds(variable)
    values = table.numbers(name)
    present = np.where(np.isnan(values), -1, group)
    values = np.clip(np.where(np.isnan(values), lower, values), lower, upper)
    sums = _counted(f"{name}.present", present, table.subject, (layout.groups,))
    middle, step = grid(variable)
    steps = np.clip(np.rint((values - middle) / step), -STEPS, STEPS).astype(np.int64)
    sums |= _added(f"{name}.sum", present, table.subject, (layout.groups,), steps)
    edges = layout.edges(variable)
    if edges is not None:
        cell = np.searchsorted(edges, values, side="right")
        cell = np.where(values == edges[-1], len(edges) - 1, cell)
        sums |= _counted(f"{name}.cells", _within(present, cell, cells), table.subject, (layout.groups, cells))
    return sums


def _within(group: Codes, cell: Codes, cells: int) -> Codes:
    return np.where((group >= 0) & (cell >= 0), group * cells + cell, -1)


def _counted(name: str, cell: Codes, subject: Codes, shape: tuple[int, ...]) -> Sums:
    return _added(name, cell, subject, shape, np.ones(cell.size, dtype=np.int64))


def _added(name: str, cell: Codes, subject: Codes, shape: tuple[int, ...], values: Codes) -> Sums:
    """Sum of ``values`` by cell (-1: in none), and the largest sum of their absolute values over one subject."""
    inside = cell >= 0
    total = np.zeros(int(np.prod(shape)), dtype=np.int64)
    np.add.at(total, cell[inside], values[inside])
    weight: Array = np.zeros(int(subject.max(initial=0)) + 1, dtype=np.int64)
    np.add.at(weight, subject[inside], np.abs(values[inside]))
    return {name: total.reshape(shape), f"{name}.most": np.array(weight.max())}
