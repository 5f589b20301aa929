"""`jazari dataset` and `jazari study`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.cli.passphrases import PassphraseFileOption, passphrase_reader
from jazari.core import clock
from jazari.federation.options import prepare
from jazari.studies.privacy.commands import budget

if TYPE_CHECKING:
    from jazari.studies.here import Node

dataset_app = make_app("Data sets of this institute: register a file, publish its card. No row leaves.")
study_app = make_app("Studies: propose, look at, check on site, approve or refuse, have run, read results.")


def _open(home: Path, passphrase_file: Path | None = None) -> Node:
    prepare(home)  # before anything is imported that holds tables
    from jazari.studies.here import open_here

    return open_here(home, passphrase_file)


STEWARD_VARIABLE = "JAZARI_STEWARD_PASSPHRASE"
DataSetName = Annotated[str, typer.Argument(help="The name of the data set at this institute.")]
Study = Annotated[str, typer.Argument(help="The study's record: namespace/study/name@version.")]
StewardFile = Annotated[
    Path | None, typer.Option("--steward-key", help="The steward's private key (else the one the home names).")
]
StewardPassphrase = Annotated[
    Path | None,
    typer.Option(
        "--steward-passphrase-file", help=f"The same for the steward's key (else ${STEWARD_VARIABLE}, else asked)."
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; published with the decision.")]

Agreement = Annotated[str, typer.Option("--agreement", help="The digest that was read; another text is refused.")]


@command(
    dataset_app,
    "register",
    example="jazari dataset register soil --data soil.parquet --schema soil.schema.toml --about soil.about.toml",
)
def register(
    name: DataSetName,
    home: HomeOption,
    data: Annotated[Path, typer.Option(help="CSV or Parquet file; it stays where it is.")],
    schema: Annotated[Path, typer.Option(help="Declaration of its columns (TOML or JSON).")],
    about: Annotated[Path, typer.Option(help="Title, description, licence and terms of use (TOML).")],
    as_json: JsonOption = False,
) -> None:
    """Read and check a whole data file and keep it under a name; nothing is published yet."""
    prepare(home)
    from jazari.studies import datasets

    out = Output(as_json)
    with out.progress(f"Reading {data.name}"):
        row = datasets.register(name, data, schema, datasets.read_about(about))
    card = row.card
    out.print_result(
        {"name": row.name, "version": row.version, "rows": card["rows"], "subjects": card["subjects"], "card": card},
        f"{name}: {card['rows']} rows of {card['subjects']} subjects are registered; "
        f"publish the card with `jazari dataset publish {name}`.",
    )


@command(dataset_app, "publish", example="jazari dataset publish soil")
def publish(
    name: DataSetName,
    home: HomeOption,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the card of a registered data set: its columns, counts, quality, licence and terms. No row leaves."""
    node = _open(home, passphrase_file)
    from jazari.studies import datasets

    out = Output(as_json)
    with out.progress(f"Publishing the card of {name}"):
        record = datasets.publish(node, name)
    out.print_result({"record": record.ref, "digest": record.digest}, f"Published as {record.ref}.")


command(dataset_app, "budget", example="jazari dataset budget soil --epsilon 10 --delta 1e-6")(budget)


