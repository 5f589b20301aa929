"""What a statistics study discloses, in plain sentences for a steward."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.recipes.cells import LARGEST_SHARE
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.recipes.statistics_layout import Layout
from jazari.studies.saying import Names, Sentence, Value, figure, names, worded


def describe(layout: Layout, datasets: Mapping[str, Schema]) -> list[Sentence]:
    """What leaves each institute, and which groups are one institute's own figures."""
    return [
        _rows(layout),
        *(_of_variable(layout, name) for name in layout.plan.parameters.variables),
        *_dominance(layout),
        *_own_groups(layout, datasets),
    ]


def groups_of(layout: Layout) -> Names | None:
    """The variables whose groups are told apart, if any."""
    return names((variable.name for variable in layout.grouping), " and ") if layout.grouping else None


def _rows(layout: Layout) -> Sentence:
    groups = groups_of(layout)
    if groups is None:
        return worded("How many rows and subjects there are.")
    return worded("How many rows and subjects there are for each {groups}.", groups=groups)


def _of_variable(layout: Layout, name: str) -> Sentence:
    variable = layout.plan.variable(name)
    if variable.kind == "category":
        return _levels(variable, groups_of(layout))
    edges = layout.edges(variable)
    if edges is None:
        return _moments(name, groups_of(layout), spread=layout.plan.parameters.spread)
    bins: dict[str, Value] = {"bins": len(edges) - 1, "low": figure(edges[0]), "high": figure(edges[-1])}
    return _histogram(name, bins, groups_of(layout), spread=layout.plan.parameters.spread)


def _levels(variable: AgreedVariable, groups: Names | None) -> Sentence:
    name, levels = variable.name, len(variable.levels)
    if groups is None:
        return worded(
            "How many values of {name} are missing and present, how many rows have each of its {levels} levels.",
            name=name,
            levels=levels,
        )
    return worded(
        "How many values of {name} are missing and present, how many rows have each of its {levels} levels for each "
        "{groups}.",
        name=name,
        levels=levels,
        groups=groups,
    )


def _moments(name: str, groups: Names | None, *, spread: bool) -> Sentence:
    if groups is None:
        if spread:
            return worded(
                "How many values of {name} are missing and present, their sum and squares (mean and deviation).",
                name=name,
            )
        return worded("How many values of {name} are missing and present, their sum.", name=name)
    if spread:
        return worded(
            "How many values of {name} are missing and present, their sum and squares (mean and deviation) for each "
            "{groups}.",
            name=name,
            groups=groups,
        )
    return worded(
        "How many values of {name} are missing and present, their sum for each {groups}.", name=name, groups=groups
    )


def _histogram(name: str, bins: dict[str, Value], groups: Names | None, *, spread: bool) -> Sentence:
    if groups is None:
        if spread:
            return worded(
                "How many values of {name} are missing and present, their sum and squares (mean and deviation), a "
                "histogram of {bins} bins from {low} to {high}.",
                name=name,
                **bins,
            )
        return worded(
            "How many values of {name} are missing and present, their sum, a histogram of {bins} bins from {low} to "
            "{high}.",
            name=name,
            **bins,
        )
    if spread:
        return worded(
            "How many values of {name} are missing and present, their sum and squares (mean and deviation), a "
            "histogram of {bins} bins from {low} to {high} for each {groups}.",
            name=name,
            groups=groups,
            **bins,
        )
    return worded(
        "How many values of {name} are missing and present, their sum, a histogram of {bins} bins from {low} to "
        "{high} for each {groups}.",
        name=name,
        groups=groups,
        **bins,
    )


def _dominance(layout: Layout) -> list[Sentence]:
    numbers = [v.name for v in layout.studied if v.kind == "numeric" and v.lower is not None and v.lower >= 0]
    if layout.plan.floor <= 1 or not numbers:
        return []
    return [
        worded(
            "A sum of {variables} in which one subject has more than {share} is left out, and so is a quantile with "
            "fewer than {floor} rows on one side.",
            variables=names(numbers),
            share=figure(LARGEST_SHARE, ".0%"),
            floor=layout.plan.floor,
        )
    ]


def _own_groups(layout: Layout, datasets: Mapping[str, Schema]) -> list[Sentence]:
    counted = [v for v in layout.studied if v.kind == "category"]
    return [
        sentence for variable in (*layout.grouping, *counted) for sentence in levels_of_one(variable.name, datasets)
    ]
