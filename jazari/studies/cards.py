"""The cards that studies publish, and what each must satisfy against the records it speaks of.

``study`` (the text, see ``agreement``), ``approval`` (see ``decisions``), ``run``, ``attestation``, ``result``.
The checks run wherever a record is accepted or read: at the Root, and again at every institute.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jazari.catalog.texts import Line
from jazari.core.canonical import digest
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies.decisions import Digest, Reference
from jazari.studies.privacy.terms import NO_NOISE
from jazari.studies.secure.rules import MOST_INSTITUTES


class _Card(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


def _reference_of(kind: str, text: str) -> str:
    try:
        parsed = RecordRef.parse(text)
    except JazariError as error:
        raise ValueError(str(error)) from error
    if parsed.type != kind:
        raise ValueError(f"{text} is no {kind}")
    return text


class RunCard(_Card):
    """That the proposer has an agreement executed now by exactly these institutes.

    ``participants`` maps each institute to the approval record that lets it run; ``number`` counts the runs of the
    agreement from 1.
    """

    study: Reference
    agreement: Digest
    participants: dict[str, Reference] = Field(min_length=1, max_length=MOST_INSTITUTES)
    number: int = Field(ge=1, le=1000)

    @field_validator("study")
    @classmethod
    def _study(cls, study: str) -> str:
        return _reference_of("study", study)

    @field_validator("participants")
    @classmethod
    def _approvals(cls, participants: dict[str, str]) -> dict[str, str]:
        for institute, approval in participants.items():
            if RecordRef.parse(_reference_of("approval", approval)).namespace != institute:
                raise ValueError(f"{approval} is no approval of {institute}")
        return participants


class AttestationCard(_Card):
    """What a participant saw: the digest over the exact bytes of all totals that it received and recomputed from."""

    run: Reference
    agreement: Digest
    transcript: Digest
    rounds: int = Field(ge=1, le=1000)

    @field_validator("run")
    @classmethod
    def _run(cls, run: str) -> str:
        return _reference_of("run", run)


class Provenance(_Card):
    """Where a result comes from: enough to find every record it rests on and the code that computed it."""

    agreement: Digest
    study: Reference
    run: Reference
    recipe: str = Field(max_length=60)
    recipe_digest: Digest
    participants: tuple[str, ...] = Field(min_length=1, max_length=MOST_INSTITUTES)
    datasets: dict[str, Reference]
    transcript: Digest
    attested: tuple[str, ...] = Field(max_length=MOST_INSTITUTES)
    software: str = Field(max_length=60)
    seed: int | None = Field(default=None, description="None: nothing in this recipe is random")


class ResultCard(_Card):
    """What a run produced. The values are the JSON file ``result.json`` of the record."""

    title: Line
    rounds: int = Field(ge=1, le=1000)
    seconds: float = Field(ge=0)
    floor: int = Field(ge=1)
    privacy: str = Field(default=str(NO_NOISE), max_length=300)
    bytes_received: dict[str, int] = Field(description="bytes that each institute sent, by institute")
    secure_aggregation: bool = Field(
        default=False, description="whether the Root learned totals only; else it saw each institute's sums"
    )
    resolution: dict[str, float] = Field(
        default_factory=dict, description="what each masked output was rounded to a multiple of, in its own unit"
    )
    dropped: dict[str, int] = Field(
        default_factory=dict, description="institutes that dropped out, and the first round whose total lacks them"
    )
    provenance: Provenance


def run_id(reference: str) -> str:
    """The name of a run in folders, jobs and messages: it follows from the record's reference alone."""
    return "r-" + digest(reference).removeprefix("sha256:")[:24]


def result_name(study: str, number: int) -> str:
    """The name of the result record of a study's run: ``<study, shortened>-r<number>``."""
    suffix = f"-r{number}"
    return RecordRef.parse(study).name[: 40 - len(suffix)].rstrip("-") + suffix
