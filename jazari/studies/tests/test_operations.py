"""Proposing and deciding: who may, what is signed, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jazari.core import clock
from jazari.core.identifiers import RecordRef
from jazari.studies import operations, queries
from jazari.studies.decisions import ApprovalCard, Choice
from jazari.studies.errors import (
    BadParameters,
    BadStudy,
    BadStudyRecord,
    ColumnMissing,
    NotAsked,
    NotRunnable,
    StudyNotFound,
    UnknownRecipe,
)
from jazari.studies.overview import study_of
from jazari.studies.proposals import make_proposal
from jazari.studies.tests.conftest import proposal
from jazari.testing.memory_network import MemoryNetwork
from jazari.trust.records import Draft


@pytest.fixture
def study(network: MemoryNetwork) -> str:
    return operations.propose(network.here("rabat"), make_proposal(proposal(network))).ref


def approve(network: MemoryNetwork, study: str, *institutes: str) -> None:
    for name in institutes:
        operations.decide(network.here(name), study, Choice.APPROVE, "", network.stewards[name])


def test_a_study_starts_as_proposed_and_names_everybody_it_asks(network, study):
    seen = study_of(network, study)
    assert seen.status(clock.now()) == "proposed"
    assert seen.unanswered == ["agadir", "fes", "rabat"]
    assert seen.text.contract, "the output contract is part of what is approved"


def test_approvals_and_refusals_are_counted_and_a_study_may_run_with_enough(network, study):
    approve(network, study, "rabat", "fes")
    operations.decide(network.here("agadir"), study, Choice.REFUSE, "Too few sites.", network.stewards["agadir"])
    seen = study_of(network, study)
    assert (seen.approved, queries.refusing(seen), seen.unanswered) == (["fes", "rabat"], ["agadir"], [])
    run = operations.start_run(network.here("rabat"), study)
    assert sorted(run.card["participants"]) == ["fes", "rabat"]


def test_nobody_approved_means_no_run(network, study):
    with pytest.raises(NotRunnable, match="nobody approves"):
        operations.start_run(network.here("rabat"), study)


def test_too_few_approvals_mean_no_run(network, study):
    approve(network, study, "rabat")
    with pytest.raises(NotRunnable, match="too few institutes"):
        operations.start_run(network.here("rabat"), study)


def test_a_study_that_cannot_get_enough_approvals_is_refused(network):
    wanted = proposal(network, minimum_institutes=3)
    study = operations.propose(network.here("rabat"), make_proposal(wanted)).ref
    operations.decide(network.here("fes"), study, Choice.REFUSE, "No.", network.stewards["fes"])
    assert study_of(network, study).status(clock.now()) == "refused"


def test_a_withdrawn_approval_no_longer_counts(network, study):
    approve(network, study, "rabat", "fes")
    operations.decide(network.here("fes"), study, Choice.WITHDRAW, "Consent ended.", network.stewards["fes"])
    assert study_of(network, study).approved == ["rabat"]
    with pytest.raises(BadStudyRecord, match="no approval"):
        operations.decide(network.here("fes"), study, Choice.WITHDRAW, "Again.", network.stewards["fes"])


def test_only_the_proposer_has_it_run_and_only_as_often_as_agreed(network, study):
    approve(network, study, "rabat", "fes")
    with pytest.raises(NotAsked):
        operations.start_run(network.here("fes"), study)
    operations.start_run(network.here("rabat"), study)
    with pytest.raises(NotRunnable, match="allows 1 runs"):
        operations.start_run(network.here("rabat"), study)


def test_a_withdrawn_study_may_not_run_or_be_approved(network, study):
    approve(network, study, "rabat", "fes")
    operations.withdraw(network.here("rabat"), study, "Wrong parameters.")
    with pytest.raises(NotRunnable, match="withdrawn"):
        operations.start_run(network.here("rabat"), study)
    with pytest.raises(NotRunnable, match="withdrawn"):
        approve(network, study, "agadir")


def test_nobody_withdraws_what_another_wrote(network, study):
    with pytest.raises(NotAsked):
        operations.withdraw(network.here("fes"), study, "I do not like it.")


def test_an_expired_study_may_not_be_approved(network, study):
    with clock.frozen(clock.now() + timedelta(days=91)), pytest.raises(NotRunnable, match="expired"):
        approve(network, study, "fes")


def test_a_refusal_needs_a_reason(network, study):
    with pytest.raises(BadStudyRecord, match="--reason"):
        operations.decide(network.here("fes"), study, Choice.REFUSE, "  ", network.stewards["fes"])


def test_an_institute_that_is_not_asked_cannot_decide(network):
    wanted = proposal(network, datasets=[r.ref for r in network.of("dataset") if r.namespace != "fes"])
    study = operations.propose(network.here("rabat"), make_proposal(wanted)).ref
    with pytest.raises(NotAsked):
        approve(network, study, "fes")


def test_the_publishing_key_approves_nothing(network, study):
    """A stolen web server holds the publishing key and not the steward's."""
    from jazari.trust.keys import load_signer

    publishing = load_signer(network.folder / "fes" / "keys" / "publishing.pem", None)
    with pytest.raises(BadStudyRecord, match="steward key"):
        operations.decide(network.here("fes"), study, Choice.APPROVE, "", publishing)


