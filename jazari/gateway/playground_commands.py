"""`jazari gateway playground`: for which project people may try models in the portal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.core.clock import timestamp
from jazari.federation.options import prepare
from jazari.gateway.words import DataClass

if TYPE_CHECKING:
    from jazari.settings.home import Home

playground_app = make_app("The portal's playground.")


@command(playground_app, "playground", example="jazari gateway playground --project pilot --class internal")
def playground(
    home: HomeOption,
    project: Annotated[str, typer.Option("--project", help="Whose budget it uses; else show what is open.")] = "",
    route: Annotated[list[str] | None, typer.Option("--route", help="A chat route; repeat. Else all routes.")] = None,
    highest: Annotated[
        DataClass, typer.Option("--class", help="Highest class of data that people may write; they may say less.")
    ] = DataClass.PUBLIC,
    requests: Annotated[int, typer.Option("--requests", help="Questions a minute for each.", min=1, max=600)] = 6,
    days: Annotated[int, typer.Option("--days", help="Days until its key expires.", min=1, max=3650)] = 90,
    shut: Annotated[bool, typer.Option("--shut", help="Shut the playground and revoke its key.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Open the portal's playground for a project (with a new key of its own), show it, or shut it."""
    node = prepare(home, migrate=True)
    from jazari.gateway import playground as rooms
    from jazari.gateway.authorization import ANY_ROUTE
    from jazari.gateway.scopes import Scope

    out = Output(as_json)
    if shut:
        rooms.shut_playground(node, node.namespace)
        out.print_result({"project": None}, "The playground is shut.")
        return
    if project:
        scope = Scope(
            route or [ANY_ROUTE],
            highest,
            may_declassify=True,
            requests_a_minute=_ALL_PEOPLE * requests,
            tokens_a_minute=_TOKENS,
            streams=_ALL_PEOPLE,
        )
        rooms.open_playground(node, project, scope, requests, timedelta(days=days), node.namespace)
    _show(node, out)


_ALL_PEOPLE = 20
"""So many people at the same time are no trouble; the gateway refuses more by the key's limits."""
_TOKENS = 200_000


def _show(node: Home, out: Output) -> None:
    from jazari.gateway.playground import current_key, read_playground

    found = read_playground(node)
    key = current_key(found)
    facts = {
        "project": found.project,
        "key": key.id,
        "routes": key.routes,
        "class": key.highest,
        "requests_a_minute": found.requests_a_minute,
        "until": timestamp(key.ends),
    }
    sentence = (
        f"People with an account may use it on the budget of {found.project}, {found.requests_a_minute} questions a "
        f"minute each, until {facts['until']}."
    )
    out.print_result(facts, sentence)
