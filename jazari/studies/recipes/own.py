"""Figures that are one institute's own, although a study says that it adds up several."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.data.schema import Schema


def levels_of_one(name: str, datasets: Mapping[str, Schema]) -> list[str]:
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


def _sentence(name: str, institute: str, levels: list[str]) -> str:
    shown = ", ".join(levels[:10]) + (f" and {len(levels) - 10} more" if len(levels) > 10 else "")
    return (f"Only {institute} has data with {name} = {shown}: every figure of that group is {institute}'s own and "
            "names it, whatever the floor.")  # fmt: skip
