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


def describe(layout: Layout, datasets: Mapping[str, Schema]) -> list[str]:
    """What leaves each institute, what the noise promises, and what it does not."""
    noise = calibrate(layout.plan.parameters.privacy, sensitivities(layout))
    groups = " and ".join(variable.name for variable in layout.grouping)
    each = f" for each {groups}" if groups else ""
    return [
        f"How many rows there are{each}, with noise.",
        *(_of_variable(layout, name, each) for name in layout.plan.parameters.variables),
        _noise(noise),
        *_promise(noise.terms),
        *_own_groups(layout, datasets),
    ]


def _of_variable(layout: Layout, name: str, each: str) -> str:
    variable = layout.plan.variable(name)
    edges = layout.edges(variable)
    if variable.kind == "category":
        told = f"How many rows have each of the {len(variable.levels)} levels of {name}"
    else:
        told = f"How many values of {name} are present, and their sum (mean)"
    if edges is not None:
        told += f", and a histogram of {len(edges) - 1} bins from {edges[0]:g} to {edges[-1]:g}"
    return f"{told}{each}, with noise."


def _noise(noise: Noise) -> str:
    spread = deviation(noise.terms.mechanism, noise.outputs[0].scale)
    return (f"Each institute adds {noise.terms.method} noise itself, before anything leaves: about {spread:.3g} rows "
            "more or less in each of its counts. Every agreed group is told, empty ones as well, and counts may come "
            "out negative.")  # fmt: skip


def _promise(terms: PrivacyTerms) -> list[str]:
    odds = math.exp(terms.epsilon)
    but = f", but for a chance of about {terms.delta:g}" if terms.delta else ""
    return [
        f"Epsilon {terms.epsilon:g}: whatever somebody knows already, this institute's figures change the odds of any "
        f"guess about one subject by a factor of at most {odds:.3g}, as against data without that subject{but}.",
        _counted(terms.max_rows_per_subject),
        "A subject in the data of several institutes, or in several runs, is protected by the sum of their epsilons "
        "only. The card of a data set tells its exact numbers of rows and subjects, without noise.",
    ]


def _counted(most: int) -> str:
    which = "Only the first row of each subject counts" if most == 1 else f"Only each subject's first {most} rows count"
    return f"{which}; the others are left out, and how many is not told."


def _own_groups(layout: Layout, datasets: Mapping[str, Schema]) -> list[str]:
    counted = [v for v in layout.studied if v.kind == "category"]
    return [
        sentence for variable in (*layout.grouping, *counted) for sentence in levels_of_one(variable.name, datasets)
    ]
