"""``jazari serve``."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.passphrases import VARIABLE, PassphraseFileOption, read_passphrase
from jazari.nodes.supervision import parts_of
from jazari.settings.home import Home

app = make_app("Run this node.")


class Part(StrEnum):
    """A process of a node."""

    WEB = "web"
    WORKER = "worker"
    ENGINE = "engine"
    GATEWAY = "gateway"
    PORTAL = "portal"


@command(app, "serve", example="jazari serve --home dakhla")
def serve(
    home: HomeOption,
    only: Annotated[list[Part] | None, typer.Option(help="Run only this part; repeat for several.")] = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the node's web server, worker, engine, gateway and portal (if it has them) until Ctrl-C or SIGTERM.

    What fails is restarted. Asked to stop, the gateway finishes its open calls first, for at most 45 seconds.
    """
    node = Home.open(home)
    parts = [str(part) for part in only or parts_of(node)]
    if "gateway" in parts:
        from jazari.gateway.configuration import read_gateway

        read_gateway(node.path)  # said now, and not in a log
    if "portal" in parts:
        from jazari.settings.portal_home import PortalConfig

        PortalConfig.of(node)
    if passphrase_file is not None:
        # Web and worker open the online keys by themselves, whenever they start; the engine gets none.
        os.environ[VARIABLE] = read_passphrase(passphrase_file, "the node's online keys").decode()
    words = [str(node.path), *(["--json"] if as_json else []), *parts]
    # The supervisor lives as long as the node: in a process of its own it carries no command line around.
    os.execv(sys.executable, [sys.executable, "-m", "jazari.nodes.supervision", *words])  # noqa: S606  ourselves
