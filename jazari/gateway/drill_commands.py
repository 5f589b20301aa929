"""`jazari drill`: cut something off on purpose, see what that would do, publish what it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.cli.passphrases import PassphraseFileOption
from jazari.federation.options import prepare
from jazari.gateway.proxy.severing import Mode
from jazari.gateway.words import DataClass

if TYPE_CHECKING:
    from jazari.catalog.models import CatalogItem
    from jazari.gateway.configuration import GatewayConfig
    from jazari.gateway.drills.dry_run import Forecast
    from jazari.settings.home import Home

drill_app = make_app("Drills: cut a provider off on purpose, measure what that does, publish it.")


@command(drill_app, "run", example="jazari drill run --cut campus --seconds 30 --dry-run")
def run(
    home: HomeOption,
    cut: Annotated[str, typer.Option("--cut", help="A provider of gateway.toml, `registry`, or `root`.")],
    *,
    mode: Annotated[Mode, typer.Option(help="Attempts fail at once, or hang until patience ends.")] = Mode.REFUSE,
    seconds: Annotated[float, typer.Option(help="How long it is cut off.")] = 30.0,
    around: Annotated[float, typer.Option(help="Seconds to measure before and after.")] = 20.0,
    rate: Annotated[float, typer.Option(help="Calls a second of the drill's own project.")] = 5.0,
    routes: Annotated[
        list[str] | None, typer.Option("--routes", help="Only this route (may be repeated); else all it serves.")
    ] = None,
    data_class: Annotated[
        DataClass, typer.Option("--class", help="What the calls are declared as.")
    ] = DataClass.PUBLIC,
    real: Annotated[bool, typer.Option("--real", help="Measure other projects' calls too, by receipts.")] = False,
    evaluation: Annotated[
        Path | None, typer.Option(help="JSONL of {messages, expected or pattern}: asked in each phase.", dir_okay=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Cut nothing: say what would stop.")] = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Where the report goes.", dir_okay=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Cut something off at the running gateway, for every project, while calls are made and measured.

    It is mended when the time is over, and also if this command is stopped or killed.
    """
    node = prepare(home, migrate=True)
    from jazari.gateway.configuration import read_gateway
    from jazari.gateway.drills.evaluation import read_evaluation
    from jazari.gateway.drills.measures import make_plan
    from jazari.gateway.drills.performing import routes_of

    config, out = read_gateway(node.path), Output(as_json)
    chosen = routes_of(config, cut, routes or ())
    questions = read_evaluation(evaluation) if evaluation else None
    plan = make_plan(
        {
            "what": cut, "mode": mode, "seconds": seconds, "around": around, "rate": rate, "routes": chosen,
            "data_class": data_class, "real": real,
        }
    )  # fmt: skip
    if dry_run:
        from jazari.gateway.drills.keys import most_credits

        _tell_forecast(out, _forecast(node, config, cut, list(chosen)), most_credits(config, plan, questions))
        return
    from jazari.gateway.drills.performing import perform

    with out.progress(f"Drill: {cut}") as progress:
        path, card = perform(node, config, plan, questions, out_file, progress.describe)
    document = card.model_dump(mode="json")
    out.print_result({"report": str(path), "card": document}, lambda: _show(out, document))
    out.say(f"The report is {path}. To publish it: `jazari drill publish {path}`.")


def _forecast(node: Home, config: GatewayConfig, what: str, routes: list[str]) -> Forecast:
    from jazari.core import clock
    from jazari.gateway.drills.dry_run import forecast
    from jazari.gateway.knowledge import read_knowledge
    from jazari.gateway.mirrored import known_directory
    from jazari.gateway.queries import keys_snapshot

    directory = known_directory(node.mirror)
    known = read_knowledge(config, node.namespace, directory)
    away = config.cut_with(what, directory.root if directory else "")
    return forecast(config, known, keys_snapshot(), what, away, clock.now().date(), routes)


def _tell_forecast(out: Output, told: Forecast, most: int) -> None:
    from jazari.gateway.scopes import credits_text

    rows = [(one.route, one.data_class, one.effect, one.now, ", ".join(one.left)) for one in told.lines]

    def human() -> None:
        out.table("", ("route", "class", "what becomes of it", "first now", "left"), rows)
        out.say(told.says)
        if told.projects:
            out.say(f"Projects with a key for what stops: {', '.join(told.projects)}.")
        if told.holds_until:
            out.say(f"Without news, the policy or all facts end on {told.holds_until}: nothing is sent after that day.")
        out.say(f"The drill itself would cost at most {credits_text(most)} credits of the project drills.")

    out.print_result({**told.document(), "most_microcredits": most}, human)


