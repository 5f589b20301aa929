"""A small signed network that the home of a test has read: real keys, ceremonies, logs and index."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from jazari.catalog.indexing import update_index
from jazari.settings.home import Home
from jazari.settings.network import NetworkFile
from jazari.trust.ceremonies.proposals import propose_admission
from jazari.trust.ceremonies.requests import make_admission_request
from jazari.trust.reading import Reader
from jazari.trust.tests.world import World

REGIONS = {"rabat": "MA-04", "fes": "MA-03", "meknes": "MA-03", "dakhla": "MA-12", "abroad": ""}


def network(folder: Path, *institutes: str) -> World:
    """A network of ``institutes``, each in its region."""
    world = World(folder / "world", institutes=())
    requests = []
    for name in institutes:
        world.new_key(name)
        entry = world.entry(name, region=REGIONS[name], titles={"fr": f"Institut de {name.title()}"})
        requests.append(make_admission_request(entry, [world.signers[name]]))
    world.finish(propose_admission(world.repository, requests))
    return world


def read(home: Home, world: World) -> None:
    """Have the node of ``home`` read what ``world`` published, as its worker does."""
    NetworkFile("Jazari", "https://root.example", "none", json.loads(world.trusted_root)).write(home.network_file)
    home.write(replace(home.config, network="Jazari"))
    reader = Reader(home.mirror, world.source(), world.trusted_root)
    reader.refresh()
    update_index(reader)
