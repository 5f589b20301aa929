"""What a statistics study discloses, in plain sentences for a steward."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.data.schema import Schema
from jazari.studies.recipes.cells import LARGEST_SHARE
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.recipes.statistics_layout import Layout


def describe(layout: Layout, datasets: Mapping[str, Schema]) -> list[str]:
    """What leaves each institute, and which groups are one institute's own figures."""
    groups = " and ".join(variable.name for variable in layout.grouping)
    each = f" for each {groups}" if groups else ""
    return [
        f"How many rows and subjects there are{each}.",
        *(_of_variable(layout, name, each) for name in layout.plan.parameters.variables),
        *_dominance(layout),
        *_own_groups(layout, datasets),
    ]


def _of_variable(layout: Layout, name: str, each: str) -> str:
    variable = layout.plan.variable(name)
    told = [f"how many values of {name} are missing and present"]
    if variable.kind == "category":
        told.append(f"how many rows have each of its {len(variable.levels)} levels")
    else:
        told.append("their sum and squares (mean and deviation)" if layout.plan.parameters.spread else "their sum")
    edges = layout.edges(variable)
    if edges is not None:
        told.append(f"a histogram of {len(edges) - 1} bins from {edges[0]:g} to {edges[-1]:g}")
    sentence = ", ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}{each}."


def _dominance(layout: Layout) -> list[str]:
    names = [v.name for v in layout.studied if v.kind == "numeric" and v.lower is not None and v.lower >= 0]
    if layout.plan.floor <= 1 or not names:
        return []
    return [
        f"A sum of {', '.join(names)} in which one subject has more than {LARGEST_SHARE:.0%} is left out, "
        f"and so is a quantile with fewer than {layout.plan.floor} rows on one side."
    ]


def _own_groups(layout: Layout, datasets: Mapping[str, Schema]) -> list[str]:
    counted = [v for v in layout.studied if v.kind == "category"]
    return [
        sentence for variable in (*layout.grouping, *counted) for sentence in levels_of_one(variable.name, datasets)
    ]
