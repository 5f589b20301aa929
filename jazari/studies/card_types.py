"""The card types of studies and what each must satisfy against other records. Registered by ``nodes/wiring``."""

from __future__ import annotations

from jazari.catalog.registry import CardContext, CardType, register_card_type
from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import StudyText, agreement_digest, parse_study
from jazari.studies.cards import AttestationCard, ResultCard, RunCard, run_id
from jazari.studies.decisions import ApprovalCard, approval_name
from jazari.studies.errors import BadStudyRecord
from jazari.studies.portable.card import ModelCard, check_model
from jazari.studies.privacy.terms import privacy_sentence
from jazari.trust.errors import TrustError
from jazari.trust.keys import key_id, verify_bytes
from jazari.trust.records import Record


def register() -> None:
    """Make the six card types of studies known to the catalogue."""
    for card_type in (
        CardType("study", StudyText, check_study, "A proposed computation: the exact text that institutes approve."),
        CardType(
            "approval", ApprovalCard, check_approval, "One institute's decision on a study, signed by its steward."
        ),
        CardType("run", RunCard, check_run, "That the proposer has an agreement executed now by these institutes."),
        CardType("attestation", AttestationCard, check_attestation, "What a participant saw of a run."),
        CardType("result", ResultCard, check_result, "What a run produced, and where it comes from."),
        CardType("model", ModelCard, check_model, "A model that anybody may fetch and apply, and how it was judged."),
    ):
        register_card_type(card_type)


def check_study(record: Record, context: CardContext) -> None:
    """A study is in its proposer's log and asks only data sets that are published."""
    text = parse_study(record.card)
    _require(text.proposer == record.namespace, record, "it names another institute as its proposer")
    for reference in text.datasets.values():
        _require(context.find(reference) is not None, record, f"the data set {reference} is not published")


def check_approval(record: Record, context: CardContext) -> None:
    """A decision is the institute's own, on the study's exact text, signed by its steward's key."""
    card = ApprovalCard.model_validate(record.card)
    statement = card.statement
    study = context.find(statement.study)
    if study is None or study.type != "study":
        raise BadStudyRecord(f"{record.ref} is refused: there is no study {statement.study}; sync and decide again.")
    text = parse_study(study.card)
    _require(statement.agreement == agreement_digest(text), record, "the study's text is not the one that was approved")
    _require(record.name == approval_name(statement.agreement), record, "its name does not follow from the agreement")
    _require(statement.institute == record.namespace, record, "it speaks for another institute")
    _require(statement.number == record.version, record, "its number is not its version")
    _require(record.namespace in text.institutes, record, "the study does not ask this institute")
    _check_steward(card, record, context)


def _check_steward(card: ApprovalCard, record: Record, context: CardContext) -> None:
    if context.directory is not None:
        entry = context.directory.entries.get(record.namespace)
        admitted = [key_id(key) for key in entry.steward_keys] if entry else []
        _require(key_id(card.steward_key) in admitted, record, "its key is not this institute's steward key")
    try:
        verify_bytes(card.steward_key, card.statement.signed_bytes(), card.signature)
    except TrustError as error:
        sentence = f"{record.ref} is refused: the steward's signature does not fit the decision; decide again."
        raise BadStudyRecord(sentence) from error


def check_run(record: Record, context: CardContext) -> None:
    """A run is recorded by the study's proposer, for its agreement, with approvals that were given."""
    card = RunCard.model_validate(record.card)
    study = context.find(card.study)
    _require(RecordRef.parse(card.study).namespace == record.namespace, record, "somebody else proposed the study")
    if study is None:
        raise BadStudyRecord(f"{record.ref} is refused: there is no study {card.study}; publish the study first.")
    _require(card.agreement == agreement_digest(parse_study(study.card)), record, "it names another agreement")
    for institute, reference in card.participants.items():
        approval = context.find(reference)
        given = approval is not None and _is_approval(approval, card.agreement)
        _require(given, record, f"{reference} is no approval of the agreement by {institute}")


def _is_approval(record: Record, agreement: str) -> bool:
    statement = ApprovalCard.model_validate(record.card).statement
    return statement.agreement == agreement and statement.choice == "approve"


def check_attestation(record: Record, context: CardContext) -> None:
    """An attestation is a participant's own word about a recorded run."""
    card = AttestationCard.model_validate(record.card)
    run = _run_of(record, card.run, context)
    _require(record.name == run_id(card.run), record, "its name does not follow from the run")
    _require(record.namespace in run.participants, record, "this institute takes no part in the run")
    _require(card.agreement == run.agreement, record, "it names another agreement")


def check_result(record: Record, context: CardContext) -> None:
    """A result is published by the proposer of its study, with the provenance of a recorded run."""
    card = ResultCard.model_validate(record.card)
    provenance = card.provenance
    run = _run_of(record, provenance.run, context)
    _require(RecordRef.parse(provenance.run).namespace == record.namespace, record, "somebody else had it run")
    _require(provenance.study == run.study, record, "the run is of another study")
    _require(provenance.agreement == run.agreement, record, "it names another agreement")
    _require(sorted(provenance.participants) == sorted(run.participants), record, "other institutes took part")
    _require(set(provenance.attested) <= set(run.participants), record, "somebody attested who took no part")
    _check_privacy(record, card, run, context)
    _require(record.file("result.json") is not None, record, "the file result.json is missing")


def _check_privacy(record: Record, card: ResultCard, run: RunCard, context: CardContext) -> None:
    """No noise is claimed where none is agreed, nor less or more than was."""
    study = context.find(run.study)
    if study is None:
        raise BadStudyRecord(f"{record.ref} is refused: there is no study {run.study}; publish the study first.")
    said = privacy_sentence(parse_study(study.card).privacy, len(run.participants))
    _require(card.privacy == said, record, "what it says about noise is not what the study agreed")


def _run_of(record: Record, reference: str, context: CardContext) -> RunCard:
    run = context.find(reference)
    if run is None or run.type != "run":
        raise BadStudyRecord(f"{record.ref} is refused: there is no run {reference}; publish the run first.")
    return RunCard.model_validate(run.card)


def _require(condition: bool, record: Record, problem: str) -> None:
    if not condition:
        raise BadStudyRecord(f"{record.ref} is refused: {problem}; correct it and publish again.")
