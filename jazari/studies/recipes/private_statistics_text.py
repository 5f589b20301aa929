"""What a private statistics study discloses, in plain sentences for a steward."""

from __future__ import annotations

import math
from collections.abc import Mapping

from jazari.studies.data.schema import Schema
from jazari.studies.privacy.calibration import calibrate, deviation
from jazari.studies.privacy.terms import Noise, PrivacyTerms
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.recipes.private_statistics_layout import sensitivities
from jazari.studies.recipes.statistics_layout import Layout
from jazari.studies.saying import Names, Sentence, Value, figure, names, worded


def describe(layout: Layout, datasets: Mapping[str, Schema]) -> list[Sentence]:
    """What leaves each institute, what the noise promises, and what it does not."""
    noise = calibrate(layout.plan.parameters.privacy, sensitivities(layout))
    groups = names((variable.name for variable in layout.grouping), " and ") if layout.grouping else None
    return [
        _rows(groups),
        *(_of_variable(layout, name, groups) for name in layout.plan.parameters.variables),
        _noise(noise),
        _promise(noise.terms),
        _counted(noise.terms.max_rows_per_subject),
        worded(
            "A subject in the data of several institutes, or in several runs, is protected by the sum of their "
            "epsilons only. The card of a data set tells its exact numbers of rows and subjects, without noise."
        ),
        *_own_groups(layout, datasets),
    ]


def _rows(groups: Names | None) -> Sentence:
    if groups is None:
        return worded("How many rows there are, with noise.")
    return worded("How many rows there are for each {groups}, with noise.", groups=groups)


def _of_variable(layout: Layout, name: str, groups: Names | None) -> Sentence:
    variable = layout.plan.variable(name)
    if variable.kind == "category":
        return _levels(name, len(variable.levels), groups)
    edges = layout.edges(variable)
    if edges is None:
        return _mean(name, groups)
    return _histogram(name, {"bins": len(edges) - 1, "low": figure(edges[0]), "high": figure(edges[-1])}, groups)


def _levels(name: str, levels: int, groups: Names | None) -> Sentence:
    if groups is None:
        return worded("How many rows have each of the {levels} levels of {name}, with noise.", name=name, levels=levels)
    return worded(
        "How many rows have each of the {levels} levels of {name} for each {groups}, with noise.",
        name=name,
        levels=levels,
        groups=groups,
    )


def _mean(name: str, groups: Names | None) -> Sentence:
    if groups is None:
        return worded("How many values of {name} are present, and their sum (mean), with noise.", name=name)
    return worded(
        "How many values of {name} are present, and their sum (mean) for each {groups}, with noise.",
        name=name,
        groups=groups,
    )


def _histogram(name: str, bins: dict[str, Value], groups: Names | None) -> Sentence:
    if groups is None:
        return worded(
            "How many values of {name} are present, and their sum (mean), and a histogram of {bins} bins from {low} to "
            "{high}, with noise.",
            name=name,
            **bins,
        )
    return worded(
        "How many values of {name} are present, and their sum (mean), and a histogram of {bins} bins from {low} to "
        "{high} for each {groups}, with noise.",
        name=name,
        groups=groups,
        **bins,
    )


def _noise(noise: Noise) -> Sentence:
    spread = figure(deviation(noise.terms.mechanism, noise.outputs[0].scale), ".3g")
    if noise.terms.mechanism == "gaussian":
        return worded(
            "Each institute adds discrete Gaussian noise itself, before anything leaves: about {spread} rows more or "
            "less in each of its counts. Every agreed group is told, empty ones as well, and counts may come out "
            "negative.",
            spread=spread,
        )
    return worded(
        "Each institute adds discrete Laplace noise itself, before anything leaves: about {spread} rows more or less "
        "in each of its counts. Every agreed group is told, empty ones as well, and counts may come out negative.",
        spread=spread,
    )


def _promise(terms: PrivacyTerms) -> Sentence:
    epsilon, odds = figure(terms.epsilon), figure(math.exp(terms.epsilon), ".3g")
    if terms.delta:
        return worded(
            "Epsilon {epsilon}: whatever somebody knows already, this institute's figures change the odds of any guess "
            "about one subject by a factor of at most {odds}, as against data without that subject, but for a chance "
            "of about {delta}.",
            epsilon=epsilon,
            odds=odds,
            delta=figure(terms.delta),
        )
    return worded(
        "Epsilon {epsilon}: whatever somebody knows already, this institute's figures change the odds of any guess "
        "about one subject by a factor of at most {odds}, as against data without that subject.",
        epsilon=epsilon,
        odds=odds,
    )


def _counted(most: int) -> Sentence:
    if most == 1:
        return worded("Only the first row of each subject counts; the others are left out, and how many is not told.")
    return worded(
        "Only each subject's first {most} rows count; the others are left out, and how many is not told.", most=most
    )


def _own_groups(layout: Layout, datasets: Mapping[str, Schema]) -> list[Sentence]:
    counted = [v for v in layout.studied if v.kind == "category"]
    return [
        sentence for variable in (*layout.grouping, *counted) for sentence in levels_of_one(variable.name, datasets)
    ]
