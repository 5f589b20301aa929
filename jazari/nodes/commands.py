"""``jazari serve``."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.passphrases import VARIABLE, PassphraseFileOption, read_passphrase
from jazari.nodes.supervision import PARTS
from jazari.settings.home import Home

app = make_app("Run this node.")


class Part(StrEnum):
    """A process of a node."""

    WEB = "web"
    WORKER = "worker"
    ENGINE = "engine"


@command(app, "serve", example="jazari serve --home dakhla")
def serve(
    home: HomeOption,
    only: Annotated[list[Part] | None, typer.Option(help="Run only this part; repeat for several.")] = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the node's web server, worker and engine until Ctrl-C or SIGTERM; restart what fails."""
    if passphrase_file is not None:
        # Web and worker open the online keys by themselves, whenever they start; the engine gets none.
        os.environ[VARIABLE] = read_passphrase(passphrase_file, "the node's online keys").decode()
    words = [str(Home.open(home).path), *(["--json"] if as_json else []), *(only or PARTS)]
    # The supervisor lives as long as the node: in a process of its own it carries no command line around.
    os.execv(sys.executable, [sys.executable, "-m", "jazari.nodes.supervision", *words])  # noqa: S606  ourselves
