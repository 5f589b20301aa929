"""Runs on the deployed path that are disturbed: they finish, or fail in one clear sentence; no round is run twice.

Most of these hold one institute (fes) in the middle of a round, do harm, let go, and look.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from jazari.testing.network import ROOT, Network, write_json
from jazari.testing.serving import kill_now
from jazari.testing.waiting import until
from tests.network.runs import (
    ALL,
    MODELLED,
    OneRun,
    assert_sound,
    assert_trails_intact,
    events,
    in_mid_run,
    permits,
    read_end,
    start,
)

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.xdist_group("network-faults")]

_numbers = itertools.count(1)


def _begin(network: Network, **text: object) -> OneRun:
    """Run a logistic model, which takes some rounds, on all three."""
    study = network.agree("rabat", f"faults-{next(_numbers)}", ALL, "glm", MODELLED, **text)
    return start(network, "rabat", study)


def _finishes(run: OneRun) -> None:
    assert_sound(run, run.network.finish_run(run.proposer, run.reference))
    assert_trails_intact(run.network)


def _fails(run: OneRun, state: str = "failed") -> str:
    """Wait for the clear end of a run that cannot finish; its sentence. Nothing may hang or stay behind."""
    network = run.network
    refusal = network.refused(run.proposer, "study", "watch", run.reference, "--timeout", "120")
    assert (refusal.code, refusal.status) == ("studies.run-failed", 1)
    assert read_end(network, run)["state"] == state
    assert read_end(network, run)["message"] in refusal.sentence
    until(lambda: not [job for name in (ROOT, *ALL) for job in network.node(name).jobs()], "the end of every job")
    assert not network.run(run.proposer, "study", "show", run.study)["results"]
    assert_trails_intact(network)
    return refusal.sentence


def _goes_on_after(network: Network) -> None:
    """The same institutes finish another run."""
    _finishes(_begin(network))


@pytest.mark.parametrize("victim", ["agadir", "rabat"], ids=["a participant", "the proposer"])
def test_an_institute_loses_power_in_mid_round_and_comes_back(trio: Network, victim: str) -> None:
    run = _begin(trio)
    with in_mid_run(run, "fes"):
        trio.node(victim).kill()
    until(lambda: run.pending() == [victim], f"only {victim} is awaited")
    trio.serve(victim)
    _finishes(run)


def test_the_root_loses_power_in_mid_round_and_comes_back(trio: Network) -> None:
    run = _begin(trio)
    with in_mid_run(run, "fes"):
        trio.node(ROOT).kill()
    trio.serve(ROOT)
    _finishes(run)


def test_everybody_loses_power_at_once(trio: Network) -> None:
    run = _begin(trio)
    with in_mid_run(run, "fes"):
        for name in trio.nodes:
            trio.node(name).kill()
    trio.serve()
    _finishes(run)


@pytest.mark.parametrize("where", ["agadir", ROOT])
def test_a_study_process_is_killed(trio: Network, where: str) -> None:
    run = _begin(trio)
    with in_mid_run(run, "fes"):
        kill_now(trio.node(where).jobs())
    _finishes(run)


@pytest.mark.parametrize("part", ["engine", "worker"])
def test_a_part_of_an_institute_is_killed_and_its_supervisor_starts_it_again(trio: Network, part: str) -> None:
    run = _begin(trio)
    with in_mid_run(run, "fes"):
        kill_now([trio.node("agadir").part(part)])
    _finishes(run)


def test_a_stalled_study_process_ends_in_a_clear_failure_and_the_next_run_works(trio: Network) -> None:
    run = _begin(trio, round_deadline_seconds=10)
    with in_mid_run(run, "fes"):
        sentence = _fails_while_held(run)
    assert "not answered in time by fes" in sentence
    _fails(run)
    _goes_on_after(trio)


def _fails_while_held(run: OneRun) -> str:
    until(run.has_ended, "the deadline")
    return str(read_end(run.network, run)["message"])


def test_an_institute_that_is_away_at_the_start_is_waited_for(trio: Network) -> None:
    study = trio.agree("rabat", "away-at-the-start", ALL, "glm", MODELLED)
    trio.node("agadir").stop()
    run = start(trio, "rabat", study)
    until(lambda: "Waiting for agadir to connect" in run.told(), "the note that agadir is awaited")
    assert run.totals() == 0
    trio.serve("agadir")
    _finishes(run)


def test_an_institute_that_never_comes_back_is_named(trio: Network) -> None:
    study = trio.agree("rabat", "never-back", ALL, "glm", MODELLED, round_deadline_seconds=12)
    trio.node("agadir").stop()
    run = start(trio, "rabat", study)
    until(run.has_ended, "the deadline")
    assert "agadir" in read_end(trio, run)["message"]
    trio.serve("agadir")
    assert "agadir" in _fails(run)


def test_cancelling_in_mid_run_ends_it_everywhere(trio: Network) -> None:
    run = _begin(trio)
    with in_mid_run(run, "fes"):
        trio.run("rabat", "study", "cancel", run.reference, "--reason", "Wrong parameters.")
        until(run.has_ended, "the cancellation at the Root")
    assert "withdrew" in _fails(run, "cancelled")
    for name in ALL:
        until(lambda name=name: run.id not in permits(trio, name), f"{name} takes its permit back")
    _goes_on_after(trio)


def test_withdrawing_an_approval_in_mid_run_ends_it(trio: Network) -> None:
    run = _begin(trio)
    key = trio.steward_key("agadir")
    with in_mid_run(run, "fes"):
        words = ("study", "withdraw-approval", run.study, "--reason", "Consent ended.", "--steward-key", key)
        trio.run("agadir", *words)
        until(run.has_ended, "the end at the Root")
        until(lambda: run.id not in permits(trio, "agadir"), "agadir takes its permit back")
        before = run.notebook("agadir")
    assert "agadir withdrew its approval" in _fails(run, "cancelled")
    assert run.notebook("agadir") == before
    assert events(trio, "agadir", "studies.permit-withdrawn", run)
    assert "only its proposer" not in trio.refused("rabat", "study", "run", run.study).sentence


def test_an_institute_computes_an_agreement_only_as_often_as_it_approved(trio: Network, tmp_path: Path) -> None:
    run = _begin(trio)
    _finishes(run)
    refusal = trio.refused("rabat", "study", "run", run.study)
    assert (refusal.code, refusal.status) == ("studies.not-runnable", 3)
    assert "allows 1 runs" in refusal.sentence

    # A proposer that lies about the number gets past its own node and the Root, but not past the institutes.
    (first,) = trio.run("rabat", "study", "show", run.study)["runs"]
    card = {name: first[name] for name in ("study", "agreement", "participants", "number")}
    draft = write_json(tmp_path / "run.json", {"type": "run", "name": "run-once-more", "card": card})
    again = OneRun(trio, run.study, trio.run("rabat", "publish", draft)["record"])
    refusal = trio.refused("rabat", "study", "watch", again.reference, "--timeout", "120")
    assert "studies.runs-used-up" in refusal.sentence
    assert all(not again.notebook(name) for name in ALL)
    assert again.totals() == 0
