"""The dataset card: what others may know about data that stay at their institute.

A card must not undo what the guard protects, so no number on it counts fewer subjects than the floor:
small counts are withheld (null), and so is every share of missing values that would reveal one. Bounds and
levels are *declared* (what could be there), never the smallest or largest value that is there.
"""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from jazari.catalog.cards.base import Card, Day, Moment, Region, WebAddress
from jazari.catalog.cards.sectors import MEANING, Sector
from jazari.catalog.errors import CardRefused
from jazari.catalog.registry import CardContext
from jazari.catalog.texts import Line, Text, Title
from jazari.core.canonical import canonical_json
from jazari.trust.records import Record

DEFAULT_FLOOR = 10
DECIMALS = 4
"""Digits kept of a share of missing values."""
MOST_MOCK_ROWS = 1000
MOST_MOCK_CELLS = 100_000

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Kind = Literal["numeric", "category", "text", "identifier"]
Share = Annotated[float, Field(ge=0, le=1)]


class Variable(Card):
    """One column, as declared."""

    name: Name = Field(description="How studies call it.")
    kind: Kind = Field(description="`numeric`, `category` (with levels), `text` or `identifier`.")
    unit: Line | None = Field(default=None, description="Unit of all values once loaded, e.g. qx/ha.")
    levels: list[Line] = Field(default_factory=list, max_length=1000, description="All values of a category.")
    lower: float | None = Field(default=None, description="Smallest value that can occur (declared).")
    upper: float | None = Field(default=None, description="Largest value that can occur (declared).")
    missing: list[float | str] = Field(
        default_factory=list, max_length=100, description="Values that mean missing, besides an empty cell."
    )
    description: Text | None = Field(default=None, description="What it means and how it was measured.")

    @model_validator(mode="after")
    def _sound(self) -> Variable:
        if (self.kind == "category") != bool(self.levels):
            raise ValueError("a category lists its levels, and nothing else does")
        if len(set(self.levels)) != len(self.levels):
            raise ValueError("a level is listed twice")
        if self.kind != "numeric" and (self.lower is not None or self.upper is not None):
            raise ValueError("only a numeric variable has bounds")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError("the lower bound must be below the upper one")
        return self


class Quality(Card):
    """How complete one column is. ``missing`` is null where the number would reveal a small count."""

    variable: Name = Field(description="The column.")
    missing: Share | None = Field(description=f"Share of rows without value, to {DECIMALS} decimals.")

    @field_validator("missing")
    @classmethod
    def _rounded(cls, share: float | None) -> float | None:
        if share is not None and round(share, DECIMALS) != share:
            raise ValueError(f"round it to {DECIMALS} decimals")
        return share


class Licence(Card):
    """Under what terms results may be used; the rows themselves are never handed out."""

    name: Line = Field(description="SPDX identifier, e.g. CC-BY-4.0, or the licence's name.")
    url: WebAddress | None = Field(default=None, description="Where its text is.")


class Coverage(Card):
    """What the data speak of."""

    regions: list[Region] = Field(default_factory=list, max_length=300, description="ISO 3166-2, e.g. MA-09.")
    place: Text | None = Field(default=None, description="The place in words.")
    start: Day | None = Field(default=None, description="First year, month or day.")
    end: Day | None = Field(default=None, description="Last year, month or day.")

    @model_validator(mode="after")
    def _in_order(self) -> Coverage:
        if self.start and self.end and self.start > self.end:
            raise ValueError("the coverage ends before it starts")
        return self


