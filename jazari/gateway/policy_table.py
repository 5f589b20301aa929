"""A residency card as a table that people can read: class of data x jurisdiction x hosting. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jazari.gateway.cards import ResidencyCard, ResidencyRule
from jazari.gateway.countries import ANY
from jazari.gateway.words import DataClass

OTHER = ""
"""Stands for every country that is not named."""
MOST_COUNTRIES = 12
"""More would make a table that nobody can read; the rules are listed below it anyway."""


@dataclass(frozen=True)
class Cell:
    """Whether a provider in ``hosting`` is allowed, and the numbers (from 1) of the rules that may allow it."""

    hosting: str
    rules: tuple[int, ...]

    @property
    def allowed(self) -> bool:
        """By some rule, if what the rule asks besides countries holds."""
        return bool(self.rules)


@dataclass(frozen=True)
class ClassTable:
    """One class of data: a row for each jurisdiction of the operator, a cell for each country of hosting."""

    data_class: DataClass
    hosting: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    has_rules: bool


def tables_of(card: ResidencyCard, also: Sequence[str] = ()) -> list[ClassTable]:
    """A table for each class of data, over the countries that the card names and those of ``also``."""
    countries = _countries(card, also)
    return [_table(card, data_class, countries) for data_class in DataClass]


def _countries(card: ResidencyCard, also: Sequence[str]) -> tuple[str, ...]:
    named = {country for rule in card.rules for country in (*rule.operators, *rule.hosting) if country != ANY}
    return (*sorted(named | set(also))[:MOST_COUNTRIES], OTHER)


def _table(card: ResidencyCard, data_class: DataClass, countries: tuple[str, ...]) -> ClassTable:
    rules = [(number, rule) for number, rule in enumerate(card.rules, start=1) if rule.data_class is data_class]
    rows = tuple(
        (operator, tuple(Cell(hosting, _allowing(rules, operator, hosting)) for hosting in countries))
        for operator in countries
    )
    return ClassTable(data_class, countries, rows, bool(rules))


def _allowing(rules: Sequence[tuple[int, ResidencyRule]], operator: str, hosting: str) -> tuple[int, ...]:
    return tuple(n for n, rule in rules if _covers(rule.operators, operator) and _covers(rule.hosting, hosting))


def _covers(allowed: Sequence[str], country: str) -> bool:
    return ANY in allowed or country in allowed
