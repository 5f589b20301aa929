"""What an institute's worker does about runs: write or withhold permits, attest, and publish its own results.

Everything here may be repeated: each step is done once, and what was done is in the ``Run`` row, the permit
folder or the institute's own log.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies.cards import AttestationCard, ResultCard, RunCard, result_name, run_id
from jazari.studies.data.mapping import mapping_dict
from jazari.studies.datasets import declaration_of, local_data_set
from jazari.studies.decisions import ApprovalCard, Choice
from jazari.studies.each import OncePerChange, each
from jazari.studies.errors import NotRunnable, RunNotFound, with_code
from jazari.studies.inputs import fetch_inputs
from jazari.studies.mappings import approved_mapping
from jazari.studies.models import Run
from jazari.studies.operations import Here
from jazari.studies.overview import Study, run_problem, study_of
from jazari.studies.participant import Participant
from jazari.studies.permits import Permit, withdraw_permit, write_permit, write_stewards
from jazari.studies.privacy.payment import Payments
from jazari.studies.privacy.terms import privacy_sentence
from jazari.studies.provenance import provenance_of
from jazari.studies.run_messages import (
    APPROVED_LATE,
    CHOSE_TO_REFUSE,
    CHOSE_TO_WITHDRAW,
    NO_REASON,
    NOT_ASKED,
    OTHER_TOTALS,
    PERMIT_WITHDRAWN,
    UNDECIDED,
    listed,
)
from jazari.studies.secure.session import forget_session, open_session
from jazari.trust.records import Draft, Record

PERMIT_DAYS = 7
ATTESTATION_PATIENCE = timedelta(seconds=90)
AskRoot = Callable[[str], dict[str, Any]]
"""What the Root says about the run of this reference (see ``http_api``)."""


@dataclass(frozen=True)
class Follower:
    """An institute that follows the runs of the network; it looks at records ``once`` after each change of those."""

    here: Here
    ask_root: AskRoot
    once: OncePerChange = field(default_factory=OncePerChange)

    def follow(self) -> bool:
        """Look at every run that concerns this institute; whether anything changed."""
        steps = (self._look_at_records, self._forget_keys, self._attest, self._ask_about_own, self._publish_own)
        return each(steps, lambda step: step())

    def _look_at_records(self) -> bool:
        return self.once.do(lambda: each((self._note_new_runs, self._withdraw_permits), lambda step: step()))

    def _note_new_runs(self) -> bool:
        known = set(Run.objects.values_list("reference", flat=True))
        new = [record for record in self.here.records.of("run") if record.ref not in known]
        return each(new, self._note)

    def _note(self, record: Record) -> bool:
        card = RunCard.model_validate(record.card)
        if not self._concerns(card):
            return False
        study = study_of(self.here.records, card.study)
        row = new_row(record, card)
        if self.here.namespace in card.participants:
            row.permitted, row.message = self._permit(record, card, study)
        else:
            row.message = self._why_not_in(study)
            _audit(self.here, "studies.not-taking-part", record.ref, row.message)
        row.save()
        return True

    def _concerns(self, card: RunCard) -> bool:
        """Whether the study asks this institute or is its own. Cheap: it is asked of every run of the network again."""
        study = self.here.records.get(card.study)
        asked = study.card.get("datasets", {}) if study is not None else {}
        return self.here.namespace in (*asked, RecordRef.parse(card.study).namespace)

    def _why_not_in(self, study: Study) -> str:
        mine = study.decisions.get(self.here.namespace)
        if self.here.namespace not in study.text.institutes:
            return NOT_ASKED
        if mine is None:
            return UNDECIDED
        if mine.choice is Choice.APPROVE:
            return APPROVED_LATE
        message = CHOSE_TO_REFUSE if mine.choice is Choice.REFUSE else CHOSE_TO_WITHDRAW
        return message.format(reason=mine.reason or NO_REASON)

    def _permit(self, record: Record, card: RunCard, study: Study) -> tuple[bool, str]:
        problem = run_problem(card, study, clock.now())
        try:
            if problem:
                raise NotRunnable(f"The run is not allowed here: {problem}; its proposer must record a new one.")
            permit = self._permit_for(record, card, study)
            fetch_inputs(self.here, study.text)  # before the permit: a run may begin as soon as there is one
            write_permit(self.here.engine_folder, permit)
        except JazariError as error:
            _audit(self.here, "studies.permit-denied", record.ref, str(error))
            return False, with_code(error)
        _audit(self.here, "studies.permitted", record.ref, "")
        return True, ""

    def _permit_for(self, record: Record, card: RunCard, study: Study) -> Permit:
        namespace = self.here.namespace
        write_stewards(self.here.engine_folder, self.here.directory().entries[namespace].steward_keys)
        approval = self.here.records.get(card.participants[namespace])
        reference = study.text.datasets[namespace]
        Payments(self.here.engine_folder).check(study.text, reference)
        data = local_data_set(reference)
        if approval is None:
            raise RunNotFound(f"The approval {card.participants[namespace]} is not here: run `jazari sync`.")
        decided = ApprovalCard.model_validate(approval.card)
        mapping = approved_mapping(self.here.engine_folder, decided.statement)
        return Permit(
            run=run_id(record.ref),
            run_record=record.ref,
            agreement=study.agreement,
            study=study.text.model_dump(mode="json"),
            participants=tuple(sorted(card.participants)),
            namespace=namespace,
            dataset=reference,
            data_path=data.path,
            data_sha256=data.sha256,
            data_schema=declaration_of(data).model_dump(mode="json"),
            mapping=None if mapping is None else mapping_dict(mapping),
            approval=decided,
            not_after=clock.timestamp(clock.now() + timedelta(days=PERMIT_DAYS)),
            **self._keys_of_run(record, card, study),
        )

    def _keys_of_run(self, record: Record, card: RunCard, study: Study) -> dict[str, Any]:
        """For secure aggregation: this institute's keys of the run, signed, and by which keys to know the others'."""
        if not study.text.secure_aggregation:
            return {}
        session = open_session(self.here.engine_folder, run_id(record.ref), self.here.namespace)
        entries = self.here.directory().entries
        known = {name: [dict(key) for key in entries[name].publishing_keys] for name in card.participants}
        return {"certificate": session.certificate(self.here.signer()), "publishing_keys": known}

    def _withdraw_permits(self) -> bool:
        rows = Run.objects.filter(permitted=True, attested=False)
        return each(rows, self._withdraw_permit)

    def _no_longer_allowed(self, row: Run) -> bool:
        if self.here.records.is_withdrawn(row.reference) or self.here.records.is_withdrawn(row.study):
            return True
        mine = study_of(self.here.records, row.study).decisions.get(self.here.namespace)
        return mine is None or mine.choice is not Choice.APPROVE

    def _withdraw_permit(self, row: Run) -> bool:
        if not self._no_longer_allowed(row):
            return False
        withdraw_permit(self.here.engine_folder, row.run)
        forget_session(self.here.engine_folder, row.run)
        row.permitted, row.message = False, PERMIT_WITHDRAWN
        row.save(update_fields=["permitted", "message"])
        _audit(self.here, "studies.permit-withdrawn", row.reference, row.message)
        return True

    def _forget_keys(self) -> bool:
        """The keys of runs that never ended here and whose permit is past its date."""
        before = clock.now() - timedelta(days=PERMIT_DAYS)
        for row in Run.objects.filter(permitted=True, attested=False, recorded__lt=before):
            forget_session(self.here.engine_folder, row.run)
        return False

    def _attest(self) -> bool:
        rows = Run.objects.filter(permitted=True, attested=False)
        return each(rows, self._attest_one)

    def _attest_one(self, row: Run) -> bool:
        participant = Participant(self.here.engine_folder, self.here.namespace)
        try:
            transcript = participant.finish(row.run)
        except RunNotFound:
            return False
        rounds = participant.answered_up_to(row.run)
        card = AttestationCard(run=row.reference, agreement=row.agreement, transcript=transcript, rounds=rounds)
        self.here.publish([Draft("attestation", row.run, card.model_dump(mode="json"))])
        row.attested = True
        row.save(update_fields=["attested"])
        _audit(self.here, "studies.attested", row.reference, transcript)
        return True

    def _ask_about_own(self) -> bool:
        rows = [row for row in self._own() if not row.is_over]
        return each(rows, self._ask_about)

    def _own(self) -> list[Run]:
        return list(Run.objects.filter(reference__startswith=f"{self.here.namespace}/", published=False))

    def _ask_about(self, row: Run) -> bool:
        before = row.state
        said = self.ask_root(row.reference)
        take_over(row, said)
        return row.state != before

    def _publish_own(self) -> bool:
        rows = [row for row in self._own() if row.state == Run.State.FINISHED]
        return each(rows, self._publish)

    def _publish(self, row: Run) -> bool:
        attested = attestations(self.here, row)
        transcript = row.finished_outcome["transcript"]
        untrue = sorted(name for name, said in attested.items() if said != transcript)
        if untrue:
            self._refuse_result(row, untrue)
            return True
        complete = set(attested) >= set(row.participants) - set(row.finished_outcome["dropped"])
        if not complete and clock.now() < (row.ended or clock.now()) + ATTESTATION_PATIENCE:
            return False
        self._publish_result(row, tuple(sorted(attested)))
        return True

    def _refuse_result(self, row: Run, untrue: list[str]) -> None:
        row.state = Run.State.FAILED
        row.message = OTHER_TOTALS.format(institutes=listed(untrue))
        row.save()
        _audit(self.here, "studies.untrue-result", row.reference, row.message)

    def _publish_result(self, row: Run, attested: tuple[str, ...]) -> None:
        study = study_of(self.here.records, row.study)
        outcome = row.finished_outcome
        card = ResultCard(
            title=study.text.title,
            rounds=outcome["rounds"],
            seconds=outcome["seconds"],
            floor=study.text.floor,
            privacy=privacy_sentence(study.text.privacy, len(row.participants)),
            bytes_received=outcome["bytes_received"],
            secure_aggregation=study.text.secure_aggregation,
            resolution=outcome["resolution"],
            dropped=outcome["dropped"],
            provenance=provenance_of(study, row, attested),
        )
        with TemporaryDirectory(prefix="jazari-result-") as folder:
            file = Path(folder) / "result.json"
            file.write_text(json.dumps(self._values(row), ensure_ascii=False, sort_keys=True), encoding="utf-8")
            draft = Draft(
                "result", result_name(row.study, row.number), card.model_dump(mode="json"),
                {"result.json": file}, {"result.json": "application/json"},
            )  # fmt: skip
            self.here.publish([draft])
        row.published = True
        row.save(update_fields=["published"])

    def _values(self, row: Run) -> dict[str, Any]:
        """What this institute computed itself where it took part; else what the Root computed from the totals."""
        if row.permitted and row.attested:
            return Participant(self.here.engine_folder, self.here.namespace).result(row.run)
        values: dict[str, Any] = row.finished_outcome["result"]
        return values


def attestations(here: Here, row: Run) -> dict[str, str]:
    """The transcript digest that each participant has attested so far, by institute."""
    records = here.records.of("attestation", name=row.run)
    return {r.namespace: r.card["transcript"] for r in records if r.namespace in row.participants}


def new_row(record: Record, card: RunCard) -> Run:
    """The row (not saved) of a run that was just seen."""
    return Run(
        reference=record.ref,
        run=run_id(record.ref),
        study=card.study,
        agreement=card.agreement,
        number=card.number,
        participants=sorted(card.participants),
        recorded=record.published,
    )


def take_over(row: Run, said: dict[str, Any]) -> None:
    """Write what the Root says about a run into this node's row of it."""
    fields = ("state", "round", "message", "answered", "outcome")
    for name in fields:
        setattr(row, name, said[name])
    if row.is_over and row.ended is None:
        row.ended = clock.now()
    row.save(update_fields=[*fields, "ended"])


def _audit(here: Here, kind: str, subject: str, message: str) -> None:
    detail = {"message": message} if message else {}
    events.emit(AuditEvent(kind=kind, actor=here.namespace, subject=subject, detail=detail))
