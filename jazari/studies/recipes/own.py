"""Figures that are one institute's own, although a study says that it adds up several."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.data.schema import Schema
from jazari.studies.saying import Sentence, names, worded, worded_many

MOST_SHOWN = 10
"""Levels that a sentence names; it tells how many more there are."""


def levels_of_one(name: str, datasets: Mapping[str, Schema]) -> list[Sentence]:
    """A sentence for each institute that alone declares a level of the category ``name``."""
    holders: dict[str, list[str]] = {}
    for institute, schema in sorted(datasets.items()):
        for level in schema.variable(name).levels:
            holders.setdefault(level, []).append(institute)
    own: dict[str, list[str]] = {}
    for level, institutes in holders.items():
        if len(institutes) == 1:
            own.setdefault(institutes[0], []).append(level)
    return [_sentence(name, institute, levels) for institute, levels in sorted(own.items())]


def _sentence(name: str, institute: str, levels: list[str]) -> Sentence:
    shown, more = names(levels[:MOST_SHOWN]), len(levels) - MOST_SHOWN
    if more > 0:
        return worded_many(
            "Only {institute} has data with {name} = {levels} and {count} more: every figure of that group is "
            "{institute}'s own and names it, whatever the floor.",
            more,
            institute=institute,
            name=name,
            levels=shown,
        )
    return worded(
        "Only {institute} has data with {name} = {levels}: every figure of that group is {institute}'s own and "
        "names it, whatever the floor.",
        institute=institute,
        name=name,
        levels=shown,
    )
