"""What a steward reads before approving: everything that would leave, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping

from jazari.studies.agreement import StudyText
from jazari.studies.data.schema import Schema
from jazari.studies.recipes.registry import plan_of
from jazari.studies.saying import Sentence, worded, worded_many
from jazari.studies.secure.rules import FEWEST, threshold


def disclosures_of(study: StudyText, datasets: Mapping[str, Schema]) -> list[Sentence]:
    """What would leave if all of ``datasets`` (schemas by institute, as their cards declare) took part.

    Raises ``UnknownRecipe``, ``BadParameters`` or ``ColumnMissing``.
    """
    recipe, plan = plan_of(study, len(datasets))
    return [*recipe.disclosures(plan, datasets), *_floor(study), *_who_sees(study, len(datasets))]


def _floor(study: StudyText) -> list[Sentence]:
    if study.privacy is not None:
        return [
            worded(
                "Noise protects the figures, not a floor on each: an institute takes part if its data set holds "
                "at least {floor} distinct subjects.",
                floor=study.floor,
            )
        ]
    if study.floor == 1:
        return [
            worded("There is no floor: a figure may be about a single subject, so approve this for public data only.")
        ]
    return [
        worded(
            "No figure is about fewer than {floor} distinct subjects of one institute, nor follows from others by "
            "subtraction within one round (the sentences above say where rounds differ); smaller ones are left out and "
            "only their number is told.",
            floor=study.floor,
        ),
        worded(
            "An answer is refused if it less an earlier one about the same data set, in any version, would be about "
            "fewer than {floor} subjects; the refusal itself tells that.",
            floor=study.floor,
        ),
    ]


def _who_sees(study: StudyText, institutes: int) -> list[Sentence]:
    if study.secure_aggregation:
        return [*_who_sees_totals(institutes), *_again(study)]
    noisy = study.privacy is not None
    seen = [
        worded(
            "The Root sees each institute's noisy sums, every institute sees the totals, and the result is published."
        )
        if noisy
        else worded(
            "The Root sees each institute's sums, every institute sees the totals, and the result is published."
        )
    ]
    if study.minimum_institutes == 1:
        seen.append(worded("The study may run with one institute alone: the result would then be its own figures."))
    if institutes == 2 or study.minimum_institutes <= 2:
        seen.append(
            worded("If only two institutes take part, each can subtract its own noisy sums and learn the other's.")
            if noisy
            else worded("If only two institutes take part, each can subtract its own sums and learn the other's.")
        )
    return [*seen, *_again(study)]


def _who_sees_totals(institutes: int) -> list[Sentence]:
    return [
        worded(
            "Nobody sees one institute's sums: the Root and the institutes learn totals over at least {fewest} "
            "institutes, and the result is published.",
            fewest=FEWEST,
        ),
        worded_many(
            "That holds unless the Root and {count} or more institutes work together against the others; all others "
            "together can always subtract their own sums from a total.",
            max(2 * threshold(institutes) - institutes, 1),
        ),
    ]


def _again(study: StudyText) -> list[Sentence]:
    if study.max_runs == 1:
        return []
    if study.privacy:
        return [
            worded(
                "It may run up to {runs} times over the same version of the data. Each run spends anew.",
                runs=study.max_runs,
            )
        ]
    return [worded("It may run up to {runs} times over the same version of the data.", runs=study.max_runs)]
