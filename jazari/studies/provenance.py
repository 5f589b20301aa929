"""Where a result comes from, gathered from the records of its study and run."""

from __future__ import annotations

from importlib.metadata import version

from jazari.studies.cards import Provenance
from jazari.studies.models import Run
from jazari.studies.overview import Study


def provenance_of(study: Study, run: Run, attested: tuple[str, ...]) -> Provenance:
    """The provenance of a finished run's result; ``attested`` are the institutes that confirmed its transcript."""
    participants = tuple(run.participants)
    return Provenance(
        agreement=study.agreement,
        study=study.reference,
        run=run.reference,
        recipe=study.text.recipe,
        recipe_digest=study.text.recipe_digest,
        participants=participants,
        datasets={institute: study.text.datasets[institute] for institute in participants},
        transcript=run.finished_outcome["transcript"],
        attested=attested,
        software=f"jazari {version('jazari')}",
    )
