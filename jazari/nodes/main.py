"""The ``jazari`` command: a table of names, each slice's commands imported only when one of them is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from jazari.cli.app import report_error

SUMMARY = "Jazari: a national network of AI institutes. Each node lives in a home folder (JAZARI_HOME)."

# Name: (module, its Typer app, what --help says without importing it). In the order of a node's life.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "root": ("jazari.federation.root_commands", "root_app", "Found a network and look after its institutes."),
    "board": ("jazari.trust.commands", "board_app", "The board's offline part: keys, review, signatures."),
    "institute": ("jazari.federation.institute_commands", "institute_app", "Create an institute and join a network."),
    "dataset": ("jazari.studies.commands", "dataset_app", "Register data sets and publish their cards."),
    "publish": ("jazari.catalog.commands", "app", "Publish any card."),
    "sync": ("jazari.federation.institute_commands", "app", "Bring the mirror and the catalogue up to date."),
    "verify": ("jazari.trust.commands", "app", "Verify a mirror folder, offline."),
    "mirror": ("jazari.trust.commands", "app", "Copy the whole network into a folder."),
    "search": ("jazari.catalog.commands", "app", "Search the catalogue."),
    "catalog": ("jazari.catalog.commands", "catalog_app", "Show, export and rebuild what the catalogue knows."),
    "study": ("jazari.studies.commands", "study_app", "Propose, approve, run and read studies."),
    "model": ("jazari.studies.model_commands", "model_app", "Publish, fetch and apply models."),
    "gateway": ("jazari.gateway.gateway_commands", "gateway_app", "This node's inference gateway: settings and check."),
    "models": ("jazari.gateway.model_store_commands", "models_app", "Models that this node runs by itself."),
    "routes": ("jazari.gateway.gateway_commands", "routes_app", "Where calls to the gateway may go, and why."),
    "projects": ("jazari.gateway.project_commands", "projects_app", "Teams at the gateway, and their credits."),
    "keys": ("jazari.gateway.key_commands", "keys_app", "What lets a team's programs into the gateway."),
    "receipt": (
        "jazari.gateway.receipt_commands",
        "receipt_app",
        "Show, list and verify the receipts of the gateway's calls.",
    ),
    "chat": ("jazari.gateway.chat_commands", "app", "Talk to a model through this node's gateway."),
    "drill": ("jazari.gateway.drill_commands", "drill_app", "Cut a provider off on purpose, and publish what it did."),
    "people": ("jazari.accounts.people_commands", "people_app", "Accounts at this node's portal, and their roles."),
    "audit": ("jazari.governance.commands", "audit_app", "Verify, list and export the audit trail."),
    "serve": ("jazari.nodes.commands", "app", "Run this node: web, worker, engine, gateway."),
    "demo": ("jazari.nodes.demo.commands", "app", "A whole network on this machine."),
}


class Commands(TyperGroup):
    """The commands of all slices, by name."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called ``cmd_name``, imported now; None if there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        from jazari.nodes import wiring

        wiring.connect()
        return load(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in ``jazari --help``, from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


def load(name: str) -> Any:
    """The command object behind a name of ``COMMANDS``."""
    module, attribute, _ = COMMANDS[name]
    found: Any = typer.main.get_command(getattr(importlib.import_module(module), attribute))
    inside = getattr(found, "commands", {})
    return inside.get(name, found)


def create_app() -> Any:
    """The whole command line as one command object."""
    app = typer.Typer(cls=Commands, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.callback(help=SUMMARY, no_args_is_help=True)(lambda: None)
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; never a traceback."""
    try:
        create_app()(args=arguments, prog_name="jazari")
    except Exception as error:  # noqa: BLE001,RUF100  what no command caught
        sys.exit(report_error(error))


if __name__ == "__main__":
    main()
