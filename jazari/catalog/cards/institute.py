"""The institute card: who an institute is. Keys and admission are the board's directory, not this."""

from __future__ import annotations

from pydantic import Field

from jazari.catalog.cards.base import Card, Region, WebAddress
from jazari.catalog.cards.sectors import MEANING, Sector
from jazari.catalog.texts import Language, Line, Text, Title


class InstituteCard(Card):
    """An institute in its own words."""

    title: Title = Field(description="Its name, in each language it has one.")
    description: Text | None = Field(default=None, description="What it does.")
    region: Region | None = Field(default=None, description="Its region (ISO 3166-2, e.g. MA-09).")
    website: WebAddress | None = Field(default=None, description="Its website.")
    contact: Line | None = Field(default=None, description="How to reach it: an office, never a person.")
    languages: list[Language] = Field(default_factory=list, max_length=4, description="Languages it works in.")
    keywords: list[Line] = Field(default_factory=list, max_length=50, description="Words to find it by.")
    sectors: list[Sector] = Field(default_factory=list, max_length=13, description=MEANING)