class MockRows(Card):
    """Rows made from the schema alone, for writing code against. They hold no real row.

    Anybody can check that: the file must equal what ``jazari.catalog.mock`` makes from this card, and the
    Root refuses any other.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.csv$")] = Field(
        default="mock.csv", description="Name of the file in the record."
    )
    rows: int = Field(ge=1, le=MOST_MOCK_ROWS, description="How many.")
    seed: int = Field(ge=0, le=2**31, description="What the rows are drawn from.")


class DatasetCard(Card):
    """A data set: its columns, size, completeness, terms. Its rows stay where they are."""

    title: Title = Field(description="Its name.")
    description: Text = Field(description="What it holds, how it came about, what it is good for.")
    keywords: list[Line] = Field(default_factory=list, max_length=50, description="Words to find it by.")
    sectors: list[Sector] = Field(default_factory=list, max_length=5, description=MEANING)
    variables: list[Variable] = Field(min_length=1, max_length=1000, description="Its columns, as declared.")
    subject: list[Name] = Field(
        default_factory=list,
        max_length=10,
        description="Variables that together name one subject; empty: each row is one.",
    )
    rows: int | None = Field(ge=0, description="Number of rows; null when fewer than the floor.")
    subjects: int | None = Field(ge=0, description="Number of subjects; null when fewer than the floor.")
    floor: int = Field(default=DEFAULT_FLOOR, ge=2, le=10_000, description="Smallest count that is told.")
    quality: list[Quality] = Field(default_factory=list, max_length=1000, description="Completeness by column.")
    licence: Licence = Field(description="Licence of what is derived from the data.")
    terms: Text = Field(description="Terms of use: for which purposes studies may be proposed.")
    citation: Line | None = Field(default=None, description="How to cite it.")
    source: Text | None = Field(default=None, description="Where the data come from.")
    coverage: Coverage = Field(default_factory=Coverage, description="Regions and period that the data speak of.")
    collected: Moment | None = Field(default=None, description="When the data were last brought up to date.")
    mock: MockRows | None = Field(default=None, description="Made-up rows in a file of the record, if any.")

    @model_validator(mode="after")
    def _names(self) -> DatasetCard:
        names = [variable.name for variable in self.variables]
        if len(set(names)) != len(names):
            raise ValueError("a variable is declared twice")
        told = [item.variable for item in self.quality]
        if len(set(told)) != len(told):
            raise ValueError("the quality of a variable is told twice")
        unknown = sorted({*told, *self.subject} - set(names))
        if unknown:
            raise ValueError(f"{unknown[0]} is not among the variables")
        return self

    @model_validator(mode="after")
    def _no_small_counts(self) -> DatasetCard:
        for name in ("rows", "subjects"):
            count = getattr(self, name)
            if count is not None and count < self.floor:
                raise ValueError(f"{name} is below the floor of {self.floor}: write null")
        if self.subjects is not None and (self.rows is None or self.subjects > self.rows):
            raise ValueError("there are more subjects than rows")
        for item in self.quality:
            if item.missing is not None and not may_tell(item.missing, self.rows, self.floor):
                raise ValueError(f"the share missing of {item.variable} reveals a count below {self.floor}: write null")
        return self

    @model_validator(mode="after")
    def _mock_is_bounded(self) -> DatasetCard:
        if self.mock and self.mock.rows * len(self.variables) > MOST_MOCK_CELLS:
            raise ValueError(f"there are more than {MOST_MOCK_CELLS:,} mock cells: ask for fewer mock rows")
        return self


def may_tell(share: float, rows: int | None, floor: int) -> bool:
    """Whether ``share`` of ``rows`` tells of no group of 1 to ``floor`` - 1 rows, missing or present.

    All or none missing may be told. Without the number of rows (withheld) nothing may.
    """
    if rows is None:
        return False
    if share in (0.0, 1.0):
        return True
    half = 0.5 / 10.0**DECIMALS
    # The rounded share could stand for any count in this range; the smallest of each side must reach the floor.
    fewest, most = math.ceil((share - half) * rows), math.floor((share + half) * rows)
    return bool(fewest >= floor and rows - most >= floor)


def missing_share(missing: int, rows: int, floor: int, *, subjects: tuple[int, int] | None = None) -> float | None:
    """The share to put on a card for ``missing`` of ``rows``, or None where it may not be told.

    ``subjects``, where one subject has several rows: how many subjects have a missing value, and how many a
    value. Each side must be nobody or at least ``floor``.
    """
    sides = (missing, rows - missing, *(subjects or ()))
    if rows < floor or any(0 < count < floor for count in sides):
        return None
    share = round(missing / rows, DECIMALS)
    if share in (0.0, 1.0) and missing not in (0, rows):
        return None
    return share if may_tell(share, rows, floor) else None


def check_dataset(record: Record, _context: CardContext) -> None:
    """The mock rows, where there are any, are exactly what the schema and the seed give."""
    from jazari.catalog.mock import mock_csv

    card = DatasetCard.model_validate_json(canonical_json(record.card))
    if card.mock is None:
        return
    file = record.file(card.mock.file)
    if file is None:
        raise CardRefused(f"{record.ref} names the mock rows {card.mock.file} but has no such file: add it.")
    data = mock_csv(card)
    if (file.sha256, file.size) != (hashlib.sha256(data).hexdigest(), len(data)):
        raise CardRefused(
            f"The file {card.mock.file} of {record.ref} is not what its schema and seed give, so it could hold "
            "real rows: make it with Jazari."
        )
