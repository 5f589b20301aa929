"""`jazari model`: models as files that anybody can check and apply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.cli.passphrases import PassphraseFileOption
from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RecordRef
from jazari.federation.options import prepare

if TYPE_CHECKING:
    from jazari.studies.here import Node
    from jazari.studies.portable.model import PortableModel
    from jazari.trust.records import Record

model_app = make_app("Models: publish one from a result, fetch it, apply it to rows, add how it was judged.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model's record: namespace/model/name@version.")]
OptionalHome = Annotated[
    Path | None,
    typer.Option("--home", envvar="JAZARI_HOME", help="The node's home folder (for a record).", file_okay=False),
]


def _open(home: Path, passphrase_file: Path | None = None) -> Node:
    prepare(home)  # before anything is imported that holds tables
    from jazari.studies.here import open_here

    return open_here(home, passphrase_file)


@command(
    model_app, "publish", example="jazari model publish rabat/result/yield-r1@1 --name yield --about yield.about.toml"
)
def publish(
    result: Annotated[str, typer.Argument(metavar="RESULT", help="The result that holds the model.")],
    home: HomeOption,
    name: Annotated[str, typer.Option("--name", help="The name of the model at this institute.")],
    about: Annotated[Path, typer.Option(help="Title, description, intended use, limits and licence (TOML).")],
    response: Annotated[str, typer.Option(help="Which one, where the result has a model for each response.")] = "",
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the file of the model in a published result, and publish it with its card."""
    node = _open(home, passphrase_file)
    from jazari.studies.portable import publishing

    out = Output(as_json)
    with out.progress(f"Publishing the model {name}"):
        record = publishing.publish_model(node, result, name, publishing.read_about(about), response)
    out.print_result(_published(record), f"Published as {record.ref}.")


def _published(record: Record) -> dict[str, Any]:
    return {"record": record.ref, "digest": record.digest, "sha256": record.files[0].sha256}


