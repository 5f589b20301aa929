"""What every engine must do, whatever carries its messages. Each implementation subclasses ``EngineContract``.

A subclass provides the fixture ``harness``: a network of three institutes whose permits for ``run`` it writes
on demand. Faults are real for the engine under test: a process killed, a connection that hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import pytest

from jazari.studies.engine import Engine, EngineStatus, RunOrder
from jazari.studies.errors import RunConflict, RunFailed, RunNotFound


class Harness(Protocol):
    """A network of the institutes ``names`` with one engine."""

    names: tuple[str, ...]

    @property
    def engine(self) -> Engine:
        """The engine; after ``restart_coordinator`` another object."""

    def order(self, run: str, deadline: float = 60.0, approving: tuple[str, ...] | None = None) -> RunOrder:
        """An order of a study of several rounds over all institutes, and permits of those approving (all)."""

    def answered(self, name: str, run: str) -> int:
        """The last round that the institute has computed, from its own files."""

    def computed(self, name: str, run: str) -> list[int]:
        """Every round that the institute computed, in order, from its own audit trail."""

    def pause_before_round(self, number: int) -> None:
        """Let nobody answer ``number`` until ``resume``: time for a fault in mid-run."""

    def resume(self) -> None:
        """Undo ``pause_before_round``."""

    def kill(self, name: str) -> None:
        """End an institute's process without warning."""

    def revive(self, name: str) -> None:
        """Start it again on the same home."""

    def stall(self, name: str) -> None:
        """Let an institute take requests and never answer."""

    def restart_coordinator(self) -> None:
        """End the Root's engine without warning and start it again on the same home."""


def until(condition: Callable[[], object], what: str, seconds: float = 90.0) -> None:
    """Wait for ``condition``; the limit is far beyond what it takes and only keeps a failing test from hanging."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"{what} did not happen"
        time.sleep(0.02)


class EngineContract:
    """The tests. ``harness`` is provided by the subclass."""

    @staticmethod
    def end(harness: Harness, run: str) -> EngineStatus:
        """Wait for the end of ``run``."""
        until(lambda: harness.engine.status(run).ended, f"the end of {run}")
        return harness.engine.status(run)

    @staticmethod
    def reach(harness: Harness, run: str, number: int) -> None:
        """Wait until round ``number`` is due."""
        until(lambda: harness.engine.status(run).round >= number, f"round {number} of {run}")

    def check_finished(self, harness: Harness, run: str) -> None:
        """The run has finished, everybody computed each round once and confirmed the same transcript."""
        status = self.end(harness, run)
        assert (status.state, status.message[:8]) == ("finished", "Finished")
        until(lambda: len(harness.engine.outcome(run).confirmed) == len(harness.names), "confirmations")
        outcome = harness.engine.outcome(run)
        assert set(outcome.confirmed.values()) == {outcome.transcript}
        assert all(outcome.bytes_received[name] > 0 for name in harness.names)
        for name in harness.names:
            assert harness.computed(name, run) == list(range(1, outcome.rounds + 1))

    def test_a_run_finishes(self, harness: Harness) -> None:
        harness.engine.start(harness.order("r-ok"))
        self.check_finished(harness, "r-ok")
        outcome = harness.engine.outcome("r-ok")
        assert outcome.rounds >= 3
        assert outcome.result["rows"] > 0
        assert outcome.seconds > 0

    def test_the_same_order_twice_is_one_run_and_another_is_refused(self, harness: Harness) -> None:
        order = harness.order("r-twice")
        harness.engine.start(order)
        harness.engine.start(order)
        with pytest.raises(RunConflict):
            harness.engine.start(order.model_copy(update={"round_deadline_seconds": 7.0}))
        self.check_finished(harness, "r-twice")
        harness.engine.start(order)
        assert harness.engine.status("r-twice").state == "finished"

    def test_two_runs_at_once(self, harness: Harness) -> None:
        for run in ("r-one", "r-two"):
            harness.engine.start(harness.order(run))
        for run in ("r-one", "r-two"):
            self.check_finished(harness, run)

    def test_an_unknown_run(self, harness: Harness) -> None:
        for question in (harness.engine.status, harness.engine.outcome, harness.engine.cancel):
            with pytest.raises(RunNotFound):
                question("r-none")

    def test_a_refusal_fails_the_run_by_code(self, harness: Harness) -> None:
        refusing = harness.names[-1]
        harness.engine.start(harness.order("r-refused", approving=harness.names[:-1]))
        status = self.end(harness, "r-refused")
        assert status.state == "failed"
        assert refusing in status.message
        assert "studies.no-permit" in status.message
        assert harness.computed(refusing, "r-refused") == []
        with pytest.raises(RunFailed, match="no-permit"):
            harness.engine.outcome("r-refused")

    def test_a_cancelled_run_stops(self, harness: Harness) -> None:
        harness.pause_before_round(2)
        harness.engine.start(harness.order("r-cancel"))
        self.reach(harness, "r-cancel", 2)
        harness.engine.cancel("r-cancel", "No longer needed.")
        harness.engine.cancel("r-cancel", "No longer needed.")
        harness.resume()
        status = self.end(harness, "r-cancel")
        assert (status.state, status.message) == ("cancelled", "No longer needed.")
        assert all(harness.answered(name, "r-cancel") <= 2 for name in harness.names)
        with pytest.raises(RunFailed):
            harness.engine.outcome("r-cancel")

    def test_an_institute_killed_in_mid_round(self, harness: Harness) -> None:
        harness.pause_before_round(2)
        harness.engine.start(harness.order("r-killed"))
        self.reach(harness, "r-killed", 2)
        harness.kill(harness.names[1])
        harness.resume()
        harness.revive(harness.names[1])
        self.check_finished(harness, "r-killed")

    def test_a_coordinator_restarted_in_mid_run(self, harness: Harness) -> None:
        harness.pause_before_round(3)
        harness.engine.start(harness.order("r-restart"))
        self.reach(harness, "r-restart", 3)
        harness.restart_coordinator()
        harness.resume()
        self.check_finished(harness, "r-restart")

    def test_a_stalled_institute_ends_at_the_deadline(self, harness: Harness) -> None:
        harness.stall(harness.names[0])
        harness.engine.start(harness.order("r-stalled", deadline=3.0))
        status = self.end(harness, "r-stalled")
        assert status.state == "failed"
        assert harness.names[0] in status.message
        assert "in time" in status.message

    def test_a_revoked_institute_ends_its_runs(self, harness: Harness) -> None:
        harness.pause_before_round(2)
        harness.engine.start(harness.order("r-revoked"))
        self.reach(harness, "r-revoked", 2)
        harness.engine.revoke(harness.names[2])
        harness.resume()
        status = self.end(harness, "r-revoked")
        assert status.state == "failed"
        assert harness.names[2] in status.message
