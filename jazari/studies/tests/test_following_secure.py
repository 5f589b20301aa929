"""What an institute's worker does for secure aggregation: keys in the permit, what the result says, keys gone again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jazari.core import clock
from jazari.studies import operations
from jazari.studies.cards import run_id
from jazari.studies.coordinator import Coordinator
from jazari.studies.decisions import Choice
from jazari.studies.engine import RunOrder
from jazari.studies.errors import BadSession
from jazari.studies.following import PERMIT_DAYS, Follower
from jazari.studies.models import Run
from jazari.studies.overview import study_of
from jazari.studies.participant import Participant
from jazari.studies.permits import load_permit
from jazari.studies.proposals import make_proposal
from jazari.studies.secure.session import load_session
from jazari.studies.tests.conftest import proposal
from jazari.testing.memory_network import MemoryNetwork

NAMES = ("agadir", "fes", "rabat")


@pytest.fixture
def run(network: MemoryNetwork) -> str:
    """A recorded run of a study with secure aggregation that all three approve."""
    asked = make_proposal(proposal(network, secure_aggregation=True))
    study = operations.propose(network.here("rabat"), asked).ref
    for name in NAMES:
        operations.decide(network.here(name), study, Choice.APPROVE, "", network.stewards[name])
    return operations.start_run(network.here("rabat"), study).ref


def follow(network: MemoryNetwork, name: str, said: dict[str, Any] | None = None) -> None:
    """One institute's worker looks at its runs; each node has a database of its own in reality."""
    Run.objects.all().delete()
    Follower(network.here(name), lambda _: said or {}).follow()


def test_the_permit_carries_keys_that_the_institute_signed(network: MemoryNetwork, run: str) -> None:
    follow(network, "fes")
    permit = load_permit(network.here("fes").engine_folder, run_id(run))
    assert permit.certificate is not None
    assert sorted(permit.publishing_keys) == list(NAMES)
    permit.certificate.check(permit.publishing_keys["fes"])
    with pytest.raises(BadSession, match="not signed by it"):
        permit.certificate.check(permit.publishing_keys["rabat"])


def test_writing_the_permit_again_keeps_the_keys(network: MemoryNetwork, run: str) -> None:
    follow(network, "fes")
    first = load_permit(network.here("fes").engine_folder, run_id(run)).certificate
    follow(network, "fes")
    assert load_permit(network.here("fes").engine_folder, run_id(run)).certificate == first


def test_a_run_ends_with_a_card_that_says_what_was_hidden(network: MemoryNetwork, run: str) -> None:
    for name in NAMES:
        follow(network, name, {"state": "running", "round": 1, "message": "", "answered": {}, "outcome": None})
    study = study_of(network, network.of("study")[0].ref)
    order = RunOrder(
        run=run_id(run), agreement=study.agreement, study=study.text.model_dump(mode="json"), participants=NAMES,
        max_rounds=5, round_deadline_seconds=60,
    )  # fmt: skip
    coordinator = Coordinator(network.folder / "runs", order)
    while pending := coordinator.pending():
        for name in pending:
            participant = Participant(network.here(name).engine_folder, name)
            coordinator.receive(name, participant.respond(run_id(run), coordinator.request(name)))
    outcome = coordinator.outcome()
    said = {"state": "finished", "round": 2, "message": "", "answered": {}, "outcome": outcome.model_dump(mode="json")}
    for name in NAMES:
        with pytest.raises(BadSession, match="record a new run"):
            load_session(network.here(name).engine_folder, run_id(run), name)
    for name in ("agadir", "fes"):
        follow(network, name)
    follow(network, "rabat", said)
    Follower(network.here("rabat"), lambda _: said).follow()
    (card,) = [record.card for record in network.of("result")]
    assert card["secure_aggregation"] is True
    assert card["resolution"]["counts.rows"] == 1
    assert 0 < card["resolution"]["spread.ph.squares"] < 1e-9
    assert card["dropped"] == {}


def test_keys_of_a_run_that_never_ended_do_not_stay(network: MemoryNetwork, run: str) -> None:
    follow(network, "fes")
    engine = network.here("fes").engine_folder
    assert load_session(engine, run_id(run), "fes")
    with clock.frozen(clock.now() + timedelta(days=PERMIT_DAYS + 1)):
        Follower(network.here("fes"), lambda _: {}).follow()
    with pytest.raises(BadSession, match="record a new run"):
        load_session(engine, run_id(run), "fes")
