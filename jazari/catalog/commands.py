"""`jazari search`, `jazari publish`, and `jazari catalog`: cards and the index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.cli.passphrases import PassphraseFileOption

if TYPE_CHECKING:
    from jazari.catalog.models import CatalogItem
    from jazari.catalog.queries import Page
    from jazari.settings.home import Home

app = make_app("The catalogue: search it, publish cards.")
catalog_app = make_app("The catalogue's index and the reference of cards.")

LanguageOption = Annotated[str, typer.Option("--lang", help="Language of titles: fr, ar, zgh or en.")]


@command(app, "search", example='jazari search "qualité des sols" --type dataset')
def search(
    home: HomeOption,
    words: Annotated[
        list[str] | None, typer.Argument(help="Words in any of the four languages; none shows the newest.")
    ] = None,
    *,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only this card type (may be repeated).")] = None,
    institute: Annotated[str, typer.Option("--institute", help="Only this institute's namespace.")] = "",
    all_versions: Annotated[bool, typer.Option("--all-versions", help="Older versions too.")] = False,
    hide_withdrawn: Annotated[bool, typer.Option("--hide-withdrawn", help="Not what was withdrawn.")] = False,
    language: LanguageOption = "fr",
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 20,
    offset: Annotated[int, typer.Option(help="How many to skip.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Find what the network published, in the verified copy that is here."""
    _open(home)
    from jazari.catalog.queries import search as find

    out = Output(as_json)
    page = find(
        " ".join(words or ()),
        types=kind or (),
        namespace=institute,
        all_versions=all_versions,
        withdrawn=not hide_withdrawn,
        offset=offset,
        limit=limit,
    )
    data = {"total": page.total, "more": page.more, "items": [_facts(item, language) for item in page.items]}
    out.print_result(data, lambda: _show(out, page, language))


def _facts(item: CatalogItem, language: str) -> dict[str, Any]:
    from jazari.catalog.texts import in_language

    return {
        "record": item.ref,
        "type": item.type,
        "title": in_language(item.title, language),
        "institute": item.namespace,
        "published": item.published,
        "digest": item.digest,
        "latest": item.is_latest,
        "withdrawn_by": item.withdrawn_by or None,
        "withdrawn_reason": in_language(item.withdrawn_reason, language) or None,
        "problem": item.problem or None,
    }


def _show(out: Output, page: Page, language: str) -> None:
    if not page.items:
        out.say("Nothing found: try other words, or run `jazari sync` first.")
        return
    rows = [_facts(item, language) for item in page.items]
    out.table(
        "",
        ("record", "title", "published", ""),
        [(row["record"], row["title"], f"{row['published']:%Y-%m-%d}", _note(row)) for row in rows],
    )
    count = f"more than {page.total}" if page.more else str(page.total)
    out.say(f"{count} found, {len(rows)} shown.")


def _note(row: dict[str, Any]) -> str:
    if row["withdrawn_by"]:
        return f"withdrawn: {row['withdrawn_reason'] or ''}"
    return "cannot be read here" if row["problem"] else ""