def forged(network: MemoryNetwork, study: str, **changes: object) -> Draft:
    """An approval by Fes whose statement was changed after it was signed."""
    approve(network, study, "fes")
    record = network.records.pop()
    card = ApprovalCard.model_validate(record.card)
    statement = card.statement.model_copy(update=changes)
    return Draft("approval", record.name, card.model_copy(update={"statement": statement}).model_dump(mode="json"))


def test_a_statement_changed_after_signing_is_refused(network, study):
    draft = forged(network, study, reason="and everything else")
    with pytest.raises(BadStudyRecord, match="signature"):
        network.publish("fes", [draft])


def test_an_approval_in_another_log_is_refused(network, study):
    with pytest.raises(BadStudyRecord, match="another institute"):
        network.publish("agadir", [forged(network, study)])


def test_a_reader_does_not_count_a_forged_approval_that_a_lying_root_let_in(network, study):
    draft = forged(network, study, reason="forged")
    real = network.directory
    approve(network, study, "fes")
    record = network.records.pop()
    network.records.append(record.model_copy(update={"card": draft.card}))
    assert network.directory is real
    assert study_of(network, study).approved == []


def test_an_approval_by_a_key_that_is_no_longer_admitted_does_not_stand(network, study):
    approve(network, study, "fes")
    entry = network.directory.entries["fes"]
    other = network.directory.entries["agadir"].steward_keys
    entries = network.directory.entries | {"fes": entry.model_copy(update={"steward_keys": other})}
    network.directory = network.directory.model_copy(update={"entries": entries})
    assert study_of(network, study).approved == []


def test_a_run_must_be_recorded_by_the_proposer_with_real_approvals(network, study):
    approve(network, study, "rabat", "fes")
    run = operations.start_run(network.here("rabat"), study)
    card = dict(run.card)
    with pytest.raises(BadStudyRecord, match="somebody else"):
        network.publish("fes", [Draft("run", "run-forged", card)])
    invented = str(replace(RecordRef.parse(card["participants"]["fes"]), namespace="agadir"))
    with pytest.raises(BadStudyRecord, match="no approval"):
        network.publish("rabat", [Draft("run", "run-more", card | {"participants": {"agadir": invented}})])


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"recipe": "magic"}, UnknownRecipe, "choose one of"),
        ({"parameters": {"variables": ["salinity"]}}, ColumnMissing, "'salinity' is missing at"),
        ({"parameters": {"variables": []}}, BadParameters, "variables"),
        ({"parameters": {"variables": ["ph"], "by": ["ph"]}}, BadParameters, "twice"),
        ({"minimum_institutes": 4}, BadStudy, "minimum_institutes"),
        ({"floor": 0}, BadStudy, "floor"),
        ({"name": "Not A Name"}, BadStudy, "name of the study"),
        ({"surprise": 1}, BadStudy, "surprise"),
        ({"datasets": ["rabat/dataset/none@1"]}, BadStudy, "no data set that is offered"),
        ({"purpose": ""}, BadStudy, "purpose"),
    ],
)
def test_a_bad_proposal_is_refused_with_what_to_correct_and_nothing_is_published(network, changes, error, words):
    before = len(network.records)
    with pytest.raises(error, match=words):
        operations.propose(network.here("rabat"), make_proposal(proposal(network, **changes)))
    assert len(network.records) == before


def test_an_unknown_study_is_not_found(network):
    with pytest.raises(StudyNotFound, match="jazari sync"):
        study_of(network, "rabat/study/none@1")


def test_studies_are_listed_newest_first_with_their_status(network, study):
    (line,) = queries.studies(network, clock.now())
    assert (line["study"], line["status"], line["unanswered"]) == (study, "proposed", ["agadir", "fes", "rabat"])


def test_every_decision_reaches_the_audit_trail(network, study, audit):
    approve(network, study, "fes")
    assert [(e.kind, e.actor, e.detail["choice"]) for e in audit] == [("studies.decided", "fes", "approve")]
