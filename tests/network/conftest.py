"""One network for all tests here: two institutes from the start, a third joins for those that need it.

A test leaves it as it found it: every node serves, no run is under way. What has an end that cannot be taken
back (revocation) happens to an institute that joins for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jazari.testing.network import Network
from tests.network.runs import ALL, MODELLED, OF_ALL


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A Root, rabat and fes, founded by commands; they serve and offer their made-up plots."""
    network = Network(tmp_path_factory.mktemp("country"))
    try:
        network.found()
        network.join("rabat", "fes")
        yield network
    finally:
        network.stop()


@pytest.fixture
def duo(founded: Network) -> Network:
    """The network with every node serving."""
    founded.serve()
    return founded


@pytest.fixture(scope="session")
def _three(founded: Network) -> Network:
    founded.serve()
    founded.join("agadir")
    founded.offer_together(OF_ALL, *ALL)
    founded.offer_together(MODELLED, *ALL)
    return founded


@pytest.fixture
def trio(_three: Network) -> Network:
    """The network with a third institute, agadir; every node serves."""
    _three.serve()
    return _three
