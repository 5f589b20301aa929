"""A node with something behind every operation of the public API; ``network`` and ``site`` are the studies' own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jazari.nodes.tests.api.api_nodes import Node, served
from jazari.settings.home import Home
from jazari.studies.tests.conftest import network, site  # noqa: F401  fixtures
from jazari.studies.tests.pages import Site
from jazari.testing.pages import People


@pytest.fixture
def node(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    portal: Home,
    people: People,
    settings: Any,
    site: Site,  # noqa: F811
) -> Iterator[Node]:
    """An institute, or the kind of node that a test is parametrized with."""
    with served(getattr(request, "param", "institute"), tmp_path, portal, people, settings, site) as made:
        yield made
