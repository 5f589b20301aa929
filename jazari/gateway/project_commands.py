"""`jazari projects`: teams that may use the gateway, and what was granted to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.federation.options import prepare

if TYPE_CHECKING:
    from jazari.gateway.balances import Balances
    from jazari.settings.home import Home

projects_app = make_app("Projects: teams with a budget of inference credits at this node's gateway.")

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name.")]


@command(projects_app, "create", example='jazari projects create civil-registry --title "Civil registry of Rabat"')
def create(
    name: Annotated[
        str, typer.Argument(metavar="PROJECT", help="2 to 40 small letters, digits and hyphens; for good.")
    ],
    home: HomeOption,
    title: Annotated[str, typer.Option("--title", help="What people call it, one line.")],
    as_json: JsonOption = False,
) -> None:
    """Make a project, without credits and without keys."""
    node = prepare(home, migrate=True)
    from jazari.gateway.operations import create_project

    project = create_project(name, title, node.namespace)
    facts = {"project": project.name, "title": project.title, "granted_microcredits": 0}
    Output(as_json).print_result(
        facts,
        f"{name} has no credits yet. Next: `jazari projects grant {name} 1000`, then `jazari keys create {name}`.",
    )


@command(projects_app, "list", example="jazari projects list")
def list_projects(
    home: HomeOption,
    closed: Annotated[bool, typer.Option("--closed", help="Closed projects too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the projects: the credits that each was ever granted, what it spent and what is left."""
    node = prepare(home, migrate=True)
    from jazari.gateway import queries
    from jazari.gateway.scopes import credits_text

    out = Output(as_json)
    found, state = queries.list_projects(closed=closed), _balances(node)
    rows = [
        {"project": one.name, "title": one.title, **_account(state, one.name, one.granted), "closed": one.closed}
        for one in found
    ]
    cells = [
        (one.name, one.title, *map(credits_text, _account(state, one.name, one.granted).values()), _state(one.closed))
        for one in found
    ]
    if rows:
        out.table("Projects", ("project", "title", "credits granted", "spent", "reserved", "left", ""), cells)
    out.print_result({"projects": rows}, "" if rows else "None yet: make one with `jazari projects create`.")


@command(projects_app, "grant", example='jazari projects grant civil-registry 1000 --note "Budget of 2026"')
def grant(
    name: Name,
    home: HomeOption,
    amount: Annotated[str, typer.Argument(metavar="CREDITS", help="How many credits more, e.g. 1000 or 0.25.")],
    note: Annotated[str, typer.Option("--note", help="Why, one line; kept beside the grant.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Give a project more credits. A grant is not taken back: to stop a project, close it."""
    node = prepare(home, migrate=True)
    from jazari.gateway import operations
    from jazari.gateway.scopes import credits_text, microcredits

    given = microcredits(amount)
    total = operations.grant(name, given, note, node.namespace)
    facts = {"project": name, "microcredits": given, "granted_microcredits": total}
    Output(as_json).print_result(facts, f"{name} was granted {credits_text(total)} credits in all.")


@command(projects_app, "show", example="jazari projects show civil-registry")
def show(name: Name, home: HomeOption, as_json: JsonOption = False) -> None:
    """Show what was granted to a project (when, how much and why), what it spent and what is left."""
    node = prepare(home, migrate=True)
    from jazari.core.clock import timestamp
    from jazari.gateway import queries
    from jazari.gateway.scopes import credits_text

    out = Output(as_json)
    project, found = queries.find_project(name), queries.list_grants(name)
    account = _account(_balances(node), name, sum(one.amount for one in found))
    grants = [{"moment": timestamp(one.moment), "microcredits": one.amount, "note": one.note} for one in found]
    facts = {
        "project": project.name,
        "title": project.title,
        **account,
        "closed": timestamp(project.closed) if project.closed else None,
        "grants": grants,
    }
    out.say(project.title)
    if found:
        rows = [(timestamp(one.moment), credits_text(one.amount), one.note) for one in found]
        out.table("Grants", ("moment", "credits", "note"), rows)
        granted, spent, reserved, left = map(credits_text, account.values())
        out.say(f"Granted {granted} credits, spent {spent}, reserved for open calls {reserved}, left {left}.")
    out.print_result(facts, f"Closed on {facts['closed']}." if project.closed else "" if found else "No credits yet.")


@command(projects_app, "close", example="jazari projects close pilot")
def close(name: Name, home: HomeOption, as_json: JsonOption = False) -> None:
    """Close a project for good: none of its keys opens any more. What it spent stays in the receipts."""
    node = prepare(home, migrate=True)
    from jazari.core.clock import timestamp
    from jazari.gateway.operations import close_project

    project = close_project(name, node.namespace)
    facts = {"project": project.name, "closed": timestamp(project.closed)}
    Output(as_json).print_result(facts, f"{name} is closed: a running gateway refuses its keys within seconds.")


def _balances(node: Home) -> Balances:
    """What the gateway's journal says now, read beside a running gateway."""
    from jazari.gateway.receipt_files import journal_folder, read_balances

    return read_balances(journal_folder(node.path))


def _account(state: Balances, project: str, granted: int) -> dict[str, int]:
    spent, reserved = state.spent.get(project, 0), state.reserved.get(project, 0)
    return {
        "granted_microcredits": granted,
        "spent_microcredits": spent,
        "reserved_microcredits": reserved,
        "left_microcredits": granted - spent - reserved,
    }


def _state(closed: bool) -> str:
    return "closed" if closed else ""
