"""What the Root does about runs, on the in-process engine: it starts what is recorded, and nothing else."""

from __future__ import annotations

import time

import pytest

from jazari.studies import operations
from jazari.studies.cards import run_id
from jazari.studies.decisions import Choice
from jazari.studies.driving import Driver
from jazari.studies.errors import RunNotFound
from jazari.studies.following import Follower
from jazari.studies.http_api import run_for, run_path
from jazari.studies.inprocess import InProcessEngine
from jazari.studies.models import Run
from jazari.studies.participant import Participant
from jazari.studies.proposals import make_proposal
from jazari.studies.tests.conftest import proposal
from jazari.testing.memory_network import MemoryNetwork

PATIENCE_SECONDS = 20.0


@pytest.fixture
def study(network: MemoryNetwork) -> str:
    reference = operations.propose(network.here("rabat"), make_proposal(proposal(network))).ref
    for name in ("rabat", "fes"):
        operations.decide(network.here(name), reference, Choice.APPROVE, "", network.stewards[name])
    return reference


def permit(network: MemoryNetwork, *names: str) -> None:
    """Let each institute's own worker write its permit; each has a database of its own in reality."""
    for name in names:
        follower = Follower(network.here(name), lambda _: {})
        for record in network.of("run"):
            follower._note(record)
        Run.objects.all().delete()


@pytest.fixture
def engine(network: MemoryNetwork):
    institutes = {
        name: Participant(network.here(name).engine_folder, name).respond for name in ("rabat", "fes", "agadir")
    }
    engine = InProcessEngine(network.folder / "runs", institutes)
    yield engine
    engine.close()


def drive(driver: Driver) -> Run:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        driver.drive()
        row = Run.objects.get()
        if row.is_over:
            return row
        time.sleep(0.02)
    raise AssertionError("the run did not end")


def test_a_recorded_run_is_started_and_its_outcome_kept(network, study, engine):
    run = operations.start_run(network.here("rabat"), study).ref
    permit(network, "rabat", "fes")
    row = drive(Driver(network.here("network"), engine))
    assert row.state == Run.State.FINISHED, row.message
    assert row.reference == run
    assert row.outcome["participants"] == ["fes", "rabat"]
    assert row.outcome["result"]["groups"]


def test_an_institute_without_permit_makes_the_run_fail_with_its_name(network, study, engine):
    operations.start_run(network.here("rabat"), study)
    permit(network, "rabat")
    row = drive(Driver(network.here("network"), engine))
    assert row.state == Run.State.FAILED
    assert "fes" in row.message


def test_a_run_whose_approval_was_withdrawn_before_it_started_is_not_started(network, study, engine):
    operations.start_run(network.here("rabat"), study)
    operations.decide(network.here("fes"), study, Choice.WITHDRAW, "No.", network.stewards["fes"])
    row = drive(Driver(network.here("network"), engine))
    assert row.state == Run.State.FAILED
    assert "not started" in row.message
    with pytest.raises(RunNotFound):
        engine.status(row.run)


def test_a_withdrawn_run_ends_as_cancelled(network, study, tmp_path):
    def away(_run: str, _request: bytes) -> bytes:
        raise ConnectionError

    engine = InProcessEngine(tmp_path / "slow", {"rabat": away, "fes": away})
    run = operations.start_run(network.here("rabat"), study).ref
    driver = Driver(network.here("network"), engine)
    driver.drive()
    assert not Run.objects.get().is_over
    operations.withdraw(network.here("rabat"), run, "Wrong parameters.")
    row = drive(driver)
    engine.close()
    assert row.state == Run.State.CANCELLED


def test_a_run_of_an_institute_that_the_board_revoked_fails_and_nobody_is_said_to_have_withdrawn(
    network, study, tmp_path
):
    def away(_run: str, _request: bytes) -> bytes:
        raise ConnectionError

    engine = LateToHear(tmp_path / "slow", {"rabat": away, "fes": away})
    operations.start_run(network.here("rabat"), study)
    driver = Driver(network.here("network"), engine)
    driver.drive()
    revoke(network, "fes")
    driver.drive()
    assert not Run.objects.get().is_over, "it is for the engine to end it"
    engine.hears = True
    row = drive(driver)
    engine.close()
    assert row.state == Run.State.FAILED
    assert "fes may not take part" in row.message


class LateToHear(InProcessEngine):
    """Like an engine in another process, which hears of a revocation a while later."""

    hears = False

    def revoke(self, namespace: str) -> None:
        if self.hears:
            super().revoke(namespace)


def revoke(network: MemoryNetwork, name: str) -> None:
    """The board shuts an institute out; its stewards' decisions no longer count."""
    gone = network.directory.entries[name].model_copy(update={"status": "revoked", "frozen_version": 9})
    network.directory = network.directory.model_copy(update={"entries": {**network.directory.entries, name: gone}})


def test_driving_again_after_a_restart_starts_nothing_twice(network, study, engine):
    run = operations.start_run(network.here("rabat"), study).ref
    permit(network, "rabat", "fes")
    drive(Driver(network.here("network"), engine))
    before = Participant(network.here("fes").engine_folder, "fes").answered_up_to(run_id(run))
    Driver(network.here("network"), engine).drive()
    assert Run.objects.count() == 1
    assert Participant(network.here("fes").engine_folder, "fes").answered_up_to(run_id(run)) == before


def test_only_those_whom_a_run_concerns_are_told_about_it(network, study, engine):
    run = operations.start_run(network.here("rabat"), study).ref
    Driver(network.here("network"), engine).drive()
    assert run_for("fes", run)["reference"] == run_for("rabat", run)["reference"] == run
    with pytest.raises(RunNotFound):
        run_for("agadir", run)
    with pytest.raises(RunNotFound):
        run_for("fes", "rabat/run/none@1")
    assert run_path(run) == f"/exchange/runs/rabat/{run.split('/')[2].split('@')[0]}/1"
