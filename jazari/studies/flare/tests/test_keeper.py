"""Whom the keeper sends a job to, and what counts against a round: the loop alone, with FLARE played by the test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from jazari.studies.coordinator import Coordinator
from jazari.studies.flare import keeper, pins
from jazari.studies.flare.attempts import Attempt, Problem
from jazari.studies.flare.keeper import Keeper
from jazari.studies.tests.builders import LOGISTIC, drive, make_order, make_sites, make_study

NAMES = ("agadir", "fes", "rabat", "taza")
RUN = "r-1"
CUT = Problem("lost taza", line=True)


class _Flare:
    """Institutes that are connected or not, and jobs that get the problems a test gives them."""

    def __init__(self) -> None:
        self.connected = set(NAMES)
        self.silent: set[str] = set()
        self.submitted: list[tuple[tuple[str, ...], bool]] = []
        self.trouble: Problem | None = None
        self.stopped = 0

    def token(self, name: str) -> str:
        return f"token-{name}" if name in self.connected else ""

    def is_heard(self, name: str) -> bool:
        return name in self.connected - self.silent

    def submit(self, _run: str, names: Sequence[str], needs_all: bool = True) -> Attempt:
        self.submitted.append((tuple(names), needs_all))
        return Attempt(f"job-{len(self.submitted)}", {name: self.token(name) for name in names})

    def refusals(self, _attempt: Attempt) -> dict[str, str]:
        return {}

    def problem(self, *_: object) -> Problem | None:
        return self.trouble

    def stop(self, _attempt: Attempt) -> None:
        self.stopped += 1

    def is_over(self, _attempt: Attempt) -> bool:
        return True

    def tidy(self) -> None:
        """Nothing to tidy."""


class _Kept:
    """A run of four institutes and the keeper that looks after it, at a time that the test sets."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, deadline: float = 400.0) -> None:
        self.engine, self.flare, self.now = folder / "server" / "engine", _Flare(), 1000.0
        monkeypatch.setattr(keeper.time, "monotonic", lambda: self.now)
        self.sites = make_sites(folder, NAMES)
        study = make_study("glm", LOGISTIC, NAMES, max_runs=9)
        for site in self.sites.values():
            site.permit(study, RUN)
        self.coordinator = Coordinator(self.engine / "runs", make_order(study, RUN, deadline))
        self.engine.mkdir(parents=True, exist_ok=True)
        pins.write_pins(self.engine, pins.Pins("sha256:0", dict.fromkeys(NAMES, "sha256:1")))
        self.keeper = Keeper(self.engine, self.flare)  # type: ignore[arg-type]

    def look(self, after: float = 0.0) -> None:
        """One look, ``after`` more seconds."""
        self.now += after
        self.keeper.keep_once()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Kept:
    return _Kept(tmp_path, monkeypatch)


def test_all_who_are_there_get_a_job_at_once(kept: _Kept) -> None:
    kept.look()
    kept.look()
    assert kept.flare.submitted == [(NAMES, True)]


def test_an_absent_institute_is_waited_for_a_while_and_then_the_others_work(kept: _Kept) -> None:
    kept.flare.connected -= {"taza"}
    kept.look()
    kept.look(keeper.ABSENT_SECONDS - 1)
    assert kept.flare.submitted == []
    kept.look(2)
    assert kept.flare.submitted == [(NAMES[:3], True)]
    assert (kept.engine / "jobs" / f"{RUN}.note").read_text() == "Waiting for taza to connect."


def test_who_is_silent_is_absent_though_its_session_has_not_ended_yet(kept: _Kept) -> None:
    kept.flare.silent = {"taza"}
    kept.look()
    assert kept.flare.submitted == []
    assert (kept.engine / "jobs" / f"{RUN}.note").read_text() == "Waiting for taza to connect."
    kept.flare.silent = set()
    kept.look()
    assert kept.flare.submitted == [(NAMES, True)]


def test_nothing_starts_while_too_few_are_there(kept: _Kept) -> None:
    kept.flare.connected = {"agadir", "fes"}
    for _ in range(5):
        kept.look(keeper.ABSENT_SECONDS)
    assert kept.flare.submitted == []


def test_an_institute_that_comes_and_goes_uses_up_no_attempts(kept: _Kept) -> None:
    kept.flare.trouble = CUT
    for _ in range(10 * keeper.ATTEMPTS_PER_ROUND):
        kept.look(10)
        kept.look(0)
    assert kept.coordinator.status().state == "waiting"
    assert len(kept.flare.submitted) > 5 * keeper.ATTEMPTS_PER_ROUND
    assert kept.flare.stopped >= len(kept.flare.submitted) - 1


def test_jobs_that_fail_by_themselves_end_the_run(kept: _Kept) -> None:
    kept.flare.trouble = Problem("a process of the job failed")
    for _ in range(10 * keeper.ATTEMPTS_PER_ROUND):
        kept.look(10)
    assert kept.coordinator.status().state == "failed"
    assert len(kept.flare.submitted) == keeper.ATTEMPTS_PER_ROUND


def test_a_job_that_did_not_reach_all_is_followed_by_one_that_need_not(kept: _Kept) -> None:
    kept.look()
    kept.flare.trouble = Problem("the job reached not all institutes", line=True, reached=False)
    kept.look(70)
    kept.flare.trouble = None
    kept.look(1)
    assert kept.flare.submitted == [(NAMES, True), (NAMES, False)]


def test_patience_with_a_silent_institute_grows(kept: _Kept) -> None:
    patience = []
    for _ in range(6):
        kept.flare.trouble = None
        kept.look(10)
        attempt = kept.keeper._kept[RUN].attempt
        assert attempt is not None
        patience.append(attempt.patience)
        kept.flare.trouble = Problem("taza did not fetch round 1 within 25 s", line=True)
        kept.look(10)
    assert patience == sorted(patience)
    assert (patience[0], patience[-1]) == (keeper.FETCH_SECONDS, keeper.LONGEST_FETCH_SECONDS)


def test_whoever_is_out_of_the_run_gets_no_job_and_may_leave_the_directory(kept: _Kept) -> None:
    participants = {name: site.participant() for name, site in kept.sites.items()}
    for name in NAMES[:3]:
        kept.coordinator.receive(name, participants[name].respond(RUN, kept.coordinator.request(name)))
    kept.coordinator._close_late()
    assert kept.coordinator.members() == NAMES[:3]
    pins.write_pins(kept.engine, pins.Pins("sha256:0", dict.fromkeys(NAMES[:3], "sha256:1")))
    kept.look()
    assert kept.flare.submitted == [(NAMES[:3], True)]
    drive(kept.coordinator, participants)
    assert kept.coordinator.outcome().dropped == {"taza": 1}


def test_whoever_is_in_the_run_may_not_leave_the_directory(kept: _Kept) -> None:
    pins.write_pins(kept.engine, pins.Pins("sha256:0", dict.fromkeys(NAMES[:3], "sha256:1")))
    kept.look()
    status = kept.coordinator.status()
    assert (status.state, "taza may not take part any more" in status.message) == ("failed", True)
