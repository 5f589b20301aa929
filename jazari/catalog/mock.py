"""Mock rows, from a schema alone: seeded, marked as mock, the same bytes on every machine.

Because they can be made again by anybody, everybody can check that a published file of mock rows holds no
real row. They follow declared bounds and levels only; nothing about them is like the real data.
"""

from __future__ import annotations

import csv
import io
import random
from typing import Any

from jazari.catalog.cards.dataset import DatasetCard, Variable
from jazari.catalog.errors import CardRefused

MARK = "_mock"
"""The column that marks each row as mock."""
_ONE_IN = 20
_DEFAULT_RANGE = (0.0, 100.0)


def mock_rows(card: DatasetCard) -> list[dict[str, Any]]:
    """The rows that ``card.mock`` asks for, each marked; ``CardRefused`` if it asks for none.

    About one value in 20 of a variable with missing codes is its first code, so that code which forgets
    them fails early.
    """
    if card.mock is None:
        raise CardRefused("This dataset card has no mock rows: add `mock` with a number of rows and a seed.")
    # Only random.random() is promised to give the same numbers in every version of Python.
    draw = random.Random(card.mock.seed).random  # noqa: S311  mock data, no secret
    return [
        {MARK: 1} | {variable.name: _value(variable, number, draw(), draw()) for variable in card.variables}
        for number in range(1, card.mock.rows + 1)
    ]


def mock_csv(card: DatasetCard) -> bytes:
    """``mock_rows`` as CSV (UTF-8, comma, line feeds), with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [MARK, *(variable.name for variable in card.variables)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(mock_rows(card))
    return text.getvalue().encode()


def _value(variable: Variable, number: int, gap: float, chance: float) -> object:
    if variable.missing and gap * _ONE_IN < 1:
        return variable.missing[0]
    if variable.kind == "numeric":
        return _number(variable, chance)
    if variable.kind == "category":
        return variable.levels[int(chance * len(variable.levels))]
    return f"mock-{variable.name}-{number}"


def _number(variable: Variable, chance: float) -> float:
    lower, upper = _range(variable.lower, variable.upper)
    # Written so that the widest bounds do not overflow.
    value = lower * (1 - chance) + upper * chance
    return min(max(float(f"{value:.6g}"), lower), upper)


def _range(lower: float | None, upper: float | None) -> tuple[float, float]:
    if lower is None:
        return (upper - 100.0, upper) if upper is not None else _DEFAULT_RANGE
    return lower, upper if upper is not None else lower + 100.0
