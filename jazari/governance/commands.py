"""`jazari audit`: verify, list and export the trail of a node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.core.errors import JazariError
from jazari.governance.errors import TrailBroken

if TYPE_CHECKING:
    from jazari.governance.cards import CheckpointCard
    from jazari.governance.rules import Problem
    from jazari.settings.home import Home

audit_app = make_app("The audit trail of this node: verify, list, export.")


@command(audit_app, "verify", example="jazari audit verify")
def verify(
    home: HomeOption,
    file: Annotated[
        Path | None, typer.Option("--file", help="Verify this exported trail instead of the node's own.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that no entry was changed, removed, reordered or cut off since it was written.

    The end of the trail is compared with the checkpoints that the node published in its signed log; the
    newest are fetched first where the Root can be reached. Exit code 7 if anything is wrong.
    """
    out = Output(as_json)
    node = _open(home)
    with out.progress("Verifying the audit trail"):
        checkpoints, fresh = _checkpoints(node)
        problems = _problems(file, checkpoints)
    result = {
        "intact": not problems,
        "checkpoints": len(checkpoints),
        "checkpoints_fresh": fresh,
        "problems": [asdict(problem) for problem in problems],
    }
    if not fresh:
        out.warn("The newest checkpoints could not be fetched: compared with those already here.")
    if problems:
        for problem in problems[:20]:
            out.say(problem.message)
        if as_json:
            out.print_result(result)
            raise typer.Exit(int(TrailBroken.exit_code))
        raise TrailBroken(
            f"The audit trail is not what was written ({len(problems)} problems): keep a copy of the database "
            "and compare it with a backup."
        )
    compared = f"compared with {len(checkpoints)} published checkpoints" if checkpoints else "no checkpoint yet"
    out.print_result(result, f"The audit trail is intact ({compared}).")


def _problems(file: Path | None, checkpoints: Iterable[CheckpointCard]) -> list[Problem]:
    from jazari.governance.queries import verify_trail

    if file is None:
        return verify_trail(checkpoints)
    from jazari.governance.exports import read_export
    from jazari.governance.rules import check_chain

    return list(check_chain(read_export(file), checkpoints))


def _checkpoints(home: Home) -> tuple[list[CheckpointCard], bool]:
    """The node's published checkpoints, and whether they are the newest."""
    from jazari.federation.errors import NotAdmitted
    from jazari.federation.exchange import open_reader
    from jazari.governance.queries import published_checkpoints

    try:
        reader = open_reader(home)
    except NotAdmitted:
        return [], True
    fresh = True
    try:
        reader.refresh()
    except JazariError:
        fresh = False
    return published_checkpoints(reader.logs, home.namespace), fresh


@command(audit_app, "list", example="jazari audit list --kind studies --limit 20")
def list_entries(
    home: HomeOption,
    *,
    kind: Annotated[str, typer.Option(help="A kind (studies.approved) or a slice (studies).")] = "",
    actor: Annotated[str, typer.Option(help="Who did it, exactly.")] = "",
    subject: Annotated[str, typer.Option(help="Part of what it was done to.")] = "",
    before: Annotated[int | None, typer.Option(help="Only entries with a smaller number.", min=1)] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show entries, the newest first."""
    _open(home)
    from jazari.governance.queries import find_entries

    out = Output(as_json)
    rows = find_entries(kind=kind, actor=actor, subject=subject, before=before, limit=limit)
    data = {"entries": [asdict(row.as_entry()) | {"detail": row.detail} for row in rows]}
    columns = ("no.", "moment", "kind", "actor", "subject", "detail")
    cells = [(row.seq, row.moment[:19], row.kind, row.actor[:16], row.subject, row.detail_text[:80]) for row in rows]
    out.print_result(data, lambda: out.table("", columns, cells) if rows else out.say("No entry."))


@command(audit_app, "export", example="jazari audit export --out audit.ndjson")
def export(
    home: HomeOption,
    out_file: Annotated[Path, typer.Option("--out", help="The file to write (replaced if it exists).")],
    as_json: JsonOption = False,
) -> None:
    """Write the whole trail to a file, one JSON entry per line, for `audit verify --file` elsewhere."""
    _open(home)
    from jazari.governance.exports import write_export
    from jazari.governance.queries import all_entries

    out = Output(as_json)
    with out.progress("Exporting the audit trail"):
        count = write_export(all_entries(), out_file)
    out.print_result({"entries": count, "file": out_file}, f"{count} entries written to {out_file}.")


def _open(path: Path) -> Home:
    from jazari.settings.home import Home
    from jazari.settings.runtime import setup

    home = Home.open(path)
    setup(home, migrate=True)
    return home
