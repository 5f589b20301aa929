"""What the commands of a Root and of an institute share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from jazari.settings.errors import BadSetting
from jazari.settings.home import LANGUAGES, Home
from jazari.territories import load_for

TitleOption = Annotated[
    list[str], typer.Option("--title", help="Name as LANGUAGE=TEXT (fr, ar, zgh, en); repeat for others.")
]
RegionOption = Annotated[str, typer.Option("--region", help="Region by code or name, e.g. MA-12.")]
PortOption = Annotated[int, typer.Option("--port", help="TCP port of the web server.", min=1, max=65535)]
ListenOption = Annotated[str, typer.Option("--listen", help="Address that the web server listens on.")]

PortalPortOption = Annotated[
    int, typer.Option("--portal-port", help="TCP port of the portal; 0 for no portal.", min=0, max=65535)
]
PortalOriginOption = Annotated[
    str, typer.Option("--portal-origin", help="Address that people type, https://HOST, of the proxy before the portal.")
]


def parse_titles(texts: Sequence[str]) -> dict[str, str]:
    """``["fr=Institut", "ar=..."]`` as a mapping; ``BadSetting`` for anything else."""
    titles: dict[str, str] = {}
    for text in texts:
        language, equals, title = text.partition("=")
        if not equals or language not in LANGUAGES or not title.strip():
            raise BadSetting(f"The title {text[:60]!r} is not valid: write fr=TEXT (or ar, zgh, en).")
        titles[language] = title.strip()
    return titles


def region_code(text: str, home: Path) -> str:
    """The code of the region that ``text`` names; "" for "". A network may bring its own territories file."""
    return load_for(home).find(text).code if text else ""


def port_of(url: str, default: int = 443) -> int:
    """The port in an address."""
    try:
        return urlsplit(url).port or default
    except ValueError as error:
        raise BadSetting(f"The port in {url[:80]!r} is not a number: correct the address.") from error


def prepare(path: Path, *, migrate: bool = False) -> Home:
    """The home at ``path`` with its database ready, so that what happens is audited.

    Commands call it first and import what they need afterwards: models cannot be imported before.
    """
    from jazari.settings.runtime import setup

    home = Home.open(path)
    setup(home, migrate=migrate)
    return home


def ceremony_facts(path: Path, what: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """JSON and sentence that end every command which prepares a ceremony."""
    facts = {"ceremony": path, **what}
    sentence = (
        f"The ceremony file is {path}. Give it to the board: each member runs `jazari board review` and "
        f"`jazari board sign` on it; then run `jazari root finish` with the signed copies."
    )
    return facts, sentence
