"""A study over tables in memory: recipe, guard and messages, without files, permits or processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jazari.studies import guard
from jazari.studies.agreement import StudyText
from jazari.studies.data.schema import check_agreed
from jazari.studies.data.table import Table
from jazari.studies.errors import RunFailed
from jazari.studies.messages import Message, Sums, encode
from jazari.studies.rounds import Fold, add_up
from jazari.studies.secure import fixed_point


@dataclass(frozen=True)
class Simulated:
    """``totals`` of each round; ``bytes_out`` by institute, over all rounds."""

    result: dict[str, Any]
    totals: tuple[Sums, ...]
    bytes_out: dict[str, int]

    @property
    def rounds(self) -> int:
        """How many rounds it took."""
        return len(self.totals)


def simulate(study: StudyText, tables: Mapping[str, Table], inputs: Path | None = None) -> Simulated:
    """Run ``study`` over ``tables`` (by institute), with the folder of its input files (see ``inputs``).

    Raises what the institutes would, or ``RunFailed``.
    """
    fold = Fold(study, len(tables), inputs)
    bytes_out = dict.fromkeys(sorted(tables), 0)
    totals: list[Sums] = []
    for table in tables.values():
        check_agreed(table.schema, study.variables)
    while len(totals) < study.max_rounds:
        answers = {name: _answer(fold, tables[name], study, len(totals)) for name in sorted(tables)}
        for name, answer in answers.items():
            bytes_out[name] += len(encode(Message("answer", "simulated", len(totals) + 1, answer)))
        totals.append(_total(fold, study, list(answers.values())))
        fold.contract(len(totals) - 1).check(totals[-1], len(tables))
        state = fold.take(totals[-1])
        if state.failure:
            raise RunFailed(state.failure)
        if state.done:
            return Simulated(fold.recipe.result(state, fold.plan), tuple(totals), bytes_out)
    raise RunFailed(f"There is no result after {len(totals)} rounds: propose the study with more rounds.")


def results_by_round(study: StudyText, told: Simulated) -> Iterator[tuple[dict[str, Any], int]]:
    """The result as it would be after each round, and how many bytes all institutes sent up to then.

    For recipes whose state has a result at any time, such as ``fedavg``: how many rounds and bytes a score takes.
    """
    fold, sent = Fold(study, len(told.bytes_out)), 0
    for number, total in enumerate(told.totals, start=1):
        state = fold.take(total)
        # An answer is as long as its total: the same arrays under the same header.
        sent += len(told.bytes_out) * len(encode(Message("answer", "simulated", number, total)))
        yield fold.recipe.result(state, fold.plan), sent


def _answer(fold: Fold, table: Table, study: StudyText, totals: int) -> Sums:
    sums = fold.recipe.local(table, fold.state(totals), fold.plan)
    return guard.release(fold.contract(totals), sums, study.floor)


def _total(fold: Fold, study: StudyText, answers: list[Sums]) -> Sums:
    """The total as secure aggregation gives it: masks cancel exactly, so only the rounding is done here."""
    if not study.secure_aggregation:
        return add_up(answers)
    contract, institutes = fold.contract(fold.known), len(answers)
    scale = fixed_point.exponents(contract, study.largest_rows, institutes)
    words = add_up([fixed_point.to_words(contract, answer, scale, institutes) for answer in answers])
    return fixed_point.from_words(contract, words, scale)
