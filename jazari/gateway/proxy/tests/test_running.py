"""What a gateway that runs looks up every second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jazari.catalog.indexing import mark_changed
from jazari.gateway.proxy import running
from jazari.gateway.proxy.live import Live
from jazari.gateway.proxy.running import Look
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, toml
from jazari.settings.home import Home, NodeConfig


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "home", NodeConfig(role="institute", namespace="rabat", region="MA-04"))


@pytest.fixture
def live(tmp_path: Path) -> Live:
    with GatewayUnderTest(tmp_path / "gateway", toml({"campus": "http://127.0.0.1:9/v1"})) as made:
        return made.live


@pytest.mark.django_db
def test_the_catalogue_is_read_again_only_after_it_changed(
    home: Home, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, read_knowledge = [], running.read_knowledge

    def counted(*arguments: Any) -> Any:
        looked.append(arguments)
        return read_knowledge(*arguments)

    monkeypatch.setattr(running, "read_knowledge", counted)
    look = Look()

    def knowledge() -> Any:
        found = look.read(home, live)
        live.swap_in(*found)
        return found[0]

    first = knowledge()
    assert first.problems  # no card of the provider is in this empty catalogue
    assert knowledge() is first
    assert len(looked) == 1
    mark_changed()
    assert knowledge() is not first
    assert len(looked) == 2


@pytest.mark.django_db
def test_what_could_not_be_read_is_read_at_the_next_look(
    home: Home, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Look()
    with monkeypatch.context() as patched:
        patched.setattr(running, "read_knowledge", _fails)
        with pytest.raises(OSError, match="away"):
            look.read(home, live)
    assert look.read(home, live)[0].problems


def _fails(*_: object) -> None:
    raise OSError("The database is away")
