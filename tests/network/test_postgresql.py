"""A network whose Root keeps its state in PostgreSQL: founded, studied, disturbed, verified as with SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jazari.testing.commands import Commands
from jazari.testing.network import ROOT, Network
from jazari.testing.postgresql import Server
from jazari.testing.waiting import until
from tests.network.runs import assert_sound, assert_trails_intact, start

pytestmark = [pytest.mark.long, pytest.mark.postgresql, pytest.mark.xdist_group("network-postgresql")]
DATABASE = "jazari_root"


@pytest.fixture(scope="module")
def network(postgresql_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A Root on PostgreSQL, rabat and fes on SQLite."""
    postgresql_server.execute(f"CREATE DATABASE {DATABASE}")
    environment = {"DATABASE_URL": postgresql_server.url(DATABASE)}
    network = Network(tmp_path_factory.mktemp("country"), environment)
    try:
        network.found()
        network.join("rabat", "fes")
        yield network
    finally:
        network.stop()
        postgresql_server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_a_root_on_postgresql_serves_a_whole_network(network: Network, tmp_path: Path) -> None:
    run = start(network, "rabat", network.agree("rabat", "first", ["fes", "rabat"]))
    assert_sound(run, network.finish_run("rabat", run.reference))
    assert network.mirror(tmp_path)["ok"]
    assert network.run(ROOT, "search", "parcelles")["items"]
    assert_trails_intact(network)
    assert not (network.home(ROOT) / "db.sqlite3").exists()


def test_the_root_is_killed_and_its_state_is_there_again(network: Network) -> None:
    network.offer_together("plots-modelled", "fes", "rabat")
    study = network.agree("rabat", "killed", ["fes", "rabat"], "glm", "plots-modelled", max_runs=2)
    run = start(network, "rabat", study)
    until(run.totals, "the first total")
    network.node(ROOT).kill()
    network.serve(ROOT)
    assert_sound(run, network.finish_run("rabat", run.reference))
    until(lambda: network.is_online("fes"), "fes is online")
    assert network.trail(ROOT, "studies.run-finished", run.reference)
    assert_trails_intact(network)


def test_commands_and_the_node_append_to_one_trail_without_a_gap(network: Network) -> None:
    before = network.run(ROOT, "audit", "list", "--limit", "1")["entries"][0]["seq"]
    run = start(network, "rabat", network.agree("rabat", "trail", ["fes", "rabat"]))
    network.run(ROOT, "root", "renew")
    network.finish_run("rabat", run.reference)
    entries = network.run(ROOT, "audit", "list", "--limit", "1000")["entries"]
    numbers = sorted(entry["seq"] for entry in entries)
    assert numbers[-1] > before
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert_trails_intact(network)


def test_a_database_that_is_away_is_said_plainly(network: Network) -> None:
    broken = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    refusal = Commands(broken).refused("root", "status", home=network.home(ROOT))
    assert refusal.status == 5
    assert "database" in refusal.sentence
