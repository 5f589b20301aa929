"""What a steward reads about a network before approving it."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.data.schema import Schema
from jazari.studies.recipes.fedavg_design import NetDesign
from jazari.studies.recipes.fedavg_network import LOSS_CAP
from jazari.studies.recipes.fedavg_rows import PARAMETERS_PER_SUBJECT
from jazari.studies.recipes.own import levels_of_one
from jazari.studies.saying import Sentence, figure, names, worded, worded_many


def describe(design: NetDesign, datasets: Mapping[str, Schema]) -> list[Sentence]:
    """Plain sentences: what would leave, what protects it, and what does not."""
    parameters = design.parameters
    return [
        worded(
            "How many rows and subjects have {response} and can be used to learn it from {predictors}.",
            response=design.response.name,
            predictors=names(parameters.predictors),
        ),
        *_survey(design),
        _rounds(design),
        worded(
            "The change is made no longer than {clip}, and whether that was needed is told.",
            clip=figure(parameters.clip),
        ),
        _rule(design),
        worded(
            "Nothing leaves where the rows could move more than {parameters} parameters for each subject. "
            "That is no proof: a network can remember single rows. Only adding up over institutes, masked where sums "
            "are, and the limit on the change stand against it; no noise is added.",
            parameters=PARAMETERS_PER_SUBJECT,
        ),
        *_own(design, datasets),
    ]


def _survey(design: NetDesign) -> list[Sentence]:
    told = []
    if design.parameters.scaling == "moments" and design.numeric:
        told.append(
            worded(
                "Number of values, sum and sum of squares of {variables} over those rows.",
                variables=names(variable.name for variable in design.numeric),
            )
        )
    divided = [*(v.name for v in design.categories), *([design.response.name] if design.classes else [])]
    if divided:
        told.append(
            worded(
                "Which levels of {variables} no used row has here, be it that there are none or too few.",
                variables=names(divided),
            )
        )
    return told


def _rounds(design: NetDesign) -> Sentence:
    return worded_many(
        "In each of {count} rounds, how a network of {size} numbers changes when it is trained on those rows, times "
        "their number, and the sum of its losses there (each up to {most}).",
        design.parameters.rounds,
        size=design.size,
        most=figure(LOSS_CAP),
    )


def _rule(design: NetDesign) -> Sentence:
    if design.parameters.model == "text":
        return worded(
            "No word leaves: words are counted in {buckets} buckets by a hash that everybody knows, so that somebody "
            "may try which words fall into a bucket whose weight changed. A bucket is used only where as many subjects "
            "as the floor have a word in it; a rare class is left out.",
            buckets=design.parameters.buckets,
        )
    return worded(
        "Rows of a level or class with fewer subjects than the floor are left out, and so is a level that is "
        "rare with some class."
    )


def _own(design: NetDesign, datasets: Mapping[str, Schema]) -> list[Sentence]:
    variables = [*design.categories, *([design.response] if design.response.levels else [])]
    return [sentence for variable in variables for sentence in levels_of_one(variable.name, datasets)]
