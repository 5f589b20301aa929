"""What an institute's worker does about runs: permits only for what stands, attestations, its own results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jazari.core.errors import Unavailable
from jazari.studies import following, operations
from jazari.studies.cards import run_id
from jazari.studies.coordinator import Coordinator
from jazari.studies.decisions import Choice
from jazari.studies.each import OncePerChange
from jazari.studies.engine import RunOrder
from jazari.studies.errors import NoPermit
from jazari.studies.following import Follower
from jazari.studies.models import DataSet, Run
from jazari.studies.overview import study_of
from jazari.studies.participant import Participant
from jazari.studies.permits import load_permit
from jazari.studies.proposals import make_proposal
from jazari.studies.tests.conftest import proposal
from jazari.testing.memory_network import MemoryNetwork


def not_asked(reference: str) -> dict[str, Any]:
    raise AssertionError(f"the Root was asked about {reference}")


@pytest.fixture
def run(network: MemoryNetwork) -> str:
    """A recorded run of a study by Rabat that Rabat and Fes approve and Agadir refuses."""
    study = operations.propose(network.here("rabat"), make_proposal(proposal(network))).ref
    for name in ("rabat", "fes"):
        operations.decide(network.here(name), study, Choice.APPROVE, "", network.stewards[name])
    operations.decide(network.here("agadir"), study, Choice.REFUSE, "Too few sites.", network.stewards["agadir"])
    return operations.start_run(network.here("rabat"), study).ref


def engine(network: MemoryNetwork, name: str):
    return network.here(name).engine_folder


def test_an_approving_institute_writes_a_permit_once(network, run, audit):
    follower = Follower(network.here("fes"), not_asked)
    assert follower.follow()
    permit = load_permit(engine(network, "fes"), run_id(run))
    assert (permit.namespace, permit.participants, permit.run_record) == ("fes", ("fes", "rabat"), run)
    Participant(engine(network, "fes"), "fes").check(run_id(run))
    assert not follower.follow(), "nothing is left to do"
    assert [event.kind for event in audit if event.actor == "fes"][-1] == "studies.permitted"


def test_one_that_refused_gets_no_permit_and_its_trail_says_why(network, run, audit):
    Follower(network.here("agadir"), not_asked).follow()
    with pytest.raises(NoPermit):
        load_permit(engine(network, "agadir"), run_id(run))
    (event,) = [event for event in audit if event.kind == "studies.not-taking-part"]
    assert "Too few sites." in event.detail["message"]
    assert Run.objects.get().permitted is None


def test_no_permit_when_the_data_file_has_changed_since_it_was_registered(network, run, audit):
    data = DataSet.objects.get(name="soil-fes")
    with open(data.path, "a") as file:
        file.write("s9999,wheat,7.0\n")
    Follower(network.here("fes"), not_asked).follow()
    with pytest.raises(NoPermit):
        load_permit(engine(network, "fes"), run_id(run))
    message = Run.objects.get().message
    assert "has changed since" in message
    assert message.endswith("(studies.data-set-not-found)"), "pages say by the code what it means"
    assert [event.kind for event in audit][-1] == "studies.permit-denied"


def test_no_permit_for_a_run_of_a_withdrawn_study(network, run):
    operations.withdraw(network.here("rabat"), study_reference(network), "Wrong.")
    Follower(network.here("fes"), not_asked).follow()
    assert Run.objects.get().permitted is False
    with pytest.raises(NoPermit):
        load_permit(engine(network, "fes"), run_id(run))


def study_reference(network: MemoryNetwork) -> str:
    return network.of("study")[0].ref


@pytest.mark.parametrize("what", ["approval", "run", "study"])
def test_a_permit_is_withdrawn_when_what_it_rests_on_no_longer_stands(network, run, what):
    follower = Follower(network.here("fes"), not_asked)
    follower.follow()
    if what == "approval":
        study = study_reference(network)
        operations.decide(network.here("fes"), study, Choice.WITHDRAW, "Consent ended.", network.stewards["fes"])
    else:
        operations.withdraw(network.here("rabat"), run if what == "run" else study_reference(network), "Stop.")
    assert follower.follow()
    with pytest.raises(NoPermit):
        Participant(engine(network, "fes"), "fes").check(run_id(run))


def test_records_are_looked_at_again_when_the_network_has_changed_and_only_then(network, run, monkeypatch):
    version, looked = ["1"], []
    of = MemoryNetwork.of
    monkeypatch.setattr(MemoryNetwork, "of", lambda self, kind, **by: looked.append(kind) or of(self, kind, **by))
    follower = Follower(network.here("fes"), not_asked, OncePerChange(lambda: version[0]))
    assert follower.follow()
    looked.clear()
    assert not follower.follow()
    assert looked == []

    operations.withdraw(network.here("rabat"), run, "Stop.")
    version[0] = "2"
    assert follower.follow()
    with pytest.raises(NoPermit):
        load_permit(engine(network, "fes"), run_id(run))


def test_what_failed_is_tried_again_though_nothing_changed(network, run, monkeypatch):
    follower = Follower(network.here("fes"), not_asked, OncePerChange(lambda: "1"))
    with monkeypatch.context() as broken:
        broken.setattr(following, "study_of", unwritable)
        with pytest.raises(Unavailable):
            follower.follow()
    assert follower.follow()
    assert load_permit(engine(network, "fes"), run_id(run)).run_record == run


def unwritable(*_arguments: object) -> None:
    raise Unavailable("Nothing can be read now: try again.")


def finish_run(network: MemoryNetwork, run: str) -> dict[str, Any]:
    """Compute the run between the two institutes as an engine would; what the Root then says about it."""
    for name in ("rabat", "fes"):
        Follower(network.here(name), lambda _: waiting(run)).follow()
        if name == "rabat":
            Run.objects.all().delete()  # each node has a database of its own in reality
    study = study_of(network, study_reference(network))
    order = RunOrder(
        run=run_id(run), agreement=study.agreement, study=study.text.model_dump(mode="json"),
        participants=("fes", "rabat"), max_rounds=5, round_deadline_seconds=60,
    )  # fmt: skip
    coordinator = Coordinator(network.folder / "runs", order)
    while coordinator.pending():
        for name in coordinator.pending():
            participant = Participant(engine(network, name), name)
            coordinator.receive(name, participant.respond(order.run, coordinator.request()))
    outcome = coordinator.outcome().model_dump(mode="json")
    return waiting(run) | {"state": "finished", "outcome": json.loads(json.dumps(outcome))}


def waiting(run: str) -> dict[str, Any]:
    return {"reference": run, "state": "waiting", "round": 0, "message": "", "answered": {}, "outcome": None}


def test_a_participant_attests_the_transcript_that_it_saw(network, run):
    said = finish_run(network, run)
    Follower(network.here("fes"), not_asked).follow()
    (record,) = network.of("attestation")
    assert record.card["transcript"] == said["outcome"]["transcript"]
    assert Run.objects.get().attested


def test_the_proposer_publishes_the_result_once_all_have_attested(network, run):
    said = finish_run(network, run)
    Follower(network.here("fes"), not_asked).follow()
    Run.objects.all().delete()
    follower = Follower(network.here("rabat"), lambda _: said)
    while follower.follow():
        pass
    (record,) = network.of("result")
    provenance = record.card["provenance"]
    assert provenance["attested"] == ["fes", "rabat"]
    assert provenance["participants"] == ["fes", "rabat"]
    values = json.loads(network.file(record, "result.json"))
    assert values == said["outcome"]["result"]
    assert values["groups"]
    assert not follower.follow(), "a result is published once"


def test_a_root_that_reports_other_totals_is_found_out_and_nothing_is_published(network, run, audit):
    said = finish_run(network, run)
    Follower(network.here("fes"), not_asked).follow()
    Run.objects.all().delete()
    said["outcome"]["transcript"] = "sha256:" + "0" * 64
    follower = Follower(network.here("rabat"), lambda _: said)
    while follower.follow():
        pass
    assert network.of("result") == []
    row = Run.objects.get()
    assert row.state == Run.State.FAILED
    assert "fes" in row.message
    assert "studies.untrue-result" in [event.kind for event in audit]


def test_a_failed_run_is_followed_to_its_end_and_publishes_nothing(network, run):
    failed = waiting(run) | {"state": "failed", "message": "agadir did not answer."}
    follower = Follower(network.here("rabat"), lambda _: failed)
    while follower.follow():
        pass
    row = Run.objects.get()
    assert (row.state, row.message) == ("failed", "agadir did not answer.")
    assert network.of("result") == []
