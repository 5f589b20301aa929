"""One real engine network for the tests of this package that do not break it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jazari.studies.flare.tests import recording_site
from jazari.studies.flare.tests.network import SERVER, EngineNetwork, until
from jazari.studies.flare.tests.proxy import CountingProxy


@dataclass
class Live:
    """A running network of rabat, fes and agadir; agadir's client records what it sends, through a relay."""

    network: EngineNetwork
    proxy: CountingProxy


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    network = EngineNetwork(tmp_path_factory.mktemp("engine"), ["agadir", "fes", "rabat"])
    proxy = CountingProxy(network.port)
    network.enrol("agadir", proxy.port)
    network.publish_directory()
    try:
        network.start(SERVER)
        network.start("agadir", recording_site.__spec__.name)
        network.start("fes")
        network.start("rabat")
        until(lambda: all(network.is_connected(name) for name in network.names), what="connecting")
        yield Live(network, proxy)
    finally:
        network.stop()
        proxy.close()


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[EngineNetwork]:
    """A network of fes and rabat that a test starts, breaks and need not stop."""
    network = EngineNetwork(tmp_path / "engine network", ["fes", "rabat"])
    try:
        yield network
    finally:
        network.stop()
