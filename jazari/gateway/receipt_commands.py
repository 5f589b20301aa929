"""`jazari receipt`: show, list and verify what the gateway's calls left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.gateway.credits import CREDIT
from jazari.gateway.errors import ReceiptUntrusted

if TYPE_CHECKING:
    from jazari.gateway.receipt_files import Checked, Kept
    from jazari.gateway.receipts import Receipt
    from jazari.settings.home import Home

receipt_app = make_app("Receipts of the gateway's calls: show, list, verify.")

Call = Annotated[str, typer.Argument(metavar="ID", help="The receipt's id, as in the header jazari-receipt.")]


@command(receipt_app, "show", example="jazari receipt show rc-019a1b2c3d4-00112233445566778899")
def show(call: Call, home: HomeOption, as_json: JsonOption = False) -> None:
    """Show the receipt of one call, with its proof once it is anchored."""
    from jazari.gateway.receipt_files import find_receipt

    kept = find_receipt(_journal(_home(home)), call)
    out = Output(as_json)
    out.print_result(kept.document(), lambda: _show(out, kept))


def _show(out: Output, kept: Kept) -> None:
    for name, value in kept.receipt.model_dump(mode="json").items():
        if value not in ("", None, []):
            out.say(f"{name}: {_words(name, value)}")
    out.say(f"anchored: {f'as {kept.anchor.root}' if kept.anchor else 'not yet'}")


def _words(name: str, value: Any) -> object:
    if name == "charge":
        return f"{value / CREDIT:.6f} credits"
    if name == "tried":
        return "; ".join(f"{one['provider']}: {one['outcome']} {one['decision']}".rstrip() for one in value)
    if name == "usage":
        estimated = " (estimated)" if value["estimated"] else ""
        return f"{value['prompt_tokens']} tokens read, {value['completion_tokens']} written{estimated}"
    return value


@command(receipt_app, "list", example="jazari receipt list --project archives --limit 20")
def list_receipts(
    home: HomeOption,
    project: Annotated[str, typer.Option(help="Only this project's.")] = "",
    outcome: Annotated[str, typer.Option(help="Only those that ended so: answered, refused, failed ...")] = "",
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """List receipts, the newest first."""
    from jazari.gateway.receipt_files import newest_receipts

    def wanted(receipt: Receipt) -> bool:
        return project in ("", receipt.project) and outcome in ("", receipt.outcome)

    out = Output(as_json)
    found = newest_receipts(_journal(_home(home)), wanted, limit)
    columns = ("id", "moment", "project", "route", "provider", "outcome", "credits")
    rows = [
        (one.id, one.moment, one.project, one.route, one.provider, one.outcome, f"{one.charge / CREDIT:.6f}")
        for one in found
    ]
    data = {"receipts": [one.model_dump(mode="json") for one in found]}
    out.print_result(data, lambda: out.table("", columns, rows) if rows else out.say("No receipt."))


@command(receipt_app, "verify", example="jazari receipt verify")
def verify(
    home: HomeOption,
    call: Annotated[str, typer.Argument(metavar="[ID]", help="One receipt; all of the journal without it.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", help="What `receipt show --json` or the gateway gave.", dir_okay=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that receipts, balances and anchors are what was written, and that the audit trail has the same anchors.

    With an id or a file, one receipt is checked against its proof. Exit code 7 if anything is wrong.
    """
    node = _home(home)
    from jazari.settings.runtime import setup

    setup(node, migrate=True)
    out = Output(as_json)
    if call or file is not None:
        _verify_one(out, _given(file) if file is not None else _find(node, call))
        return
    from jazari.gateway.receipt_files import check_journal

    with out.progress("Verifying the journal"):
        checked = check_journal(_journal(node))
        _compare(checked)
    out.print_result(
        {"lines": checked.lines, "receipts": checked.receipts, "anchors": len(checked.anchors), "spent": checked.spent},
        f"The journal is intact: {checked.receipts} receipts, {len(checked.anchors)} anchors, "
        f"{sum(checked.spent.values()) / CREDIT:.6f} credits spent; the audit trail agrees.",
    )


def _compare(checked: Checked) -> None:
    from jazari.gateway.receipt_trail import missing_anchors

    if missing := missing_anchors(checked):
        raise ReceiptUntrusted(
            f"The audit trail anchors receipts that the journal does not hold (entry {missing[-1]} and "
            f"{len(missing) - 1} others): the journal was replaced or cut; compare it with a backup."
        )


def _verify_one(out: Output, kept: Kept) -> None:
    from jazari.gateway.receipt_trail import trail_entry
    from jazari.gateway.receipts import verify as check

    entry = None
    if kept.anchor is not None and kept.proof is not None:
        check(kept.receipt, kept.proof, kept.anchor)
        entry = trail_entry(kept.anchor)
    facts = {"id": kept.receipt.id, "hash": kept.receipt.hash(), "audit_entry": entry} | {
        "root": kept.anchor.root if kept.anchor else None
    }
    if entry is None:
        raise ReceiptUntrusted(
            f"The receipt {kept.receipt.id[:60]} is not anchored in this node's audit trail: if its call ended "
            "minutes ago, try again while the gateway and the worker run; else it was not written here."
        )
    out.print_result(facts, f"The receipt {kept.receipt.id} is what was written: entry {entry} of the audit trail.")


def _find(node: Home, call: str) -> Kept:
    from jazari.gateway.receipt_files import find_receipt

    return find_receipt(_journal(node), call)


def _given(file: Path) -> Kept:
    from jazari.core.files import plain_os_errors
    from jazari.gateway.receipt_files import LARGEST_DOCUMENT, Kept

    with plain_os_errors(file), file.open("rb") as opened:
        return Kept.read(opened.read(LARGEST_DOCUMENT))


def _home(path: Path) -> Home:
    from jazari.settings.home import Home

    return Home.open(path)


def _journal(node: Home) -> Path:
    from jazari.gateway.receipt_files import journal_folder

    return journal_folder(node.path)
