"""`jazari chat`: a playground in the terminal, for one question or a conversation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.gateway.words import DataClass

if TYPE_CHECKING:
    from jazari.gateway.chat import Conversation

app = make_app("Talk to a model through this node's gateway.")
BYE = "/bye"


@command(app, "chat", example='jazari chat chat "Who built water clocks?" --key-file web.key')
def chat(
    home: HomeOption,
    key_file: Annotated[Path, typer.Option("--key-file", help="The file with a key: see `jazari keys create`.")],
    alias: Annotated[
        str, typer.Argument(metavar="[ALIAS]", help="The route to ask; the first chat route of the key without it.")
    ] = "",
    question: Annotated[
        str, typer.Argument(metavar="[QUESTION]", help="Ask this alone; without it, a conversation begins.")
    ] = "",
    data_class: Annotated[
        DataClass | None, typer.Option("--class", help="How sensitive what you write is; else as the key says.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a model through this node's running gateway, like any other client, and show what it cost.

    In a conversation each line is a question; /bye (or the end of the input) ends it and shows the receipts.
    """
    from jazari.gateway import chat as talking
    from jazari.gateway.configuration import read_gateway
    from jazari.settings.home import Home

    node = Home.open(home)
    config, key = read_gateway(node.path), talking.read_key(key_file)
    with talking.client_of(node, config, key) as client:
        route = alias or talking.first_route(client, config)
        conversation = talking.Conversation(client, route, str(data_class or ""))
        if question:
            _ask_once(conversation, question, Output(as_json))
        else:
            _converse(conversation, Output(as_json))


def _ask_once(conversation: Conversation, question: str, out: Output) -> None:
    answer = _show(conversation.ask(question), out)
    receipt = conversation.receipt(conversation.receipts[-1])
    if not out.json_mode:
        out.warn(_words(receipt))
    out.print_result({"answer": answer, "receipt": receipt}, "")


def _converse(conversation: Conversation, out: Output) -> None:
    from jazari.core.errors import JazariError

    out.say(f"You talk to {conversation.route}. {BYE} ends it.")
    for line in _lines():
        try:
            _show(conversation.ask(line), out)
        except JazariError as error:
            out.warn(f"{error} ({error.code})")
    receipts = [conversation.receipt(call) for call in conversation.receipts]
    for receipt in receipts:
        out.say(_words(receipt))
    total = sum(receipt.get("charge", 0) for receipt in receipts)
    facts = {"messages": conversation.messages, "receipts": receipts, "microcredits": total}
    out.print_result(facts, f"{len(receipts)} calls, {_credits(total)} credits.")


def _lines() -> Iterator[str]:
    """What a person types, until ``/bye`` or the end of the input; empty lines are passed over."""
    at_terminal = sys.stdin.isatty()
    while True:
        try:
            line = input("> " if at_terminal else "").strip()
        except EOFError:
            return
        if line == BYE:
            return
        if line:
            yield line


def _show(pieces: Iterator[str], out: Output) -> str:
    answer = ""
    for piece in pieces:
        answer += piece
        if not out.json_mode:
            # A model's words must not move the cursor or ring the bell.
            out.stdout.write("".join(c for c in piece if c.isprintable() or c in "\n\t"))
            out.stdout.flush()
    out.say("")
    return answer


def _words(receipt: dict[str, Any]) -> str:
    usage = receipt.get("usage", {})
    read, written = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    who = receipt.get("provider") or "nobody"
    cost = _credits(receipt.get("charge", 0))
    return f"{receipt['id']}: {receipt['outcome']} by {who}, {read} tokens read, {written} written, {cost} credits"


def _credits(amount: int) -> str:
    from jazari.gateway.scopes import credits_text

    return credits_text(amount)
