"""`jazari gateway offer` and `jazari gateway discover`: models between institutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.cli.passphrases import PassphraseFileOption
from jazari.federation.options import prepare

if TYPE_CHECKING:
    from jazari.gateway.network_use import Found

network_app = make_app("This node's inference gateway: what it offers to other institutes, and what they offer.")


@command(network_app, "offer", example="jazari gateway offer --days 180")
def offer(
    home: HomeOption,
    days: Annotated[int, typer.Option("--days", help="Days that the card counts.", min=1, max=730)] = 180,
    check_only: Annotated[bool, typer.Option("--check", help="Show the card; sign and publish nothing.")] = False,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish, or renew, the card of the routes that gateway.toml offers to other institutes."""
    node = prepare(home, migrate=True)
    import json

    from jazari.gateway.network_use import draft_offer, publish_offer

    out, draft = Output(as_json), draft_offer(node, days)
    if check_only:
        out.print_result({"card": draft.card}, json.dumps(draft.card, ensure_ascii=False, indent=2))
        return
    with out.progress(f"Publishing provider {draft.name}"):
        record = publish_offer(node, draft, passphrase_file)
    until = draft.card["valid_until"]
    facts = {"record": record.ref, "card": draft.card}
    out.print_result(facts, f"Published as {record.ref}; it counts until {until}. Other institutes call with it now.")


@command(network_app, "discover", example="jazari gateway discover")
def discover(home: HomeOption, as_json: JsonOption = False) -> None:
    """List what other institutes' gateways offer, what policy says of each, and how to use them."""
    node = prepare(home, migrate=True)
    from jazari.gateway import network_use

    out, found = Output(as_json), network_use.discover(node)
    columns = ("record", "models", "operator", "hosting", "until", "allowed for", "in gateway.toml")
    rows = [
        (
            one.record,
            " ".join(model.name for model in one.card.models),
            one.card.operator.jurisdiction,
            " ".join(one.card.hosting),
            one.card.valid_until,
            " ".join(one.allowed) or "nothing",
            one.used or "no",
        )
        for one in found
    ]
    if rows:
        out.table("Gateways of other institutes", columns, rows)
    out.print_result({"offers": [_facts(one) for one in found]}, _sentences(found))


def _sentences(found: list[Found]) -> str:
    if not found:
        return "None yet: institutes offer routes with `jazari gateway offer`; run `jazari sync` to hear of them."
    refused = [f"{one.institute}: {next(iter(one.decisions.values())).sentence}" for one in found if not one.allowed]
    unused = [one.lines for one in found if one.allowed and one.used != one.record]
    advice = ["To use one, put its lines into gateway/gateway.toml:", *unused] if unused else []
    return "\n\n".join([*refused, *advice])


def _facts(one: Found) -> dict[str, Any]:
    decisions = {
        str(data_class): {"allowed": said.allowed, "code": str(said.code), "sentence": said.sentence}
        for data_class, said in one.decisions.items()
    }
    return {
        "record": one.record,
        "institute": one.institute,
        "card": one.card.model_dump(mode="json"),
        "decisions": decisions,
        "used": one.used,
        "lines": one.lines,
    }
