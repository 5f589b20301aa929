"""A network in memory whose institutes each have a registered and published data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jazari.catalog import cards
from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.studies import card_types, datasets
from jazari.testing.memory_network import MemoryNetwork

if TYPE_CHECKING:
    from jazari.settings.home import Home
    from jazari.studies.tests.pages import Site

CROPS = ("wheat", "barley")
SCHEMA = """
subject = ["site"]
[[variables]]
name = "site"
kind = "identifier"
[[variables]]
name = "crop"
kind = "category"
levels = ["wheat", "barley"]
[[variables]]
name = "ph"
kind = "numeric"
unit = "pH"
lower = 3
upper = 11
missing = [0.0]
"""
ABOUT = """
mock_rows = 5
[title]
en = "Soil"
[description]
en = "Soil records for tests."
[terms]
en = "For tests."
[licence]
name = "MIT"
"""
PROPOSAL = {
    "name": "soil-gaps",
    "title": "Where soil measurements are missing",
    "purpose": "Plan where to sample next.",
    "recipe": "statistics",
    "parameters": {"variables": ["ph"], "by": ["crop"]},
    "secure_aggregation": False,  # two of three may run it: what is tested with it is who may do what
}


def write_soil(folder: Path, rows: int = 60, start: int = 0) -> tuple[Path, Path, datasets.About]:
    """A data file with two rows for each of ``rows`` / 2 sites, its declaration, and what is said about it."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"s{start + n // 2},{CROPS[n % 2]},{0.0 if n % 6 == 0 else 5 + (n * 7 % 30) / 10}" for n in range(rows)]
    (folder / "soil.csv").write_text("site,crop,ph\n" + "\n".join(lines) + "\n")
    (folder / "soil.schema.toml").write_text(SCHEMA)
    (folder / "soil.about.toml").write_text(ABOUT)
    return folder / "soil.csv", folder / "soil.schema.toml", datasets.read_about(folder / "soil.about.toml")


@pytest.fixture
def audit() -> Iterator[list[AuditEvent]]:
    """Every audit event of the test."""
    seen: list[AuditEvent] = []
    events.subscribe(AuditEvent, seen.append)
    yield seen
    events.unsubscribe(AuditEvent, seen.append)


@pytest.fixture
def network(tmp_path: Path, db: None) -> MemoryNetwork:
    """Rabat, Fes and Agadir with a published data set ``soil`` each.

    One database serves all three (each node has its own in reality), so the data sets have different names.
    """
    cards.register()
    card_types.register()
    network = MemoryNetwork(tmp_path, ["rabat", "fes", "agadir"])
    for place, name in enumerate(("rabat", "fes", "agadir")):
        datasets.register(f"soil-{name}", *write_soil(tmp_path / name / "data", start=1000 * place))
        datasets.publish(network.here(name), f"soil-{name}")
    return network


def proposal(network: MemoryNetwork, **changes: object) -> dict[str, object]:
    """A valid proposal to all three institutes."""
    references = [record.ref for record in network.of("dataset")]
    return PROPOSAL | {"datasets": references} | changes


@pytest.fixture
def site(network: MemoryNetwork, portal: Home) -> Iterator[Site]:
    """Rabat's portal over ``network``."""
    from jazari.studies.pages import node
    from jazari.studies.tests.pages import Site

    made = Site(network, portal)
    node.open_with(lambda _home: made.here())
    yield made
    node.open_with()
