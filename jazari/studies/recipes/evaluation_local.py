"""One institute's predictions and what it may tell of them: the model is opened, checked and applied here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Codes, Floats, Mask, Table
from jazari.studies.errors import BadModel, BelowFloor, IncompatibleData, ModelNotFound
from jazari.studies.messages import Array, Sums
from jazari.studies.portable.files import read_limited, read_model
from jazari.studies.portable.model import Input, PortableModel
from jazari.studies.portable.prediction import compute
from jazari.studies.recipes.cells import Division, count_subjects, divide, telling
from jazari.studies.recipes.evaluation_layout import SUBJECTS_PER_SUM, SUMS_OF_SCORES, Layout


def agreed_model(layout: Layout) -> PortableModel:
    """The model that the study names, from this institute's folder of inputs.

    Raises ``ModelNotFound``, ``BadModel`` or ``IncompatibleData``.
    """
    parameters, plan = layout.parameters, layout.plan
    path = plan.inputs / parameters.sha256 if plan.inputs is not None else None
    if path is None or not path.is_file():
        raise ModelNotFound(f"The file of {parameters.model} is not here: run `jazari sync`, then try again.")
    data = read_limited(path)
    if hashlib.sha256(data).hexdigest() != parameters.sha256:
        raise BadModel(f"The file of {parameters.model} here is not the one that was agreed: remove {path}.")
    model = read_model(data, parameters.model)
    _check_fit(model, layout)
    return model


def _check_fit(model: PortableModel, layout: Layout) -> None:
    parameters, plan = layout.parameters, layout.plan
    if {one.name for one in model.inputs} != set(parameters.inputs):
        raise IncompatibleData(f"The study does not list exactly the inputs of {parameters.model}: ask for a new one.")
    for one in model.inputs:
        variable = layout.input(one.name)
        if (one.kind, one.unit) != (variable.kind, variable.unit):
            raise IncompatibleData(f"The model reads {one.name!r} in another unit or kind than the study: ask why.")
    if (model.task == "regression") != (parameters.task == "regression"):
        raise IncompatibleData(f"{parameters.model} is a {model.task} model: ask for a study of that task.")
    if parameters.task == "multiclass" and set(parameters.classes) != set(model.classes):
        raise IncompatibleData(f"The study does not list exactly the classes of {parameters.model}: ask for a new one.")
    if parameters.task == "regression" and model.unit != plan.variable(parameters.response).unit:
        raise IncompatibleData(f"The model predicts in {model.unit or 'no unit'}, not in the study's: ask why.")
    _event_place(model, parameters.positive, parameters.task)


def _event_place(model: PortableModel, positive: str | None, task: str) -> int:
    """Which of the model's scores is that of the event."""
    if task != "binary":
        return 0
    if positive is None and model.task == "binary":
        return 1
    if positive not in model.classes:
        raise IncompatibleData(f"{positive!r} is no class of the model: name one of {', '.join(model.classes)[:200]}.")
    return model.classes.index(positive)


def local_sums(table: Table, layout: Layout) -> Sums:
    """Outputs and evidence; raises ``BelowFloor`` when this institute cannot take part."""
    model = agreed_model(layout)
    predicted = compute(model, _columns(table, model, layout))
    judged = _judge(table, model, predicted, layout)
    used = _enough(judged.usable, table, layout.plan.floor)
    groups = _Groups.of(table, used, layout)
    cells = _Cells.of(table, groups, judged, layout)
    sums = cells.counts() | groups.evidence(table, cells)
    return sums | (cells.errors() if layout.parameters.task == "regression" else cells.scores())


def _columns(table: Table, model: PortableModel, layout: Layout) -> dict[str, Any]:
    return {one.name: _column(table, one, layout.input(one.name)) for one in model.inputs}


def _column(table: Table, one: Input, variable: AgreedVariable) -> Floats | Codes | tuple[str, ...]:
    if one.kind == "numeric":
        return table.numbers(one.name)
    if one.kind == "text":
        return table.words(one.name)
    place = {level: index for index, level in enumerate(one.levels)}
    known = np.array([*(place.get(level, -1) for level in variable.levels), -1], dtype=np.int64)
    return known[table.levels(one.name, variable.levels)]


