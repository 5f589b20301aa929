"""One study as the signed records tell it: its text, who decided what, its runs and results.

Built anew from verified records whenever it is asked for: nothing here is state.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import StudyText, agreement_digest, moment, parse_study
from jazari.studies.cards import RunCard
from jazari.studies.decisions import ApprovalCard, Statement, approval_name, approving, standing
from jazari.studies.errors import StudyNotFound
from jazari.trust.errors import TrustError
from jazari.trust.keys import key_id, verify_bytes
from jazari.trust.records import Record


class Records(Protocol):
    """Verified records, wherever they are kept."""

    def get(self, reference: str) -> Record | None:
        """The record of this version, or None."""

    def of(self, kind: str, *, namespace: str = "", name: str = "") -> list[Record]:
        """All versions of all records of a type, oldest first, optionally of one namespace or name."""

    def is_withdrawn(self, reference: str) -> bool:
        """Whether its author has withdrawn it."""

    def steward_keys(self, namespace: str) -> Collection[str]:
        """The ids of the keys whose decisions count for this institute now; empty for one that is not admitted."""


@dataclass(frozen=True)
class Study:
    """``decisions`` and ``approvals`` (the record behind each decision) are by institute and are the standing ones."""

    reference: str
    text: StudyText
    agreement: str
    withdrawn: bool
    decisions: dict[str, Statement] = field(default_factory=dict)
    approvals: dict[str, str] = field(default_factory=dict)
    runs: tuple[Record, ...] = ()
    results: tuple[Record, ...] = ()

    @property
    def proposer(self) -> str:
        """The institute that proposed it."""
        return RecordRef.parse(self.reference).namespace

    @property
    def approved(self) -> list[str]:
        """The institutes that approve now, sorted."""
        return approving(self.decisions)

    @property
    def unanswered(self) -> list[str]:
        """The institutes that were asked and have not decided."""
        return sorted(set(self.text.institutes) - set(self.decisions))

    def status(self, now: datetime) -> str:
        """``withdrawn``, ``expired``, ``proposed``, ``approved`` (enough to run) or ``refused`` (never enough)."""
        if self.withdrawn:
            return "withdrawn"
        if now >= moment(self.text.expires):
            return "expired"
        needed = self.text.minimum_institutes
        if len(self.approved) >= needed:
            return "approved"
        return "refused" if len(self.approved) + len(self.unanswered) < needed else "proposed"


def study_of(records: Records, reference: str) -> Study:
    """The study that ``reference`` names; raises ``StudyNotFound`` or ``BadStudy``."""
    record = records.get(reference)
    if record is None or record.type != "study":
        raise StudyNotFound(f"There is no study {reference[:140]!r} here: run `jazari sync`, then `jazari study list`.")
    text, agreement = _read(json.dumps(record.card))
    decided = dict(_decisions(records, text, agreement))
    decisions = standing(decided.values())
    refs = {(s.institute, s.number): ref for ref, s in decided.items()}
    return Study(
        reference=reference,
        text=text,
        agreement=agreement,
        withdrawn=records.is_withdrawn(reference),
        decisions=decisions,
        approvals={name: refs[name, statement.number] for name, statement in decisions.items()},
        runs=tuple(_naming(records.of("run", namespace=record.namespace), reference)),
        results=tuple(_resulting(records.of("result", namespace=record.namespace), reference)),
    )


@lru_cache(maxsize=256)
def _read(card: str) -> tuple[StudyText, str]:
    """The study in a card (JSON) and its agreement: both follow from the card alone, and a list asks for many."""
    text = parse_study(json.loads(card))
    return text, agreement_digest(text)


def _decisions(records: Records, text: StudyText, agreement: str) -> Iterable[tuple[str, Statement]]:
    for record in records.of("approval", name=approval_name(agreement)):
        card = ApprovalCard.model_validate(record.card)
        if card.statement.agreement == agreement and _counts(records, record, card, text):
            yield record.ref, card.statement


def _counts(records: Records, record: Record, card: ApprovalCard, text: StudyText) -> bool:
    """Whether the institute's own steward, as admitted now, signed it: whoever accepted the record is not trusted.

    After a change of the steward's key, or a revocation, what the old key approved no longer stands.
    """
    statement = card.statement
    own = statement.institute == record.namespace and record.namespace in text.institutes
    if not own or key_id(card.steward_key) not in records.steward_keys(record.namespace):
        return False
    try:
        verify_bytes(card.steward_key, statement.signed_bytes(), card.signature)
    except TrustError:
        return False
    return True


def _naming(runs: Iterable[Record], study: str) -> Iterable[Record]:
    return (record for record in runs if RunCard.model_validate(record.card).study == study)


def _resulting(results: Iterable[Record], study: str) -> Iterable[Record]:
    return (record for record in results if record.card["provenance"]["study"] == study)


def run_problem(card: RunCard, study: Study, now: datetime) -> str:
    """Why this run may not start now, as the end of a sentence; empty if it may. Pure."""
    checks = (
        (card.agreement != study.agreement, "it names another agreement than the study's text has"),
        (study.withdrawn, "the study was withdrawn"),
        (now >= moment(study.text.expires), f"the study expired on {study.text.expires}"),
        (card.number > study.text.max_runs, f"the agreement allows {study.text.max_runs} runs"),
        (sorted(card.participants) != study.approved, "its institutes are not exactly those that approve"),
        (
            any(study.approvals.get(i) != ref for i, ref in card.participants.items()),
            "an approval has changed since",
        ),
        (len(card.participants) < study.text.minimum_institutes, "too few institutes approve"),
    )
    return next((problem for failed, problem in checks if failed), "")