@command(app, "publish", example="jazari publish institute.json")
def publish(
    draft_file: Annotated[
        Path, typer.Argument(metavar="CARD.json", help='{"type", "name", "card", "files": {name: path}}.')
    ],
    home: HomeOption,
    check_only: Annotated[bool, typer.Option("--check", help="Only check the card; sign and send nothing.")] = False,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a card, sign it and publish it in this node's log. Repeating it is harmless."""
    node = _open(home)
    from jazari.catalog.operations import publish_draft, read_draft

    out = Output(as_json)
    draft = read_draft(draft_file)
    if check_only:
        out.print_result({"valid": True, "type": draft.type, "name": draft.name}, "The card is valid.")
        return
    with out.progress(f"Publishing {draft.type} {draft.name}"):
        record = publish_draft(node, draft, passphrase_file)
    out.print_result({"record": record.ref, "digest": record.digest}, f"Published as {record.ref}.")


@command(catalog_app, "show", example="jazari catalog show rabat/dataset/soil")
def show(
    reference: Annotated[str, typer.Argument(help="namespace/type/name, with @version or the latest.")],
    home: HomeOption,
    language: LanguageOption = "fr",
    as_json: JsonOption = False,
) -> None:
    """Show one card whole."""
    import json

    _open(home)
    from jazari.catalog.queries import get_item

    out = Output(as_json)
    item = get_item(reference)
    record = item.as_record()
    facts = _facts(item, language) | {"card": record.card, "files": [file.model_dump() for file in record.files]}
    out.print_result(facts, json.dumps(record.card, ensure_ascii=False, indent=2))


@command(catalog_app, "files", example="jazari catalog files rabat/dataset/soil --out soil")
def files(
    reference: Annotated[str, typer.Argument(help="namespace/type/name, with @version or the latest.")],
    home: HomeOption,
    out_folder: Annotated[Path, typer.Option("--out", help="A new or empty folder for the files.", file_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """Write the files of a record into a folder, each once its hash is that of the signed record."""
    node = _open(home)
    from jazari.catalog.fetching import write_files
    from jazari.catalog.queries import get_item
    from jazari.federation.exchange import open_reader

    out = Output(as_json)
    record = get_item(reference).as_record()
    with out.progress(f"Fetching the files of {record.ref}"):
        names = write_files(open_reader(node), record, out_folder)
    told = f"{', '.join(names)} of {record.ref}, as {record.namespace} signed them."
    out.print_result({"record": record.ref, "files": names}, told if names else f"{record.ref} has no files.")


@command(catalog_app, "croissant", example="jazari catalog croissant rabat/dataset/soil > croissant.json")
def croissant(
    reference: Annotated[str, typer.Argument(help="A dataset: namespace/dataset/name, with @version or the latest.")],
    home: HomeOption,
    language: LanguageOption = "fr",
) -> None:
    """Print a dataset card as Croissant 1.0 (JSON-LD)."""
    node = _open(home)
    from jazari.catalog.croissant import to_croissant
    from jazari.catalog.errors import ItemNotFound
    from jazari.catalog.queries import get_item
    from jazari.catalog.texts import in_language
    from jazari.federation.exchange import open_reader

    item = get_item(reference)
    if item.type != "dataset" or item.problem:
        raise ItemNotFound(f"{item.ref} is no dataset card: find one with `jazari search --type dataset`.")
    entry = open_reader(node).directory().entries.get(item.namespace)
    creator = in_language(entry.titles, language) if entry else item.namespace
    document = to_croissant(item.as_record(), creator=creator, root_url=node.config.root_url, language=language)
    Output(json_mode=True).print_result(document)


@command(catalog_app, "reindex", example="jazari catalog reindex")
def reindex(home: HomeOption, as_json: JsonOption = False) -> None:
    """Drop the index and build it again from the verified records that are here."""
    node = _open(home)
    from jazari.catalog.indexing import rebuild_index
    from jazari.federation.exchange import open_reader

    out = Output(as_json)
    with out.progress("Building the index"):
        report = rebuild_index(open_reader(node))
    out.print_result(
        {"indexed": report.added, "problems": report.problems},
        f"{report.added} records indexed"
        + (f", {report.problems} of them with a card that this version cannot read." if report.problems else "."),
    )


@command(catalog_app, "schemas", example="jazari catalog schemas --out docs/reference")
def schemas(
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for cards.md and schemas/TYPE.json.")],
    as_json: JsonOption = False,
) -> None:
    """Write the JSON Schema of every card type, and their reference."""
    from jazari.catalog.reference import write_reference
    from jazari.catalog.registry import card_types
    from jazari.federation import hooks

    out = Output(as_json)
    hooks.register_card_types()
    written = write_reference(card_types(), out_folder)
    out.print_result({"files": written}, f"{len(written)} files written to {out_folder}.")


def _open(path: Path) -> Home:
    from jazari.settings.home import Home
    from jazari.settings.runtime import setup

    home = Home.open(path)
    setup(home, migrate=True)
    return home
