"""`jazari gateway` and `jazari routes`: the gateway's settings, checked and explained without a running gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.gateway.listening import FILE
from jazari.gateway.network_commands import network_app
from jazari.gateway.playground_commands import playground_app
from jazari.gateway.words import DataClass

if TYPE_CHECKING:
    from jazari.gateway.configuration import RouteConfig

gateway_app = make_app("This node's inference gateway: its settings, and models between institutes.")
gateway_app.add_typer(network_app)
gateway_app.add_typer(playground_app)
routes_app = make_app("Routes of this node's gateway: list them, explain where calls may go.")


@command(gateway_app, "create", example="jazari gateway create")
def create(home: HomeOption, as_json: JsonOption = False) -> None:
    """Write a first gateway.toml, valid as it is, with examples to uncomment. `jazari serve` then runs a gateway."""
    from jazari.core.files import plain_os_errors, write_private
    from jazari.gateway.configuration import default_text
    from jazari.gateway.operating_errors import GatewayExists
    from jazari.settings.home import Home

    path = Home.open(home).path / FILE
    if path.exists():
        raise GatewayExists(f"There is {path} already: edit it, then run `jazari gateway check`.")
    with plain_os_errors(path.parent):
        path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, default_text().encode())
    Output(as_json).print_result(
        {"file": path}, f"Name providers and routes in {path}, then run `jazari gateway check`; `jazari serve` runs it."
    )


@command(gateway_app, "check", example="jazari gateway check")
def check(home: HomeOption, as_json: JsonOption = False) -> None:
    """Read all that the gateway reads: settings, secrets, certificate, models, cards, policy; list what is wrong."""
    from jazari.federation.options import prepare
    from jazari.gateway.configuration import read_gateway

    node = prepare(home, migrate=True)
    from jazari.gateway.checking import classes_of, problems_of
    from jazari.gateway.knowledge import read_knowledge
    from jazari.gateway.mirrored import known_directory
    from jazari.gateway.operating_errors import GatewayUnfit

    config, out = read_gateway(node.path), Output(as_json)
    if found := problems_of(node, config):
        out.table("Problems", ("where", "what"), [(one.where, one.sentence) for one in found])
        why = " ".join(f"{one.where}: {one.sentence}" for one in found)
        raise GatewayUnfit(f"{len(found)} to mend. {why}" if as_json else f"{len(found)} to mend: see above.")
    known = read_knowledge(config, node.namespace, known_directory(node.mirror))
    classes = {alias: classes_of(alias, route, config, known) for alias, route in config.route.items()}
    out.table("Routes", ("route", "for data that are"), [(name, ", ".join(of)) for name, of in classes.items()])
    out.print_result(
        {"address": config.address, "routes": classes}, f"Nothing is wrong; it answers at {config.address}."
    )


@command(routes_app, "list", example="jazari routes list")
def list_routes(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the routes of gateway.toml: what each is for, who may answer, and what 1000 tokens cost."""
    from jazari.gateway.configuration import read_gateway
    from jazari.settings.home import Home

    config, out = read_gateway(Home.open(home).path), Output(as_json)
    rows = [_facts(alias, route) for alias, route in config.route.items()]
    cells = [
        (
            row["route"],
            row["kind"],
            row["order"],
            ", ".join(f"{target['provider']} ({target['model']})" for target in row["targets"]),
            f"{row['credits_per_1000_input']} / {row['credits_per_1000_output']}",
        )
        for row in rows
    ]
    if rows:
        out.table("Routes", ("route", "kind", "order", "targets", "credits in / out"), cells)
    out.print_result({"routes": rows}, "" if rows else f"None yet: add one to {FILE}.")


@command(routes_app, "explain", example="jazari routes explain chat --class personal")
def explain(
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="The route.")],
    home: HomeOption,
    data_class: Annotated[DataClass, typer.Option("--class", help="How sensitive the data of the call are.")],
    as_json: JsonOption = False,
) -> None:
    """Explain where a call by a route may go, and why not elsewhere, by settings and signed records.

    A running gateway also looks at who answers: ask it by POST /v1/explain.
    """
    from jazari.federation.options import prepare

    node = prepare(home, migrate=True)
    from jazari.gateway.checking import explain_offline
    from jazari.gateway.configuration import read_gateway
    from jazari.gateway.errors import NoSuchRoute
    from jazari.gateway.knowledge import read_knowledge
    from jazari.gateway.mirrored import known_directory

    config, out = read_gateway(node.path), Output(as_json)
    if alias not in config.route:
        raise NoSuchRoute(f"There is no route {alias[:64]!r} in {FILE}: `jazari routes list` shows those that are.")
    known = read_knowledge(config, node.namespace, known_directory(node.mirror))
    explanation = explain_offline(alias, config.route[alias], config, known, data_class)
    targets = [
        {
            "provider": target.provider,
            "model": target.model,
            "allowed": target.decision.allowed,
            "code": str(target.decision.code),
            "sentence": known.problems.get(target.provider) or target.decision.sentence,
            "policy": target.decision.policy,
            "rule": target.decision.rule,
            "share": target.share,
            "image_addresses": target.state.image_addresses,
        }
        for target in explanation.targets
    ]
    rows = [(one["provider"], one["model"], "yes" if one["allowed"] else "no", one["sentence"]) for one in targets]
    out.table("", ("provider", "model", "allowed", "why"), rows)
    first = next((one["provider"] for one in targets if one["allowed"]), None)
    facts = {"route": alias, "order": explanation.order, "data_class": data_class, "targets": targets, "first": first}
    out.print_result(facts, "" if first else f"Data that are {data_class} go nowhere by this route.")


def _facts(alias: str, route: RouteConfig) -> dict[str, Any]:
    return {
        "route": alias,
        "kind": route.kind,
        "order": route.order,
        "targets": [target.model_dump() for target in route.targets],
        "credits_per_1000_input": str(route.price.input),
        "credits_per_1000_output": str(route.price.output),
        "weights": {name: str(weight) for name, weight in route.price.weights.items()},
        "most_output_tokens": route.most_output_tokens,
    }
