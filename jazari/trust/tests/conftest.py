"""Fixtures of the trust tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from jazari.core import events
from jazari.trust.tests.web import WebFolder
from jazari.trust.tests.world import World


@pytest.fixture(autouse=True)
def _nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only trust is under test: what other slices subscribed stays out."""
    monkeypatch.setattr(events, "_handlers", defaultdict(list))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fresh network with the institutes dakhla and fes."""
    return World(tmp_path)


@pytest.fixture
def web(world: World) -> Iterator[WebFolder]:
    """The Root's repository behind a real HTTP server."""
    server = WebFolder(world.path / "root")
    yield server
    server.close()
