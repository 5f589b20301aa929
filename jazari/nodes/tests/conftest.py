"""A live network: built once, copied for each test, on a fresh database of each kind where asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jazari.testing.databases import DatabaseForTest, default_database
from jazari.testing.live_network import LiveNetwork, found, serving


@pytest.fixture(scope="session")
def network_template(
    tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path, django_db_blocker: Any
) -> LiveNetwork:
    folder = tmp_path_factory.mktemp("network")
    database = folder / "template.sqlite3"
    database.write_bytes(_sqlite_template.read_bytes())
    with django_db_blocker.unblock(), default_database(f"sqlite:////{str(database).lstrip('/')}"):
        network = found(folder / "homes")
        with serving(network.root):
            for name in ("dakhla", "fes"):
                network.create(name)
            network.admit("dakhla", "fes")
            for name in ("dakhla", "fes"):
                network.join(name)
    return network


@pytest.fixture
def network(network_template: LiveNetwork, tmp_path: Path, sqlite_database: DatabaseForTest) -> LiveNetwork:
    """Root, dakhla and fes, of this test alone; nobody serves."""
    del sqlite_database
    return network_template.copied(tmp_path / "homes")


@pytest.fixture
def live(network: LiveNetwork) -> Iterator[LiveNetwork]:
    """The same, and the Root answers."""
    with serving(network.root):
        yield network
