"""The playground: a conversation with a model through this node's gateway, streamed where the browser runs scripts.

The conversation is in the page and is sent with each question; the server keeps none of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language, override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.core.errors import JazariError
from jazari.federation.http import http_status
from jazari.gateway.chat import Conversation, client_of
from jazari.gateway.configuration import GatewayConfig, read_gateway
from jazari.gateway.pages.home import actor, with_gateway
from jazari.gateway.pages.receipts import shown
from jazari.gateway.playground import (
    VISITORS,
    Playground,
    current_key,
    is_of_playground,
    read_playground,
    routes_for,
    secret_of,
)
from jazari.gateway.playground_form import PlaygroundForm
from jazari.gateway.playground_stream import Ask, answer_events
from jazari.gateway.receipt_files import find_receipt, journal_folder, not_found
from jazari.gateway.words import DataClass, Kind
from jazari.settings.home import Home
from jazari.settings.runtime import this_home


@dataclass(frozen=True)
class _Open:
    """The playground as it is open now, with what may be asked there."""

    home: Home
    config: GatewayConfig
    playground: Playground
    routes: list[str]
    classes: list[DataClass]


@require_http_methods(["GET", "POST"])
@never_cache
@requires(Permission.USE_GATEWAY)
@with_gateway
def index(request: HttpRequest) -> HttpResponseBase:
    """The form; posted without a script, the page comes back with the whole answer."""
    here = _opened()
    form = PlaygroundForm(here.routes, here.classes, request.POST or None)
    context: dict[str, Any] = {"form": form, "here": here, "said": [], "answer": None}
    if request.method == "POST":
        if not form.is_valid():
            return render(request, "gateway/playground.html", context, status=400)
        return _answered(request, here, form, context)
    return render(request, "gateway/playground.html", context)


@require_POST
@never_cache
@requires(Permission.USE_GATEWAY)
@with_gateway
def stream(request: HttpRequest) -> HttpResponseBase:
    """The answer as server-sent events."""
    here = _opened()
    form = PlaygroundForm(here.routes, here.classes, request.POST)
    if not form.is_valid():
        errors = [str(one) for found in form.errors.values() for one in found]
        return JsonResponse({"errors": errors}, status=400)
    events = answer_events(here.home, here.config, _ask(request, here, form), _meaning_in(get_language()))
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["X-Accel-Buffering"] = "no"
    return response


def _meaning_in(language: str | None) -> Callable[[str], str]:
    """What a code means, in the language of the request: events are made when it is over."""

    def meaning(code: str) -> str:
        with override(language):
            return render_to_string("gateway/meaning.txt", {"code": code}).strip()

    return meaning


@require_safe
@never_cache
@requires(Permission.USE_GATEWAY)
@with_gateway
def receipt(request: HttpRequest, call: str) -> HttpResponseBase:
    """The receipt of a call of the playground; any other is not found, in the same words as none."""
    home = this_home()
    playground = read_playground(home)
    kept = find_receipt(journal_folder(home.path), call)
    if not is_of_playground(playground, kept.receipt.project, kept.receipt.key):
        raise not_found(call)
    return render(request, "gateway/receipt.html", shown(kept) | {"of_playground": True})


def _opened() -> _Open:
    home = this_home()
    config, playground = read_gateway(home.path), read_playground(home)
    key = current_key(playground)
    highest = DataClass(key.highest)
    classes = [one for one in DataClass if one.rank <= highest.rank] if key.may_declassify else [highest]
    routes = routes_for(key, [alias for alias, route in config.route.items() if route.kind is Kind.CHAT])
    return _Open(home, config, playground, routes, classes[::-1])


def _ask(request: HttpRequest, here: _Open, form: PlaygroundForm) -> Ask:
    values = form.cleaned_data
    return Ask(
        person=actor(request),
        requests_a_minute=here.playground.requests_a_minute,
        secret=secret_of(here.home),
        route=values["route"],
        data_class=values["data_class"],
        messages=form.messages(),
    )


def _answered(request: HttpRequest, here: _Open, form: PlaygroundForm, context: dict[str, Any]) -> HttpResponse:
    ask = _ask(request, here, form)
    context["said"] = ask.messages
    try:
        with (
            VISITORS.asking(ask.person, ask.requests_a_minute),
            client_of(here.home, here.config, ask.secret) as client,
        ):
            conversation = Conversation(client, ask.route, ask.data_class, list(ask.messages[:-1]))
            answer = "".join(conversation.ask(form.cleaned_data["question"]))
            facts = conversation.receipt(conversation.receipts[-1]) if conversation.receipts else {}
    except JazariError as error:
        context |= {"said": ask.messages[:-1], "error": error}
        return render(request, "gateway/playground.html", context, status=http_status(error))
    said = (*ask.messages, {"role": "assistant", "content": answer})
    initial = {
        "route": ask.route,
        "data_class": ask.data_class,
        "conversation": json.dumps(said, ensure_ascii=False),
    }
    next_form = PlaygroundForm(here.routes, here.classes, initial=initial)
    context |= {"said": said, "facts": facts, "form": next_form}
    return render(request, "gateway/playground.html", context)
