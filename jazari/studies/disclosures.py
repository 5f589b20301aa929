"""What a steward reads before approving: everything that would leave, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.agreement import StudyText
from jazari.studies.data.schema import Schema
from jazari.studies.recipes.registry import plan_of


def disclosures_of(study: StudyText, datasets: Mapping[str, Schema]) -> list[str]:
    """What would leave if all of ``datasets`` (schemas by institute, as their cards declare) took part.

    Raises ``UnknownRecipe``, ``BadParameters`` or ``ColumnMissing``.
    """
    recipe, plan = plan_of(study, len(datasets))
    return [*recipe.disclosures(plan, datasets), *_floor(study), *_who_sees(study, len(datasets))]


def _floor(study: StudyText) -> list[str]:
    if study.floor == 1:
        return ["There is no floor: a figure may be about a single subject, so approve this for public data only."]
    return [
        f"No figure is about fewer than {study.floor} distinct subjects of one institute, nor follows from others "
        "by subtraction within this study; smaller ones are left out and only their number is told.",
        f"An answer is refused if it less an earlier one about the same data set, in any version, would be about fewer "
        f"than {study.floor} subjects; the refusal itself tells that.",
    ]


def _who_sees(study: StudyText, institutes: int) -> list[str]:
    seen = ["The Root sees each institute's sums, every institute sees the totals, and the result is published."]
    if study.minimum_institutes == 1:
        seen.append("The study may run with one institute alone: the result would then be its own figures.")
    if institutes == 2 or study.minimum_institutes <= 2:
        seen.append("If only two institutes take part, each can subtract its own sums and learn the other's.")
    if study.max_runs > 1:
        seen.append(f"It may run up to {study.max_runs} times over the same version of the data.")
    return seen
