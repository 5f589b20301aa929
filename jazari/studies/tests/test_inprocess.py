"""The in-process engine keeps the engine contract."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jazari.studies.engine import RunOrder
from jazari.studies.errors import RunConflict
from jazari.studies.inprocess import InProcessEngine
from jazari.studies.messages import decode, encode
from jazari.studies.tests.builders import LOGISTIC, Site, make_order, make_sites, make_study, spooled
from jazari.studies.tests.engine_contract import EngineContract, until


class InProcessHarness:
    """Institutes behind a wire that can be cut, held or silent; the files are those of the real thing."""

    names = ("fes", "rabat", "taza")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sites = make_sites(folder / "sites", self.names)
        self._dead: set[str] = set()
        self._silent: set[str] = set()
        self._paused_at = 0
        self._released = threading.Event()
        self._released.set()
        self.engine = self._open()

    def _open(self) -> InProcessEngine:
        wires = {name: self._wire(site) for name, site in self.sites.items()}
        return InProcessEngine(self._folder / "runs", wires)

    def _wire(self, site: Site):  # type: ignore[no-untyped-def]
        def call(run: str, request: bytes) -> bytes:
            if site.namespace in self._silent:
                threading.Event().wait(30)
            message = decode(request)
            if self._paused_at and message.round >= self._paused_at:
                self._released.wait(30)
            if site.namespace in self._dead:
                raise ConnectionResetError(site.namespace)
            return site.participant().respond(run, request)

        return call

    def order(self, run: str, deadline: float = 60.0, approving: tuple[str, ...] | None = None) -> RunOrder:
        study = make_study("glm", LOGISTIC, self.names, max_runs=9)
        for name in self.names if approving is None else approving:
            self.sites[name].permit(study, run)
        return make_order(study, run, deadline)

    def answered(self, name: str, run: str) -> int:
        return self.sites[name].participant().answered_up_to(run)

    def computed(self, name: str, run: str) -> list[int]:
        told = [event for event in spooled(self.sites[name]) if event["kind"] == "studies.guard-released"]
        return [event["detail"]["round"] for event in told if event["detail"]["run"] == run]

    def pause_before_round(self, number: int) -> None:
        self._paused_at = number
        self._released.clear()

    def resume(self) -> None:
        self._paused_at = 0
        self._released.set()

    def kill(self, name: str) -> None:
        self._dead.add(name)

    def revive(self, name: str) -> None:
        self._dead.discard(name)

    def stall(self, name: str) -> None:
        self._silent.add(name)

    def restart_coordinator(self) -> None:
        self.engine.close()
        self.engine = self._open()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[InProcessHarness]:
    """Three institutes in one process."""
    harness = InProcessHarness(tmp_path)
    yield harness
    harness.resume()
    harness.engine.close()


class TestInProcessEngine(EngineContract):
    """All of the contract."""


def test_a_revoked_institute_is_in_no_later_order(harness: InProcessHarness) -> None:
    harness.engine.revoke("taza")
    harness.restart_coordinator()
    with pytest.raises(RunConflict, match="taza may not take part"):
        harness.engine.start(harness.order("r-late"))


def test_an_unknown_institute_is_in_no_order(harness: InProcessHarness) -> None:
    study = make_study("glm", LOGISTIC, ("fes", "agadir"))
    with pytest.raises(RunConflict, match="agadir"):
        harness.engine.start(make_order(study))


def test_an_answer_beyond_the_contract_fails_the_run(harness: InProcessHarness) -> None:
    honest = harness.engine._institutes["fes"]

    def lying(run: str, request: bytes) -> bytes:
        message = decode(honest(run, request))
        return encode(type(message)(message.kind, message.run, message.round, {}, message.text))

    harness.engine._institutes["fes"] = lying  # type: ignore[index]
    harness.engine.start(harness.order("r-lie"))
    until(lambda: harness.engine.status("r-lie").ended, "the end")
    assert "fes sent what the study does not allow" in harness.engine.status("r-lie").message