@command(dataset_app, "list", example="jazari dataset list")
def list_data_sets(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the data sets that are registered here."""
    prepare(home)
    from jazari.studies.models import DataSet

    out = Output(as_json)
    fields = ("name", "version", "record", "path", "sha256")
    rows = list(DataSet.objects.values(*fields))
    out.table("Data sets of this institute", fields[:4], [[row[f] for f in fields[:4]] for row in rows])
    out.print_result({"datasets": rows}, "" if rows else "None yet: `jazari dataset register` adds one.")


@command(study_app, "propose", example="jazari study propose soil-gaps.toml")
def propose(
    proposal: Annotated[Path, typer.Argument(help="The proposal (TOML); see docs/how-to/run-a-study.md.")],
    home: HomeOption,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a study: the exact text, with its output contract, that the named institutes approve or refuse."""
    node = _open(home, passphrase_file)
    from jazari.studies import operations
    from jazari.studies.overview import study_of
    from jazari.studies.proposals import read_proposal

    out = Output(as_json)
    with out.progress("Publishing the study"):
        record = operations.propose(node, read_proposal(proposal))
    study = study_of(node.records, record.ref)
    out.print_result(
        {"study": record.ref, "agreement": study.agreement, "institutes": list(study.text.institutes)},
        f"Proposed as {record.ref}. It asks {', '.join(study.text.institutes)}; "
        f"each decides with `jazari study approve {record.ref}` or `refuse`.",
    )


@command(study_app, "list", example="jazari study list")
def list_studies(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the studies of the network that this node has verified."""
    node = _open(home)
    from jazari.studies import queries

    out = Output(as_json)
    rows = queries.studies(node.records, clock.now())
    columns = ("study", "title", "status", "approved", "refused", "unanswered")
    out.table("Studies", columns, [[_cell(row[c]) for c in columns] for row in rows])
    out.print_result({"studies": rows}, "" if rows else "None yet.")


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@command(study_app, "show", example="jazari study show rabat/study/soil-gaps@1")
def show(study: Study, home: HomeOption, as_json: JsonOption = False) -> None:
    """Show a study: its text, who decided what, its runs and results."""
    node = _open(home)
    from jazari.studies import queries

    out = Output(as_json)
    facts = queries.study_facts(node.records, study, clock.now())
    out.print_result(facts, lambda: _show(out, facts))


def _show(out: Output, facts: dict[str, Any]) -> None:
    for name in ("study", "title", "purpose", "proposer", "recipe", "agreement", "status", "floor", "expires"):
        out.say(f"{name:>12}  {facts[name]}")
    if facts["parameters"].get("privacy"):
        out.say(f"{'privacy':>12}  {facts['parameters']['privacy']}")
    out.table("Decisions", ("institute", "choice", "reason", "moment"),
              [[d[c] for c in ("institute", "choice", "reason", "moment")] for d in facts["decisions"]])  # fmt: skip
    out.table("Runs", ("run", "number", "institutes"),
              [[r["run"], r["number"], ", ".join(r["participants"])] for r in facts["runs"]])  # fmt: skip
    for result in facts["results"]:
        out.say(f"Result: {result}")


@command(study_app, "map", example="jazari study map rabat/study/soil-gaps@1 soil.mapping.toml")
def map_columns(
    study: Study,
    mapping: Annotated[Path, typer.Argument(help="The mapping (TOML); see docs/how-to/map-your-columns.md.")],
    home: HomeOption,
    as_json: JsonOption = False,
) -> None:
    """Keep how this institute's columns become the study's variables. Stays here; an approval covers its digest."""
    node = _open(home)
    from jazari.studies import operations
    from jazari.studies.data.mapping import mapping_digest, read_mapping

    read = read_mapping(mapping)
    version = operations.map_columns(node, study, read)
    Output(as_json).print_result(
        {"study": study, "version": version, "mapping": mapping_digest(read), "variables": sorted(read.variables)},
        f"Kept as version {version} of the mapping; try it with `jazari study check {study}`. "
        "An approval given before does not cover it.",
    )


@command(study_app, "check", example="jazari study check rabat/study/soil-gaps@1")
def check(study: Study, home: HomeOption, as_json: JsonOption = False) -> None:
    """Try a study on this institute's data without sending anything: what would leave, and what would refuse."""
    node = _open(home)
    from jazari.studies import on_site

    out = Output(as_json)
    with out.progress("Computing this institute's first round, here only"):
        report = on_site.check(node, study)
    out.print_result(report, lambda: _show_check(out, report))
    if report["refused"]:
        raise typer.Exit(3)


def _show_check(out: Output, report: dict[str, Any]) -> None:
    for sentence in report["disclosures"]:
        out.say(f"- {sentence}")
    columns: tuple[str, ...] = ("variable", "from", "how", "usable", "missing", "declared_missing", "outside")
    out.table("What this institute would use, in rows", columns,
              [[_cell(row[c]) for c in columns] for row in report["variables"]])  # fmt: skip
    if "subjects" in report:
        out.say(f"{report['rows']} rows of {report['subjects']} subjects.")
    if report["cost"]:
        out.say(f"- {report['cost']}")
    columns = ("output", "shape", "type", "values")
    out.table("What one message of this institute would hold", columns,
              [[_cell(row[c]) for c in columns] for row in report["outputs"]])  # fmt: skip
    out.say(report["refused"] or "No rule refuses it. Nothing has left this institute.")


@command(study_app, "approve", example="jazari study approve rabat/study/soil-gaps@1")
def approve(
    study: Study,
    home: HomeOption,
    steward_key: StewardFile = None,
    reason: Reason = "",
    agreement: Agreement = "",
    passphrase_file: PassphraseFileOption = None,
    steward_passphrase_file: StewardPassphrase = None,
    as_json: JsonOption = False,
) -> None:
    """Sign this institute's approval of exactly this text with the steward's key, and publish it."""
    said = Steward(steward_key, steward_passphrase_file, reason, agreement)
    _decide("approve", study, home, said, passphrase_file, Output(as_json))


@command(study_app, "refuse", example='jazari study refuse rabat/study/soil-gaps@1 --reason "The purpose is unclear."')
def refuse(
    study: Study,
    home: HomeOption,
    reason: Reason,
    steward_key: StewardFile = None,
    agreement: Agreement = "",
    passphrase_file: PassphraseFileOption = None,
    steward_passphrase_file: StewardPassphrase = None,
    as_json: JsonOption = False,
) -> None:
    """Sign and publish this institute's refusal with its reason: no run will touch its data."""
    said = Steward(steward_key, steward_passphrase_file, reason, agreement)
    _decide("refuse", study, home, said, passphrase_file, Output(as_json))


@command(
    study_app,
    "withdraw-approval",
    example='jazari study withdraw-approval rabat/study/soil@1 --reason "Consent ended."',
)
def withdraw_approval(
    study: Study,
    home: HomeOption,
    reason: Reason,
    steward_key: StewardFile = None,
    agreement: Agreement = "",
    passphrase_file: PassphraseFileOption = None,
    steward_passphrase_file: StewardPassphrase = None,
    as_json: JsonOption = False,
) -> None:
    """Take an approval back: a run under way ends, no other starts. What was released stays released."""
    said = Steward(steward_key, steward_passphrase_file, reason, agreement)
    _decide("withdraw", study, home, said, passphrase_file, Output(as_json))


class Steward(NamedTuple):
    """Where the steward's key is, and its passphrase: neither is the node's. Then what the steward says."""

    key: Path | None
    passphrase_file: Path | None
    reason: str
    agreement: str


def _decide(choice: str, study: str, home: Path, said: Steward, passphrase_file: Path | None, out: Output) -> None:
    node = _open(home, passphrase_file)
    from jazari.settings.home import Home
    from jazari.studies import on_site, operations
    from jazari.studies.decisions import Choice
    from jazari.trust.keys import load_signer

    passphrase = passphrase_reader(said.passphrase_file, "the steward's key", variable=STEWARD_VARIABLE)
    signer = load_signer(said.key or Home.open(home).steward_key, passphrase)
    for sentence in on_site.notes(node, study) if choice == "approve" else ():
        out.warn(f"Note: {sentence}")
    with out.progress("Publishing the decision"):
        record = operations.decide(node, study, Choice(choice), said.reason, signer, agreement=said.agreement)
    out.print_result({"decision": record.ref, "choice": choice}, f"Published as {record.ref}.")


@command(study_app, "run", example="jazari study run rabat/study/soil-gaps@1 --wait")
def run(
    study: Study,
    home: HomeOption,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600.0,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record that the study runs now on the institutes that approve; the node's worker and the Root do the rest."""
    node = _open(home, passphrase_file)
    from jazari.studies import operations

    out = Output(as_json)
    record = operations.start_run(node, study)
    facts: dict[str, Any] = {"run": record.ref, "participants": sorted(record.card["participants"])}
    if wait:
        facts |= _wait(out, record.ref, timeout)
    out.print_result(facts, facts.get("sentence") or f"Recorded as {record.ref}; follow it with `jazari study watch`.")


@command(study_app, "watch", example="jazari study watch rabat/run/run-5f2a@1")
def watch(
    run_record: Annotated[str, typer.Argument(metavar="RUN", help="The run's record.")],
    home: HomeOption,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 600.0,
    as_json: JsonOption = False,
) -> None:
    """Follow a run of this institute's studies until it ends."""
    out = Output(as_json)
    prepare(home)
    facts = _wait(out, run_record, timeout)
    out.print_result(facts, facts["sentence"])


def _wait(out: Output, reference: str, timeout: float) -> dict[str, Any]:
    from jazari.studies import queries

    deadline = time.monotonic() + timeout
    with out.progress(f"Waiting for {reference}") as progress:
        while True:
            facts = queries.run_facts(reference)
            progress.describe(facts["sentence"])
            if facts["over"]:
                queries.raise_if_failed(facts)
                return facts
            if time.monotonic() > deadline:
                raise queries.still_running(facts, timeout)
            time.sleep(0.1)


@command(study_app, "cancel", example='jazari study cancel rabat/run/run-5f2a@1 --reason "Wrong parameters."')
def cancel(
    record: Annotated[str, typer.Argument(help="A run or a study of this institute.")],
    home: HomeOption,
    reason: Reason,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a run (it ends) or a study (it may not run again) of this institute."""
    node = _open(home, passphrase_file)
    from jazari.studies import operations

    out = Output(as_json)
    published = operations.withdraw(node, record, reason)
    out.print_result({"withdrawal": published.ref, "withdrawn": record}, f"Withdrawn by {published.ref}.")


@command(study_app, "result", example="jazari study result rabat/result/soil-gaps-r1@1")
def result(
    reference: Annotated[str, typer.Argument(metavar="RESULT", help="The result's record.")],
    home: HomeOption,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the values to this JSON file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read a published result: its values, and where it comes from."""
    node = _open(home)
    from jazari.studies import queries

    out = Output(as_json)
    facts = queries.result_facts(node, reference)
    if out_file is not None:
        out_file.write_text(json.dumps(facts["values"], ensure_ascii=False, indent=1), encoding="utf-8")
    out.print_result(facts, lambda: _show_result(out, facts))


def _show_result(out: Output, facts: dict[str, Any]) -> None:
    card = facts["card"]
    provenance = card["provenance"]
    out.say(f"{card['title']}\n{card['rounds']} rounds; {card['privacy']} (floor {card['floor']}).")
    out.say(f"Institutes: {', '.join(provenance['participants'])}; agreement {provenance['agreement']}.")
    out.say(json.dumps(facts["values"], ensure_ascii=False, indent=1))
