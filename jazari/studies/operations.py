"""What people at an institute do with studies: propose, decide, have it run, withdraw. Each ends in a signed record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.clock import timestamp
from jazari.core.identifiers import RecordRef, token
from jazari.studies.agreement import StudyText, study_dict
from jazari.studies.cards import RunCard
from jazari.studies.decisions import ApprovalCard, Choice, Statement, approval_name
from jazari.studies.errors import BadStudy, BadStudyRecord, NotAsked, NotRunnable, OtherAgreement
from jazari.studies.overview import Records, Study, run_problem, study_of
from jazari.trust.directory import Directory
from jazari.trust.errors import FileAbsent
from jazari.trust.keys import Signer, key_id, sign_bytes
from jazari.trust.records import Draft, Record

if TYPE_CHECKING:
    from jazari.studies.data.mapping import ColumnMapping
    from jazari.studies.proposals import Proposal

Publish = Callable[[Sequence[Draft]], Sequence[Record]]


@dataclass(frozen=True)
class Here:
    """The node that acts: who it is, what it has verified, who is admitted, and how it signs and publishes."""

    namespace: str
    records: Records
    directory: Callable[[], Directory]
    publish: Publish
    signer: Callable[[], Signer]
    engine_folder: Path

    def file(self, record: Record, name: str) -> Path:
        """A file of a verified record on this disk, checked against it; ``FileAbsent`` where none can be had."""
        raise FileAbsent(f"The file {name[:60]!r} of {record.ref} cannot be fetched here: ask at a node.")


def write_text(here: Here, proposal: Proposal) -> StudyText:
    """The full text of the study that ``proposal`` asks for, with its contract and digests; publishes nothing.

    Raises ``BadStudy`` (also when a named data set is unknown or withdrawn), ``BadParameters`` or another
    ``StudyError`` naming what to correct.
    """
    # recipes, so numpy: only proposing needs it
    from jazari.studies.datasets import schema_of_card
    from jazari.studies.proposals import largest_rows, named_institutes, write_study

    cards = {institute: _offered(here, reference) for institute, reference in named_institutes(proposal).items()}
    schemas = {institute: schema_of_card(card) for institute, card in cards.items()}
    return write_study(proposal, here.namespace, schemas, clock.now(), largest_rows(cards.values()))


def propose(here: Here, proposal: Proposal, seen: StudyText | None = None) -> Record:
    """Write the study's full text and publish it.

    The same proposal again, while the study waits for its first run, is the same study: its record is returned.
    ``seen``: the text that somebody read before; exactly this one is published, and ``BadStudy`` is raised where the
    proposal no longer leads to it. Raises what ``write_text`` raises.
    """
    text = write_text(here, proposal)
    if seen is not None:
        text = _still(seen, text)
    unused = _same_and_unused(here, proposal.name, text)
    if unused is not None:
        return unused
    (record,) = here.publish([Draft("study", proposal.name, study_dict(text))])
    _audit(here, "studies.proposed", record.ref, {"agreement": study_of(here.records, record.ref).agreement})
    return record


def _still(seen: StudyText, now: StudyText) -> StudyText:
    """``seen``, if it says what the proposal leads to now, but for its last day, which may only be an earlier one."""
    if study_dict(seen) | {"expires": now.expires} != study_dict(now) or seen.expires > now.expires:
        raise BadStudy("The data sets or the installed code have changed since the preview: look at it again.")
    return seen


def _same_and_unused(here: Here, name: str, text: StudyText) -> Record | None:
    """The study's newest version, if it says the same but for its last day, stands, and never ran."""
    versions = here.records.of("study", namespace=here.namespace, name=name)
    if not versions:
        return None
    newest = max(versions, key=lambda record: record.version)
    if newest.card | {"expires": text.expires} != study_dict(text):
        return None
    study = study_of(here.records, newest.ref)
    return None if study.runs or study.status(clock.now()) in ("withdrawn", "expired") else newest


def _offered(here: Here, reference: str) -> dict[str, Any]:
    """The card of a data set that is offered now."""
    record = here.records.get(reference)
    if record is None or record.type != "dataset" or here.records.is_withdrawn(reference):
        raise BadStudy(
            f"{reference} is no data set that is offered now: choose one from `jazari search --type dataset`."
        )
    return dict(record.card)


def decide(here: Here, reference: str, choice: Choice, reason: str, steward: Signer, *, agreement: str = "") -> Record:
    """Sign one decision with the steward's key and publish it in this institute's log.

    An approval covers the mapping that is stored now. Raises ``StudyNotFound``, ``NotAsked``, ``IncompatibleData``
    (approving with a variable that is not mapped), ``BadStudyRecord`` (no approval to withdraw, a refusal without
    a reason, a key that the directory does not name as this institute's steward), ``OtherAgreement`` where
    ``agreement``, the digest that was read, is not the study's.
    """
    study = check_decision(here, reference, choice, reason, agreement)
    statement = Statement(
        study=reference,
        agreement=study.agreement,
        institute=here.namespace,
        choice=choice,
        reason=reason,
        number=_next_number(here, study),
        moment=timestamp(),
        mapping=_mapping_of(here, study) if choice is Choice.APPROVE else None,
    )
    card = ApprovalCard(
        statement=statement,
        steward_key=_steward_key(here, steward),
        signature=sign_bytes(steward, statement.signed_bytes()),
    )
    (record,) = here.publish([Draft("approval", approval_name(study.agreement), card.model_dump(mode="json"))])
    detail = {"agreement": study.agreement, "choice": str(choice), "reason": reason}
    _audit(here, "studies.decided", reference, detail)
    return record


