"""Somebody with nothing but the pinned root metadata: copies the network, goes offline, verifies, reads results."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from jazari.nodes.demo.founding import DemoNetwork


def verify_offline(network: DemoNetwork) -> dict[str, Any]:
    """Mirror the network into a folder, then verify that folder without any connection; the report."""
    outside = network.folder / "outsider"
    outside.mkdir(exist_ok=True)
    pinned = outside / "network.json"
    shutil.copy(network.network_file, pinned)
    network.operator.run("mirror", mirror_folder(network), "--network", pinned)
    return network.operator.run("verify", mirror_folder(network), "--network", pinned)


def mirror_folder(network: DemoNetwork) -> Path:
    """The outsider's copy of the network."""
    return network.folder / "outsider" / "mirror"
