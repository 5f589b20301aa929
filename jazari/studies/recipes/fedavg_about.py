"""What a steward reads about a network before approving it."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.data.schema import Schema
from jazari.studies.recipes.fedavg_design import NetDesign
from jazari.studies.recipes.fedavg_network import LOSS_CAP
from jazari.studies.recipes.fedavg_rows import PARAMETERS_PER_SUBJECT
from jazari.studies.recipes.own import levels_of_one


def describe(design: NetDesign, datasets: Mapping[str, Schema]) -> list[str]:
    """Plain sentences: what would leave, what protects it, and what does not."""
    parameters = design.parameters
    what = ", ".join(parameters.predictors)
    return [
        f"How many rows and subjects have {design.response.name} and can be used to learn it from {what}.",
        *_survey(design),
        f"In each of {parameters.rounds} rounds, how a network of {design.size} numbers changes when it is trained on "
        f"those rows, times their number, and the sum of its losses there (each up to {LOSS_CAP:g}).",
        f"The change is made no longer than {parameters.clip:g}, and whether that was needed is told.",
        *_rules(design),
        f"Nothing leaves where the rows could move more than {PARAMETERS_PER_SUBJECT} parameters for each subject. "
        "That is no proof: a network can remember single rows. Only adding up over institutes, masked where sums are, "
        "and the limit on the change stand against it; no noise is added.",
        *_own(design, datasets),
    ]


def _survey(design: NetDesign) -> list[str]:
    told = []
    if design.parameters.scaling == "moments" and design.numeric:
        names = ", ".join(variable.name for variable in design.numeric)
        told.append(f"Number of values, sum and sum of squares of {names} over those rows.")
    names = ", ".join([*(v.name for v in design.categories), *([design.response.name] if design.classes else [])])
    if names:
        told.append(f"Which levels of {names} no used row has here, be it that there are none or too few.")
    return told


def _rules(design: NetDesign) -> list[str]:
    if design.parameters.model == "text":
        return [
            f"No word leaves: words are counted in {design.parameters.buckets} buckets by a hash that everybody "
            "knows, so that somebody may try which words fall into a bucket whose weight changed. A bucket is used "
            "only where as many subjects as the floor have a word in it; a rare class is left out.",
        ]
    return ["Rows of a level or class with fewer subjects than the floor are left out, and so is a level that is rare "
            "with some class."]  # fmt: skip


def _own(design: NetDesign, datasets: Mapping[str, Schema]) -> list[str]:
    variables = [*design.categories, *([design.response] if design.response.levels else [])]
    return [sentence for variable in variables for sentence in levels_of_one(variable.name, datasets)]