@dataclass(frozen=True)
class _Judged:
    """Each row's cell within its group, and what is summed over it; rows that are not ``usable`` do not count.

    ``values`` are the errors or scores, ``losses`` their Brier terms, ``response`` is from the middle of its range.
    """

    usable: Mask
    part: Codes
    values: Floats
    losses: Floats
    response: Floats


def _judge(table: Table, model: PortableModel, predicted: Floats, layout: Layout) -> _Judged:
    task = layout.parameters.task
    if task == "regression":
        return _judge_number(table, predicted, layout)
    if task == "binary":
        place = _event_place(model, layout.parameters.positive, task)
        return _judge_event(table, predicted[:, place], layout)
    order = [model.classes.index(name) for name in layout.parameters.classes]
    return _judge_class(table, predicted[:, order], layout)


def _judge_number(table: Table, predicted: Floats, layout: Layout) -> _Judged:
    response = table.numbers(layout.response.name)
    usable = ~np.isnan(response) & ~np.isnan(predicted)
    errors = np.where(usable, np.clip(predicted, *layout.predicted) - response, 0.0)
    centred = np.where(usable, response - layout.middle, 0.0)
    return _Judged(usable, np.zeros(table.rows, dtype=np.int64), errors, errors**2, centred)


def _judge_event(table: Table, score: Floats, layout: Layout) -> _Judged:
    known, event = _events(table, layout)
    usable = known & ~np.isnan(score)
    score = np.where(usable, score, 0.0)
    bins = np.searchsorted(layout.parameters.edges, score, side="right") - 1
    part = event * layout.bins + np.minimum(bins, layout.bins - 1)
    return _Judged(usable, part.astype(np.int64), score, (score - event) ** 2, np.zeros(table.rows))


def _events(table: Table, layout: Layout) -> tuple[Mask, Codes]:
    """Which rows have an outcome, and whether it is the event."""
    if layout.response.kind == "numeric":
        values = table.numbers(layout.response.name)
        return np.isin(values, (0.0, 1.0)), (values == 1.0).astype(np.int64)
    codes = table.levels(layout.response.name, layout.response.levels)
    return codes >= 0, (codes == layout.response.levels.index(str(layout.parameters.positive))).astype(np.int64)


def _judge_class(table: Table, scores: Floats, layout: Layout) -> _Judged:
    classes = layout.parameters.classes
    place = np.array([*(classes.index(level) for level in layout.response.levels), -1], dtype=np.int64)
    actual = place[table.levels(layout.response.name, layout.response.levels)]
    usable = (actual >= 0) & ~np.isnan(scores).any(axis=1)
    scores = np.where(usable[:, None], scores, 0.0)
    best = np.argmax(scores, axis=1)
    truth = np.eye(len(classes))[np.maximum(actual, 0)]
    part = np.maximum(actual, 0) * len(classes) + best
    return _Judged(usable, part, scores.max(axis=1), ((scores - truth) ** 2).sum(axis=1), np.zeros(table.rows))


def _enough(usable: Mask, table: Table, floor: int) -> Mask:
    """The rows that may be used: where 1 to floor - 1 subjects lack something, a few others are left out with them."""
    out = np.unique(table.subject[~usable])
    if 0 < out.size < floor:
        others = np.setdiff1d(np.unique(table.subject[usable]), out)
        usable = usable & ~np.isin(table.subject, others[: floor - out.size])
    subjects = count_subjects(table.subject[usable])
    if subjects == 0 or subjects < floor:
        raise BelowFloor(
            "Fewer distinct subjects than the study's floor have an outcome and a prediction: "
            "this institute cannot take part."
        )
    return usable


@dataclass(frozen=True)
class _Groups:
    """The group of each row, -1 where its group is left out or it is not used."""

    of_row: Codes
    left_out: Mask
    layout: Layout

    @classmethod
    def of(cls, table: Table, used: Mask, layout: Layout) -> _Groups:
        group = np.zeros(table.rows, dtype=np.int64)
        possible = np.ones(1, dtype=np.bool_)
        for variable, size in zip(layout.grouping, layout.sizes, strict=True):
            codes = table.levels(variable.name, variable.levels)
            group = group * size + np.where(codes < 0, size - 1, codes)
            declared = np.isin(variable.levels, table.schema.variable(variable.name).levels)
            possible = np.logical_and.outer(possible, np.append(declared, True)).ravel()
        whole = np.where(used, 0, -1)
        division = divide(whole, group, table.subject, (1, layout.groups), layout.needed, possible)
        return cls(np.where(division.kept, group, -1), division.left_out[0], layout)

    def evidence(self, table: Table, cells: _Cells) -> Sums:
        """That nothing small follows by subtraction from all rows, nor from those of a group."""
        inside = self.of_row[self.of_row >= 0]
        return {
            "all.rows": np.array(table.rows),
            "all.hidden": np.array(count_subjects(table.subject[~cells.kept])),
            "groups.rows": np.bincount(inside, minlength=self.layout.groups).astype(np.int64),
            "groups.hidden": cells.behind,
        }