@command(model_app, "list", example="jazari model list")
def list_models(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the models of the network that this node has verified."""
    node = _open(home)
    from jazari.catalog.texts import in_language

    out = Output(as_json)
    rows = [
        {
            "model": record.ref,
            "title": in_language(record.card["title"], "fr"),
            "task": record.card["task"],
            "kind": record.card["kind"],
            "evaluations": len(record.card["evaluations"]),
            "withdrawn": node.records.is_withdrawn(record.ref),
        }
        for record in reversed(node.records.of("model"))
    ]
    columns = ("model", "title", "task", "kind", "evaluations", "withdrawn")
    out.table("Models", columns, [[row[column] for column in columns] for row in rows])
    out.print_result({"models": rows}, "" if rows else "None yet.")


@command(model_app, "show", example="jazari model show rabat/model/yield@1")
def show(model: Model, home: HomeOption, as_json: JsonOption = False) -> None:
    """Show a model's card, how it was judged, and the parameters that a study to evaluate it needs."""
    node = _open(home)
    from jazari.studies.portable import publishing

    out = Output(as_json)
    record = publishing.model_record(node.records, model)
    facts = {
        "model": record.ref,
        "digest": record.digest,
        "withdrawn": node.records.is_withdrawn(record.ref),
        "card": record.card,
        "evaluation_parameters": publishing.proposed_parameters(record),
    }
    out.print_result(facts, lambda: _show(out, facts))


def _show(out: Output, facts: dict[str, Any]) -> None:
    card = facts["card"]
    for text in (card["title"], card["description"], card["intended_use"], card["limits"]):
        out.say("\n".join(f"{language}: {words}" for language, words in text.items()))
    out.table("Inputs", ("name", "kind", "unit", "levels or range"), [_input_row(one) for one in card["inputs"]])
    rows = [
        [evaluation["result"], _group(group["by"]), group["rows"], _figures(group["figures"])]
        for evaluation in card["evaluations"]
        for group in evaluation["groups"]
    ]
    out.table("Evaluations", ("result", "group", "rows", "figures"), rows)
    out.say("To evaluate it, propose a study with the recipe evaluation and these parameters:")
    out.say(json.dumps(facts["evaluation_parameters"], ensure_ascii=False, indent=1))
    if facts["withdrawn"]:
        out.warn(f"{facts['model']} was withdrawn by its author.")


def _input_row(one: dict[str, Any]) -> list[object]:
    known = ", ".join(one["levels"]) or " to ".join(str(b) for b in (one["lower"], one["upper"]) if b is not None)
    return [one["name"], one["kind"], one["unit"] or "", known]


def _group(by: dict[str, str]) -> str:
    return ", ".join(f"{name} = {level}" for name, level in by.items()) or "all"


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


@command(model_app, "fetch", example="jazari model fetch rabat/model/yield@1 --out yield.safetensors")
def fetch(
    model: Model,
    home: HomeOption,
    out_file: Annotated[Path, typer.Option("--out", help="Where the file goes.", dir_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """Fetch a model's file and write it once its hash is that of the signed record."""
    node = _open(home)
    from jazari.core.files import write_atomic
    from jazari.studies.portable import publishing

    out = Output(as_json)
    with out.progress(f"Fetching {model}"):
        record = publishing.model_record(node.records, model)
        write_atomic(out_file, publishing.verified_bytes(node, record))
    _warn_withdrawn(out, node, record.ref)
    facts = _published(record) | {"file": str(out_file)}
    out.print_result(facts, f"{out_file} is the file of {record.ref}, as {record.namespace} signed it.")


def _warn_withdrawn(out: Output, node: Node, reference: str) -> None:
    if node.records.is_withdrawn(reference):
        out.warn(f"Note: {reference} was withdrawn by its author; see `jazari catalog show {reference}`.")


@command(model_app, "predict", example="jazari model predict rabat/model/yield@1 --data rows.csv --out predicted.csv")
def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's record, or a file (with --unverified).")],
    data: Annotated[Path, typer.Option(help="CSV file whose first line names the columns.", dir_okay=False)],
    home: OptionalHome = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the predictions to this CSV file (else they are printed).")
    ] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Use a file although no signature says who made it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Apply a model to rows. A record's signature and its file's hash are checked before anything of it is read."""
    out = Output(as_json)
    loaded = _load_record(out, model, home) if _is_record(model) else _load_file(out, Path(model), unverified)
    from jazari.core.files import write_atomic
    from jazari.studies.portable import predict as apply
    from jazari.studies.portable.rows import as_csv, prediction_rows, read_columns

    with out.progress(f"Reading {data.name}"):
        prediction = apply(loaded, read_columns(data, loaded))
    for sentence in prediction.warnings:
        out.warn(f"Note: {sentence}")
    rows = prediction_rows(prediction)
    if out_file is not None:
        write_atomic(out_file, as_csv(rows).encode())
    facts: dict[str, Any] = {
        "model": model, "verified": _is_record(model), "rows": len(rows), "warnings": list(prediction.warnings),
    }  # fmt: skip
    if out_file is None:
        out.print_result(facts | {"predictions": rows}, as_csv(rows).rstrip("\n"))
    else:
        out.print_result(facts | {"file": str(out_file)}, f"{len(rows)} predictions are in {out_file}.")


def _is_record(model: str) -> bool:
    """Whether it is written as a record is; everything else is a path."""
    try:
        RecordRef.parse(model)
    except BadIdentifier:
        return False
    return True


def _load_file(out: Output, path: Path, unverified: bool) -> PortableModel:
    from jazari.studies.errors import UnverifiedModel
    from jazari.studies.portable import load

    if not unverified:
        raise UnverifiedModel(
            f"Nobody's signature says who made {path}: name its record instead, or add --unverified to use it anyway."
        )
    out.warn(f"Note: {path} is unverified: nothing says who made it, nor that it was not changed.")
    return load(path)


def _load_record(out: Output, reference: str, home: Path | None) -> PortableModel:
    from jazari.settings.errors import HomeMissing
    from jazari.studies.portable import publishing

    if home is None:
        raise HomeMissing("A record is verified by a node: give --home or set JAZARI_HOME.")
    node = _open(home)
    with out.progress(f"Verifying {reference}"):
        model = publishing.verified_model(node, reference)
    _warn_withdrawn(out, node, reference)
    return model


@command(
    model_app,
    "add-evaluation",
    example="jazari model add-evaluation rabat/model/yield@1 rabat/result/yield-judged-r1@1",
)
def add_evaluation(
    model: Model,
    result: Annotated[str, typer.Argument(metavar="RESULT", help="The result of a study that evaluates the model.")],
    home: HomeOption,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the next version of a model's card with the figures of an evaluation; its file stays the same."""
    node = _open(home, passphrase_file)
    from jazari.studies.portable import publishing

    out = Output(as_json)
    with out.progress("Publishing the card"):
        record = publishing.add_evaluation(node, model, result)
    evaluations = record.card["evaluations"]
    out.print_result(
        _published(record) | {"evaluations": len(evaluations)},
        f"{record.ref} tells of {len(evaluations)} evaluations.",
    )