def check_decision(here: Here, reference: str, choice: Choice, reason: str, agreement: str = "") -> Study:
    """The study, if this institute may decide so now; raises what ``decide`` does, but for the steward's key.

    ``agreement``: the digest that the steward read, if one was; raises ``OtherAgreement`` for another text.
    """
    study = study_of(here.records, reference)
    if agreement and agreement != study.agreement:
        raise OtherAgreement(
            f"{reference} has the digest {study.agreement}, not {agreement[:80]!r}: read this text before you decide."
        )
    _may_decide(here, study, choice, reason)
    if choice is Choice.APPROVE:
        _mapping_of(here, study)
    return study


def _may_decide(here: Here, study: Study, choice: Choice, reason: str) -> None:
    if here.namespace not in study.text.institutes:
        raise NotAsked(f"{study.reference} does not ask {here.namespace}: there is nothing to decide here.")
    mine = study.decisions.get(here.namespace)
    if choice is Choice.WITHDRAW and (mine is None or mine.choice is not Choice.APPROVE):
        raise BadStudyRecord(f"{here.namespace} has no approval of {study.reference} to withdraw.")
    if choice is Choice.REFUSE and not reason.strip():
        raise BadStudyRecord("A refusal says why: give --reason.")
    if choice is Choice.APPROVE and study.status(clock.now()) in ("withdrawn", "expired"):
        raise NotRunnable(f"{study.reference} is {study.status(clock.now())}: ask its proposer for a new study.")


def _mapping_of(here: Here, study: Study) -> str | None:
    from jazari.studies.data.mapping import mapping_digest
    from jazari.studies.mappings import mapping_to_approve

    return mapping_digest(mapping_to_approve(here, study))


def map_columns(here: Here, reference: str, mapping: ColumnMapping) -> int:
    """Keep how this institute's columns become the study's variables; the number of this version of the mapping.

    Nothing is published: the next approval names its digest. Raises what ``mappings.map_study`` raises.
    """
    from jazari.studies.data.mapping import mapping_digest
    from jazari.studies.mappings import map_study

    version = map_study(here, reference, mapping)
    _audit(here, "studies.mapped", reference, {"mapping": mapping_digest(mapping), "version": version})
    return version


def _next_number(here: Here, study: Study) -> int:
    """One more than this institute ever published on the agreement, by whichever of its stewards' keys."""
    published = here.records.of("approval", namespace=here.namespace, name=approval_name(study.agreement))
    return len(published) + 1


def _steward_key(here: Here, steward: Signer) -> dict[str, object]:
    entry = here.directory().entries.get(here.namespace)
    for key in entry.steward_keys if entry else []:
        if key_id(key) == steward.public_key.keyid:
            return key
    raise BadStudyRecord(
        f"This key is not {here.namespace}'s steward key in the directory: use the one that was admitted."
    )


def start_run(here: Here, reference: str) -> Record:
    """Record that the study runs now on exactly the institutes that approve.

    Raises ``NotAsked`` unless this node proposed it, ``NotRunnable`` saying what is missing.
    """
    study = study_of(here.records, reference)
    if study.proposer != here.namespace:
        raise NotAsked(f"{study.proposer} proposed {reference}: only its proposer can have it run.")
    if not study.approved:
        raise NotRunnable(f"{reference} may not run: nobody approves it yet.")
    card = RunCard(
        study=reference,
        agreement=study.agreement,
        participants={institute: study.approvals[institute] for institute in study.approved},
        number=_runs_counted(here, study) + 1,
    )
    problem = run_problem(card, study, clock.now())
    if problem:
        raise NotRunnable(f"{reference} may not run: {problem}; see `jazari study show {reference}`.")
    (record,) = here.publish([Draft("run", f"run-{token()}", card.model_dump(mode="json"))])
    _audit(here, "studies.run-recorded", record.ref, {"agreement": study.agreement, "number": card.number})
    return record


def _runs_counted(here: Here, study: Study) -> int:
    return sum(not here.records.is_withdrawn(run.ref) for run in study.runs)


def withdraw(here: Here, reference: str, reason: str) -> Record:
    """Withdraw a record of this node: a run that is under way ends, a study may not run again.

    Raises ``NotAsked`` for somebody else's record.
    """
    ref = RecordRef.parse(reference)
    if ref.namespace != here.namespace:
        raise NotAsked(f"{reference} is {ref.namespace}'s: only its author can withdraw it.")
    card = {"withdraws": reference, "reason": {"en": reason}}
    (record,) = here.publish([Draft("withdrawal", f"w-{token()}", card)])
    _audit(here, "studies.withdrawn", reference, {"reason": reason})
    return record


def _audit(here: Here, kind: str, subject: str, detail: Mapping[str, object]) -> None:
    events.emit(AuditEvent(kind=kind, actor=here.namespace, subject=subject, detail=dict(detail)))
