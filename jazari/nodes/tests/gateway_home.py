"""A home whose gateway works: settings, a database with cards, policy, project and key; for tests of real processes.

``python -m jazari.nodes.tests.gateway_home HOME`` fills the database, in a process of its own as a node's commands do.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jazari.gateway.configuration import GatewayConfig, read_gateway
from jazari.gateway.journal import segments
from jazari.gateway.listening import FILE
from jazari.gateway.receipt_files import journal_folder
from jazari.gateway.receipts import Receipt
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.words import DataClass, Kind
from jazari.settings.home import Home, NodeConfig
from jazari.testing.commands import Commands

PROJECT = "plots"
RULES = [build.rule(one, operators=["MA"], hosting=["MA"]) for one in ("public", "internal")]


@dataclass
class GatewayHome:
    """A node that has a gateway, and the key of one project."""

    home: Home
    secret: str

    @property
    def url(self) -> str:
        """The base of the API."""
        return read_gateway(self.home.path).address

    @property
    def root_url(self) -> str:
        """What is not below ``/v1``."""
        return self.url.removesuffix("/v1")

    def receipts(self) -> list[Receipt]:
        """All receipts, in the order in which they were written."""
        lines = (line for path in segments(journal_folder(self.home.path)) for line in path.read_text().splitlines())
        found = (json.loads(line) for line in lines)
        return [Receipt.model_validate_json(json.dumps(line["body"])) for line in found if line["kind"] == "receipt"]


def make(path: Path, text: str) -> GatewayHome:
    """A home in ``path`` with ``text`` as its settings besides the port."""
    from jazari.testing.live_network import free_port  # it needs Django, which the script below sets up later

    port = free_port()
    config = NodeConfig(role="institute", namespace="rabat", port=free_port())
    home = Home.create(path, config)
    (path / FILE).parent.mkdir()
    (path / FILE).write_text(f"port = {port}\n{text}", encoding="utf-8")
    filled = subprocess.run(
        [sys.executable, "-m", "jazari.nodes.tests.gateway_home", str(path)],
        env=Commands().full_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return GatewayHome(home, filled.stdout.strip())


def records_of(config: GatewayConfig, *rules: dict[str, Any]) -> build.Records:
    """A card for every provider of ``config``, and a policy."""
    made = [build.record("residency", build.residency_card(*(rules or RULES)), name=config.policy)]
    for name, provider in config.provider.items():
        models = [{"name": model, "kinds": list(Kind), "context_tokens": 8192} for model in config.models_of(name)]
        card = build.provider_card(models=models, protocol=str(provider.protocol))
        made.append(build.record("provider", card, name=name))
    return build.Records(made)


def main(home: Home) -> None:
    """Fill the database of ``home`` and print the key's secret."""
    from jazari.nodes import wiring
    from jazari.settings.runtime import setup

    setup(home, migrate=True)
    wiring.register_cards()
    from jazari.catalog.indexing import update_index
    from jazari.gateway import operations
    from jazari.gateway.scopes import Scope

    update_index(records_of(read_gateway(home.path)))  # type: ignore[arg-type]
    operations.create_project(PROJECT, "Plots", home.namespace)
    operations.grant(PROJECT, 1_000_000_000, "", home.namespace)
    scope = Scope(["*"], DataClass.INTERNAL, requests_a_minute=10_000, tokens_a_minute=10_000_000, streams=100)
    print(operations.create_key(PROJECT, "app", scope, home.namespace, timedelta(days=1)).secret)


if __name__ == "__main__":
    main(Home.open(sys.argv[1]))
