"""A Root's home folder over a small real network, for the tests of commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from jazari.catalog import cards
from jazari.catalog.registry import CardContext, card_checker
from jazari.federation import hooks
from jazari.settings.home import Home, NodeConfig
from jazari.settings.network import NetworkFile
from jazari.trust.tests.world import World


def root_home(folder: Path) -> tuple[Home, World]:
    """The home of the Root's own node (namespace ``network``), which publishes without HTTP, and its world."""
    world = World(folder / "world", institutes=("fes",))
    config = NodeConfig(role="root", namespace="network", network="Jazari", root_url="https://root.example")
    home = Home.create(folder / "home", config)
    shutil.copytree(folder / "world" / "root", home.repository)
    keys = {"network": home.publishing_key, "snapshot": home.snapshot_key, "timestamp": home.timestamp_key}
    for name, path in keys.items():
        for suffix in ("", ".pub"):
            source = folder / "world" / "keys" / f"{name}.pem{suffix}"
            shutil.copy(source, path.with_name(path.name + suffix))
    network = NetworkFile("Jazari", "https://root.example", "none", json.loads(world.trusted_root))
    network.write(home.network_file)
    cards.register()
    hooks.set_card_checker(lambda find, directory: card_checker(CardContext(find, directory)))
    return home, world