@command(drill_app, "publish", example="jazari drill publish gateway/drills/0123456789abcdef.json")
def publish(
    report: Annotated[Path, typer.Argument(metavar="FILE", help="What `jazari drill run` wrote.", dir_okay=False)],
    home: HomeOption,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a drill's card and publish it in this node's log, with its calls and plots. Repeating it is harmless."""
    node = prepare(home)
    from jazari.gateway.drills.schedule import publish_report

    out = Output(as_json)
    with out.progress("Publishing the drill"):
        record = publish_report(node, report, passphrase_file)
    facts = {"record": record.ref, "digest": record.digest, "files": [file.name for file in record.files]}
    out.print_result(facts, f"Published as {record.ref} with {', '.join(facts['files'])}.")
    if record.card.get("note"):
        out.warn(record.card["note"])


@command(drill_app, "list", example="jazari drill list")
def list_drills(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the drills that the network published, the newest first."""
    prepare(home)
    from jazari.catalog.models import CatalogItem

    out = Output(as_json)
    items = CatalogItem.objects.filter(type="drill", withdrawn_by="", problem="").order_by("-published", "ref")
    rows = [_row(item) for item in items[:200]]
    if rows:
        out.table("Drills", tuple(rows[0]), [tuple(row.values()) for row in rows])
    out.print_result({"drills": rows}, "" if rows else "None yet.")


def _row(item: CatalogItem) -> dict[str, Any]:
    card = item.as_record().card
    during = card["phases"][1]
    return {
        "drill": item.ref,
        "what": card["what"],
        "began": card["began"],
        "calls": during["calls"],
        "lost": during["lost"],
        "rerouted": sum(during["rerouted"].values()),
        "first_answer_ms": card["recovery"]["first_answer_ms"],
    }


@command(drill_app, "show", example="jazari drill show rabat/drill/campus-20261126-091500@1")
def show(
    drill: Annotated[
        str, typer.Argument(metavar="DRILL", help="The record: namespace/drill/name, with @version or not.")
    ],
    home: HomeOption,
    as_json: JsonOption = False,
) -> None:
    """Show the figures of a published drill."""
    prepare(home)
    from jazari.catalog.queries import get_item
    from jazari.gateway.drills.errors import DrillNotFound

    out = Output(as_json)
    item = get_item(drill)
    if item.type != "drill":
        raise DrillNotFound(f"{item.ref} is no drill: see `jazari drill list`.")
    record = item.as_record()
    files = [file.name for file in record.files]
    out.print_result({"drill": record.ref, "card": record.card, "files": files}, lambda: _show(out, record.card))


def _show(out: Output, card: dict[str, Any]) -> None:
    out.say(f"{card['what']} cut off ({card['mode']}), {card['rate']:g} calls a second as {card['data_class']} data")
    columns = ("phase", "calls", "answered", "refused", "lost", "rerouted", "p50 / p95 / p99 ms", "first byte")
    for title, phases in (("The drill's calls", card["phases"]), ("Other projects' calls", card["real"])):
        if phases:
            out.table(title, columns, [_phase_row(phase) for phase in phases])
    recovery = card["recovery"]
    for name, words in (
        ("first_answer_ms", "From the cut to the first answer"),
        ("steady_ms", f"to {recovery['steady_share']:.0%} of the usual share of answers"),
        ("returned_ms", "From its end to the first answer by who was cut off"),
    ):
        out.say(f"{words}: {'not seen' if recovery[name] is None else f'{recovery[name]} ms'}")
    for one in (card["evaluation"] or {"phases": []})["phases"]:
        by = ", ".join(f"{name} {said['matched']}/{said['answered']}" for name, said in one["by_provider"].items())
        out.say(f"Quality {one['phase']}: {one['matched']} of {one['answered']} answers match ({by or 'no answer'})")


def _phase_row(phase: dict[str, Any]) -> tuple[object, ...]:
    by = ", ".join(f"{name}: {count}" for name, count in phase["rerouted"].items())
    counts = (phase["calls"], phase["answered"], phase["refused"], phase["lost"], by)
    return (phase["phase"], *counts, _three(phase["total_ms"]), _three(phase["first_byte_ms"]))


def _three(found: dict[str, int] | None) -> str:
    return f"{found['p50']} / {found['p95']} / {found['p99']}" if found else ""
