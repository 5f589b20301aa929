"""`jazari keys`: what lets a project's programs into the gateway. A key is shown once and kept nowhere here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.core.clock import timestamp
from jazari.core.files import write_private
from jazari.federation.options import prepare
from jazari.gateway.errors import SecretFileExists
from jazari.gateway.words import DataClass

if TYPE_CHECKING:
    from jazari.gateway.operations import NewKey

keys_app = make_app("Keys of this node's gateway: create, list, rotate, revoke.")

Reference = Annotated[str, typer.Argument(metavar="KEY", help="A key's id, or PROJECT/NAME.")]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--secret-file", help="Write the key to this new file, readable by its owner only, not to the screen."
    ),
]


@command(keys_app, "create", example="jazari keys create civil-registry web --route small --class personal")
def create(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Whose key it is.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for: small letters, digits and hyphens.")],
    *,
    home: HomeOption,
    route: Annotated[list[str], typer.Option("--route", help="A route that it is for, or '*' for all; repeat.")],
    highest: Annotated[
        DataClass,
        typer.Option("--class", help="Highest data class, which every call has unless it may and does say less."),
    ],
    may_declassify: Annotated[
        bool, typer.Option("--may-declassify", help="A call may declare a lower class; that is recorded.")
    ] = False,
    requests: Annotated[int, typer.Option("--requests", help="Requests a minute.", min=1)] = 60,
    tokens: Annotated[int, typer.Option("--tokens", help="Tokens a minute.", min=1)] = 100_000,
    streams: Annotated[int, typer.Option("--streams", help="Streams at the same time.", min=1)] = 10,
    days: Annotated[int, typer.Option("--days", help="Days until it expires.", min=1, max=3650)] = 90,
    secret_file: SecretFile = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, once: only its hash is kept."""
    node = prepare(home, migrate=True)
    from jazari.gateway.operations import create_key
    from jazari.gateway.scopes import Scope

    scope = Scope(route, highest, may_declassify, requests, tokens, streams)
    with _new_file(secret_file):
        made = create_key(project, name, scope, node.namespace, timedelta(days=days))
        _hand_over(Output(as_json), made, secret_file, {})


@command(keys_app, "list", example="jazari keys list --project civil-registry")
def list_keys(
    home: HomeOption,
    project: Annotated[str, typer.Option("--project", help="Only the keys of this project.")] = "",
    over: Annotated[bool, typer.Option("--over", help="Revoked and replaced keys too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List keys by project and name: what each is for, and until when. The keys themselves are not known here."""
    prepare(home, migrate=True)
    from jazari.gateway import queries

    out = Output(as_json)
    found = queries.list_keys(project, over=over)
    rows = [queries.key_facts(key) for key in found]
    columns = ("key", "name", "ends in", "routes", "class", "state", "until")
    cells = [
        (
            row["key"],
            f"{row['project']}/{row['name']}",
            row["last_four"],
            " ".join(row["routes"]),
            row["highest"],
            row["state"],
            row["until"],
        )
        for row in rows
    ]
    if rows:
        out.table("Keys", columns, cells)
    out.print_result({"keys": rows}, "" if rows else "None: make one with `jazari keys create`.")


@command(keys_app, "rotate", example="jazari keys rotate civil-registry/web --overlap-hours 48")
def rotate(
    key: Reference,
    home: HomeOption,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", help="Hours that the old key still opens.", min=0, max=2160)
    ] = 24,
    days: Annotated[
        int | None,
        typer.Option("--days", help="Days until the new key expires (else as the old one).", min=1, max=3650),
    ] = None,
    secret_file: SecretFile = None,
    as_json: JsonOption = False,
) -> None:
    """Replace a key by a new one with the same name, routes, class and limits; shown once."""
    node = prepare(home, migrate=True)
    from jazari.gateway.operations import rotate_key

    life = timedelta(days=days) if days is not None else None
    with _new_file(secret_file):
        made = rotate_key(key, node.namespace, timedelta(hours=overlap_hours), life)
        old = made.key.replaces
        _hand_over(Output(as_json), made, secret_file, {"replaces": old.id, "old_opens_until": timestamp(old.ends)})


@command(keys_app, "revoke", example="jazari keys revoke civil-registry/web")
def revoke(key: Reference, home: HomeOption, as_json: JsonOption = False) -> None:
    """Shut a key now. PROJECT/NAME shuts every key of that name, a rotated one in its overlap too; an id that one."""
    node = prepare(home, migrate=True)
    from jazari.gateway.operations import revoke_key

    shut = revoke_key(key, node.namespace)
    sentence = f"Revoked: {', '.join(one.id for one in shut)}. A running gateway refuses it within seconds."
    Output(as_json).print_result(
        {"revoked": [one.id for one in shut]}, sentence if shut else f"{key} was revoked before: nothing to do."
    )


@contextmanager
def _new_file(path: Path | None) -> Iterator[None]:
    """Make sure first that the file can be written: a key that cannot be handed over would be lost."""
    if path is None:
        yield
        return
    if path.exists() or path.is_symlink():
        raise SecretFileExists(f"{path} is there already: name a file that is not, or remove it.")
    write_private(path, b"")
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _hand_over(out: Output, made: NewKey, path: Path | None, more: dict[str, Any]) -> None:
    from jazari.gateway.queries import key_facts

    facts = key_facts(made.key) | more
    if path is not None:
        write_private(path, made.secret.encode() + b"\n")
        out.print_result(facts | {"secret_file": path}, f"The key {made.key.id} is in {path}, until {facts['until']}.")
        return
    out.warn("Note: this key is shown once and kept nowhere: store it now.")
    out.print_result(facts | {"secret": made.secret}, made.secret)