@dataclass(frozen=True)
class _Cells:
    """The cell of each row over all groups, and which rows are released."""

    of_row: Codes
    kept: Mask
    behind: Codes
    division: Division
    left_out: Mask
    table: Table
    judged: _Judged
    layout: Layout

    @classmethod
    def of(cls, table: Table, groups: _Groups, judged: _Judged, layout: Layout) -> _Cells:
        shape = (layout.groups, layout.parts)
        closed = groups.left_out.copy()
        of_group = groups.of_row
        if layout.parameters.task == "regression" and layout.plan.floor > 1:
            closed |= _told_by_sums(table, of_group, judged, layout)
            of_group = np.where(closed[of_group], -1, of_group)
        division = divide(of_group, judged.part, table.subject, shape, layout.needed)
        left_out = division.left_out | closed[:, None]
        cell = np.where(of_group >= 0, of_group * layout.parts + judged.part, -1)
        behind = division.behind.copy()
        for group in np.flatnonzero(closed & ~groups.left_out):
            behind[group] = count_subjects(table.subject[groups.of_row == group])
        return cls(cell, division.kept, behind, division, left_out, table, judged, layout)

    def _shaped(self, values: Array) -> Array:
        return np.asarray(values).reshape((self.layout.groups, *self.layout.cells))

    def _sum(self, values: Floats, kept: Mask) -> Array:
        size = self.layout.groups * self.layout.parts
        summed = np.bincount(self.of_row[kept], weights=values[kept], minlength=size)
        return self._shaped(summed.astype(np.float64))  # bincount of nothing counts in whole numbers

    def counts(self) -> Sums:
        """Rows of each cell, which cells are left out, and the subjects behind."""
        return {
            "rows": self._shaped(self.division.rows),
            "left_out": self._shaped(self.left_out.astype(np.int64)),
            "subjects": self._shaped(self.division.subjects),
        }

    def errors(self) -> Sums:
        """Sums of errors and of the response."""
        values, response = self.judged.values, self.judged.response
        return {
            "error.sum": self._sum(values, self.kept),
            "error.absolute": self._sum(np.abs(values), self.kept),
            "error.squares": self._sum(values**2, self.kept),
            "response.sum": self._sum(response, self.kept),
            "response.squares": self._sum(response**2, self.kept),
        }

    def scores(self) -> Sums:
        """Sums of scores and losses over the cells in which they would not tell how many rows have which score."""
        size = self.layout.groups * self.layout.parts
        floor, cell = self.layout.plan.floor, np.where(self.kept, self.of_row, -1)
        closed = np.zeros(size, dtype=np.bool_)
        if floor > 1:
            closed = telling(cell, self.judged.values, self.table.subject, size, floor)
            closed |= self.division.subjects.ravel() < max(floor, SUBJECTS_PER_SUM * SUMS_OF_SCORES)
        kept = (cell >= 0) & ~closed[cell]
        return {
            "score.rows": self._shaped(np.where(closed, 0, self.division.rows.ravel())),
            "score.subjects": self._shaped(np.where(closed, 0, self.division.subjects.ravel())),
            "score.sum": self._sum(self.judged.values, kept),
            "score.brier": self._sum(self.judged.losses, kept),
        }


def _told_by_sums(table: Table, group: Codes, judged: _Judged, layout: Layout) -> Mask:
    """Groups whose sums would give away how many subjects have one of a few errors or responses."""
    floor, subject = layout.plan.floor, table.subject
    told: Mapping[str, Floats] = {"errors": judged.values, "response": judged.response}
    masks = [telling(group, values, subject, layout.groups, floor) for values in told.values()]
    return np.asarray(masks[0] | masks[1])
