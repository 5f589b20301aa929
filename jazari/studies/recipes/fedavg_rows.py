"""One institute's rows for a network: which may be used under the floor, and their inputs and targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask, Table, distinct_subjects
from jazari.studies.errors import BelowFloor, IncompatibleData
from jazari.studies.recipes.cells import FEW_VALUES, count_subjects
from jazari.studies.recipes.fedavg_design import NetDesign
from jazari.studies.recipes.fedavg_inputs import Encoded, encode
from jazari.studies.recipes.fedavg_network import Inputs
from jazari.studies.recipes.fedavg_text import Bags, bags

PARAMETERS_PER_SUBJECT = 100
"""Most parameters that an institute's rows may move, for each of its subjects.

No proof of anything: a network has more parameters than subjects by nature. It only stops one so wide that an
institute's change could hold its rows as they are.
"""


@dataclass(frozen=True)
class Rows:
    """What may be used. ``used``: one bool a row; ``buckets``: one bool a bucket of words (empty without texts).

    ``smallest``: subjects of the least cell; ``left_behind``: subjects of the rows that are not used.
    """

    used: Mask
    buckets: Mask
    smallest: int
    left_behind: int


@dataclass(frozen=True)
class LocalNet:
    """One institute's columns for a network. All arrays have one entry per row of the table."""

    design: NetDesign
    table: Table

    @cached_property
    def numbers(self) -> dict[str, Floats]:
        """The numeric predictors, and a numeric response."""
        names = {v.name for v in (*self.design.numeric, self.design.response) if v.kind == "numeric"}
        return {name: self.table.numbers(name) for name in sorted(names)}

    @cached_property
    def codes(self) -> dict[str, Codes]:
        """The categories as agreed indexes, -1 where missing."""
        return {v.name: self.table.levels(v.name, v.levels) for v in self.design.categories}

    @cached_property
    def classes(self) -> Codes:
        """The class of each row, -1 where missing; raises ``IncompatibleData`` for numbers that are no class."""
        response, positive = self.design.response, self.design.parameters.positive
        if response.kind == "category":
            codes = self.table.levels(response.name, response.levels)
            if positive is None:
                return codes
            return np.where(codes < 0, -1, codes == response.levels.index(positive))
        values = self.numbers[response.name]
        if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
            raise IncompatibleData(f"{response.name!r} must be 0 or 1 in every row: declare it as a category.")
        return np.where(np.isnan(values), -1, values == 1).astype(np.int64)

    @cached_property
    def bags(self) -> Bags | None:
        """The words of a text model, hashed."""
        parameters = self.design.parameters
        if parameters.model != "text":
            return None
        texts = [(name, self.table.words(name)) for name in parameters.predictors]
        return bags(texts, parameters.buckets, parameters.ngrams)

    @cached_property
    def complete(self) -> Mask:
        """Rows with a response and, unless missing values are replaced, every predictor."""
        response = self.design.response.name
        regression = self.design.parameters.task == "regression"
        mask = ~np.isnan(self.numbers[response]) if regression else self.classes >= 0
        if self.design.parameters.missing == "leave_out":
            for name in self.design.parameters.predictors:
                mask = mask & self._present(name)
        return np.asarray(mask)

    def _present(self, name: str) -> Mask:
        if name in self.codes:
            return np.asarray(self.codes[name] >= 0)
        if name in self.numbers:
            return ~np.isnan(self.numbers[name])
        return np.array([text != "" for text in self.table.words(name)], dtype=np.bool_)

    def choose(self) -> Rows:
        """The rows that may be used; raises ``BelowFloor`` when too few subjects are left for the network.

        A class, a level of a predictor (also of a number with few values, or that it is missing) and each level
        with each class must have no or ``floor`` subjects, since the changes of biases and of the first layer
        count them. A rare class is left out; a level that is rare with some class is left out with all classes.
        """
        used = self.complete
        while True:
            kept = self._leave_out_some(self._without_rare_levels(self._without_rare_classes(used)))
            if (kept == used).all():
                break
            used = kept
        buckets, behind = self._buckets(used)
        self._refuse_too_few(used, buckets)
        smallest = min([*self._smallest(used), *behind[buckets].tolist()])
        return Rows(used, buckets, smallest, count_subjects(self.table.subject[~used]))

    def _outcome(self, used: Mask) -> Codes | None:
        if self.design.plan.floor <= 1:
            return None
        if self.design.parameters.task == "regression":
            return _few_valued(self.numbers[self.design.response.name], used)
        return np.where(used, self.classes, -1)

    def _factors(self, used: Mask) -> list[Codes]:
        """Codes of every predictor that makes cells, -1 for rows not used; without a floor no cell matters."""
        found: list[Codes] = []
        if self.design.plan.floor <= 1:
            return found
        for variable in (column.variable for column in self.design.columns):
            if variable.kind == "category":
                codes = self.codes[variable.name]
                found.append(np.where(used, np.where(codes < 0, len(variable.levels), codes), -1))
                continue
            values = self.numbers[variable.name]
            few = _few_valued(values, used & ~np.isnan(values))
            missing = np.where(used, np.isnan(values), -1).astype(np.int64)
            found.append(missing if few is None else np.where(used & (few < 0), FEW_VALUES, few))
        return found

    def _without_rare_classes(self, used: Mask) -> Mask:
        outcome = self._outcome(used)
        return used if outcome is None else used & ~self._rare(outcome)

    def _without_rare_levels(self, used: Mask) -> Mask:
        outcome, drop = self._outcome(used), np.zeros_like(used)
        for factor in self._factors(used):
            drop |= self._rare(factor)
            if outcome is not None:
                levels = np.unique(factor[self._rare(_cross(factor, outcome))])
                drop |= np.isin(factor, levels[levels >= 0])
        return used & ~drop

    def _subjects(self, cell: Codes) -> Codes:
        return distinct_subjects(cell, self.table.subject, int(cell.max(initial=-1)) + 1)

    def _rare(self, cell: Codes) -> Mask:
        subjects = self._subjects(cell)
        small = (subjects > 0) & (subjects < self.design.plan.floor)
        return np.asarray(np.append(small, False)[cell])

    def _leave_out_some(self, used: Mask) -> Mask:
        """If only 1 to floor - 1 subjects are left out, their count could be derived: leave out a few more."""
        subject, floor = self.table.subject, self.design.plan.floor
        out = np.unique(subject[~used])
        if not 0 < out.size < floor:
            return used
        others = np.setdiff1d(np.unique(subject[used]), out)
        return used & ~np.isin(subject, others[: floor - out.size])

    def _buckets(self, used: Mask) -> tuple[Mask, Codes]:
        """Buckets with a word of at least ``floor`` subjects, and how many subjects each has."""
        if self.bags is None:
            return np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.int64)
        row = self.bags.row
        cell = np.where(used[row], self.bags.index, -1)
        subjects = distinct_subjects(cell, self.table.subject[row], self.bags.buckets)
        return subjects >= max(self.design.plan.floor, 1), subjects

    def _smallest(self, used: Mask) -> list[int]:
        """Subjects of the least cell of each kind."""
        outcome, factors = self._outcome(used), self._factors(used)
        cells = [np.where(used, 0, -1), *factors]
        if outcome is not None:
            cells += [outcome, *(_cross(factor, outcome) for factor in factors)]
        counts = [self._subjects(cell) for cell in cells]
        return [int(count[count > 0].min()) for count in counts if (count > 0).any()]

    def _refuse_too_few(self, used: Mask, buckets: Mask) -> None:
        subjects, plan = count_subjects(self.table.subject[used]), self.design.plan
        if subjects == 0 or subjects < plan.floor:
            raise BelowFloor(
                "Fewer distinct subjects than the study's floor can be used for the network: "
                "this institute cannot take part."
            )
        if used.sum() > plan.largest_rows:
            raise IncompatibleData("The data here have more rows than the study says: ask for a new study.")
        if plan.floor > 1 and self.moved(used, buckets) > PARAMETERS_PER_SUBJECT * subjects:
            raise BelowFloor(
                f"The network has more than {PARAMETERS_PER_SUBJECT} parameters for each subject here: "
                "use fewer layers, levels or buckets."
            )

    def moved(self, used: Mask, buckets: Mask) -> int:
        """How many parameters the rows can change: those of inputs that occur, and all behind the first layer."""
        inputs = int(buckets.sum()) + sum(v.kind == "numeric" for v in (c.variable for c in self.design.columns))
        inputs += sum(int(column.indicator) for column in self.design.columns)
        inputs += sum(int((np.unique(codes[used]) >= 0).sum()) for codes in self.codes.values())
        sizes = self.design.sizes
        return self.design.size - (sizes[0] - inputs) * sizes[1]

    def inputs(self, rows: Rows, columns: tuple[Encoded, ...]) -> Inputs:
        """The inputs of the used rows, made when asked for."""
        places = np.flatnonzero(rows.used)
        if self.bags is not None:
            held = self.bags
            return lambda chosen: held.take(places[chosen], rows.buckets)
        values = {name: column[places] for name, column in (self.numbers | self.codes).items()}
        return lambda chosen: encode(columns, {c.name: values[c.name][chosen] for c in columns})

    def targets(self, rows: Rows, centre: float, scale: float) -> Floats:
        """(used rows, outputs): a scaled value, 0 or 1, or 1 at the class."""
        if self.design.parameters.task == "regression":
            return np.asarray((self.numbers[self.design.response.name][rows.used] - centre) / scale)[:, None]
        codes = self.classes[rows.used][:, None]
        if self.design.parameters.task == "binary":
            return codes.astype(np.float64)
        return np.asarray(codes == np.arange(self.design.outputs), dtype=np.float64)


def _few_valued(column: Floats, used: Mask) -> Codes | None:
    """Codes of a numeric column with so few values that sums count them; -1 for rows that are not used."""
    values = np.unique(column[used])
    if not 0 < values.size <= FEW_VALUES:
        return None
    codes = np.full(column.shape, -1, dtype=np.int64)
    codes[used] = np.searchsorted(values, column[used])
    return codes


def _cross(one: Codes, other: Codes) -> Codes:
    width = int(other.max(initial=-1)) + 1
    return np.where((one >= 0) & (other >= 0), one * width + other, -1)
