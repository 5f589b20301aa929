"""FLARE keeps the engine contract: the same tests as for the engine without a network, on real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from jazari.studies.engine import RunOrder
from jazari.studies.flare.engine import FlareEngine
from jazari.studies.flare.tests import paced_site
from jazari.studies.flare.tests.network import SERVER, EngineNetwork, until
from jazari.studies.tests.builders import LOGISTIC, Site, make_order, make_study, random_table, spooled
from jazari.studies.tests.engine_contract import EngineContract


class FlareHarness:
    """Three institutes on loopback, each a process that a test may kill."""

    names = ("fes", "rabat", "taza")

    def __init__(self, network: EngineNetwork) -> None:
        self._network = network
        tables = {name: random_table(place) for place, name in enumerate(self.names)}
        keys: dict[str, list[dict[str, Any]]] = {}
        self.sites = {n: Site(network.home(n), n, table, publishing_keys=keys) for n, table in tables.items()}
        self.engine = network.engine

    def order(self, run: str, deadline: float = 60.0, approving: tuple[str, ...] | None = None) -> RunOrder:
        study = make_study("glm", LOGISTIC, self.names, max_runs=20)
        for name in self.names if approving is None else approving:
            self.sites[name].permit(study, run)
        return make_order(study, run, deadline)

    def answered(self, name: str, run: str) -> int:
        return self.sites[name].participant().answered_up_to(run)

    def computed(self, name: str, run: str) -> list[int]:
        events = [event for event in spooled(self.sites[name]) if event["kind"] == "studies.guard-released"]
        return [event["detail"]["round"] for event in events if event["detail"]["run"] == run]

    def pause_before_round(self, number: int) -> None:
        for name in self.names:
            self._pace(name, {"pause_at": number})

    def resume(self) -> None:
        for name in self.names:
            self._pace(name, {})

    def stall(self, name: str) -> None:
        self._pace(name, {"stalled": True})

    def kill(self, name: str) -> None:
        self._network.kill(name)

    def revive(self, name: str) -> None:
        self._network.start(name, paced_site.__spec__.name)

    def restart_coordinator(self) -> None:
        self._network.kill(SERVER)
        self._network.start(SERVER)
        self.engine = FlareEngine(self._network.home(SERVER))

    def restore(self) -> None:
        """What the next test may expect: everybody admitted, running and at full speed."""
        self.resume()
        (self._network.engine_folder(SERVER) / "revoked.json").unlink(missing_ok=True)
        self._network.publish_directory()
        for name in self.names:
            if name not in self._network.running:
                self.revive(name)
        until(lambda: all(self._network.is_connected(name) for name in self.names), what="connecting")

    def _pace(self, name: str, pace: dict[str, object]) -> None:
        path = self._network.engine_folder(name) / paced_site.PACE
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(pace))
        draft.replace(path)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlareHarness]:
    network = EngineNetwork(tmp_path_factory.mktemp("contract"), list(FlareHarness.names))
    try:
        network.start(SERVER)
        yield FlareHarness(network)
    finally:
        network.stop()


@pytest.mark.slow
class TestFlareEngine(EngineContract):
    """See ``EngineContract``."""

    @pytest.fixture
    def harness(self, three: FlareHarness) -> FlareHarness:
        three.restore()
        return three
