"""One question of the playground, asked of the node's own gateway, and its answer as events while it comes.

The page speaks to the portal only; nothing of a conversation is kept here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from jazari.core.errors import JazariError
from jazari.gateway.chat import CONNECT_SECONDS, SILENT_SECONDS, told_error
from jazari.gateway.client_tls import client_tls
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.operating_errors import GatewayAway
from jazari.gateway.playground import VISITORS
from jazari.gateway.scopes import credits_text
from jazari.settings.home import Home


@dataclass(frozen=True)
class Ask:
    """A question with what was said before, for one route and one class of data, by one person."""

    person: str
    requests_a_minute: int
    secret: str
    route: str
    data_class: str
    messages: tuple[dict[str, str], ...]

    def body(self) -> dict[str, Any]:
        """As the gateway takes it."""
        return {"model": self.route, "messages": list(self.messages), "stream": True}

    def headers(self) -> dict[str, str]:
        """As the gateway takes them."""
        return {"authorization": f"Bearer {self.secret}", "jazari-data-class": self.data_class}


async def answer_events(
    home: Home, config: GatewayConfig, ask: Ask, meaning_of: Callable[[str], str]
) -> AsyncIterator[bytes]:
    """Server-sent events: ``begun``, ``piece`` by piece, ``ended`` with what it cost; or ``failed`` with a sentence and
    what its code means by ``meaning_of``.

    If the reader leaves, so does the call.
    """

    def failed(error: JazariError) -> bytes:
        return _event("failed", {"code": error.code, "message": str(error), "meaning": meaning_of(error.code)})

    try:
        with VISITORS.asking(ask.person, ask.requests_a_minute):
            async for one in _call(home, config, ask):
                yield one
    except JazariError as error:
        yield failed(error)
    except httpx.ConnectError:
        yield failed(GatewayAway("No gateway answers on this node now: try again in a moment, or tell an operator."))
    except (httpx.HTTPError, ValueError):
        yield failed(GatewayAway("The gateway broke off before the end of its answer: ask again."))


async def _call(home: Home, config: GatewayConfig, ask: Ask) -> AsyncIterator[bytes]:
    verify = client_tls(home, config) or True
    timeout = httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
    options: dict[str, Any] = {"base_url": config.address, "timeout": timeout, "verify": verify, "trust_env": False}
    async with httpx.AsyncClient(headers=ask.headers(), **options) as client:
        async with client.stream("POST", "/chat/completions", json=ask.body()) as answer:
            receipt = answer.headers.get("jazari-receipt", "")
            if answer.status_code != 200:
                await answer.aread()
                yield _event("refused", {"receipt": receipt})
                raise told_error(_error_in(answer))
            yield _event("begun", {"receipt": receipt, "provider": answer.headers.get("jazari-provider", "")})
            async for piece in _pieces(answer.aiter_lines()):
                yield _event("piece", {"text": piece})
        yield _event("ended", await _facts(client, receipt))


async def _pieces(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        if not line.startswith("data: "):
            continue
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            return
        event = json.loads(data)
        if "error" in event:
            raise told_error(event["error"])
        for choice in event.get("choices", []):
            if text := choice.get("delta", {}).get("content"):
                yield str(text)
    raise GatewayAway("The gateway broke off before the end of its answer: ask again.")


async def _facts(client: httpx.AsyncClient, call: str) -> dict[str, Any]:
    """What the receipt says, for people; only its id where it is not there yet."""
    found = await client.get(f"/receipts/{call}")
    if found.status_code != 200:
        return {"receipt": call}
    receipt = found.json()["receipt"]
    usage = receipt.get("usage", {})
    return {
        "receipt": call,
        "provider": receipt.get("provider", ""),
        "credits": credits_text(int(receipt.get("charge", 0))),
        "read": usage.get("prompt_tokens", 0),
        "written": usage.get("completion_tokens", 0),
    }


def _error_in(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def _event(name: str, value: dict[str, Any]) -> bytes:
    # JSON has no bare line feed, so what a model says cannot begin another event.
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()
