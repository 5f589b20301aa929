"""The load of a drill: calls of an ordinary API client at a fixed rate, whatever becomes of the earlier ones."""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from jazari.gateway.drills.measures import Call, Outcome
from jazari.gateway.words import PATHS, Kind

CLIENT_SECONDS = 60.0
"""An answer that takes longer is lost."""
MOST_OPEN = 500
OUTPUT_TOKENS = 16
PROMPT = "This is a drill. Answer with one word."
_REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 413, 422, 429})


@dataclass(frozen=True)
class Said:
    """What became of one call, by the client's clock (milliseconds since it was made)."""

    outcome: Outcome
    status: int = 0
    code: str = ""
    provider: str = ""
    receipt: str = ""
    first_byte_ms: int | None = None
    total_ms: int | None = None
    text: str = ""


class Client:
    """An API client with a key. ``url`` is the gateway's base, with ``/v1``."""

    def __init__(self, session: aiohttp.ClientSession, url: str, tls: ssl.SSLContext | None) -> None:
        self._session, self._url, self._tls = session, url, tls

    async def models(self) -> int:
        """The status of the list of models: 200 once the gateway knows the key."""
        async with self._session.get(f"{self._url}/models", ssl=self._tls or True) as response:
            return response.status

    async def ask(self, kind: Kind, body: dict[str, Any]) -> Said:
        """Make one call and read its answer to the end."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(CLIENT_SECONDS):
                async with self._session.post(self._url + PATHS[kind], json=body, ssl=self._tls or True) as response:
                    return await _read(response, began, stream=bool(body.get("stream")))
        except (aiohttp.ClientError, OSError) as error:
            return Said(Outcome.LOST, code=type(error).__name__, total_ms=_since(began))


async def _read(response: aiohttp.ClientResponse, began: float, *, stream: bool) -> Said:
    first, parts = None, []
    headers = response.headers
    facts: dict[str, Any] = {
        "status": response.status,
        "provider": headers.get("jazari-provider", ""),
        "receipt": headers.get("jazari-receipt", ""),
    }
    try:
        async for part in response.content.iter_any():
            first = _since(began) if first is None else first
            parts.append(part)
    except (aiohttp.ClientError, OSError) as error:
        return Said(Outcome.LOST, code=type(error).__name__, total_ms=_since(began), **facts)
    data = b"".join(parts)
    if response.status != 200:
        outcome = Outcome.REFUSED if response.status in _REFUSALS else Outcome.LOST
        return Said(outcome, code=_code(data), total_ms=_since(began), **facts)
    if stream and b"data: [DONE]" not in data[-200:]:
        return Said(Outcome.LOST, code=_code(data.rpartition(b"data: ")[2]), total_ms=_since(began), **facts)
    text = "" if stream else _text(data)
    return Said(Outcome.ANSWERED, first_byte_ms=first, total_ms=_since(began), text=text, **facts)


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _code(data: bytes) -> str:
    try:
        return str(json.loads(data)["code"])[:100]
    except (ValueError, KeyError, TypeError):
        return ""


def _text(data: bytes) -> str:
    try:
        said = json.loads(data)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, TypeError, IndexError):
        return ""
    return said if isinstance(said, str) else ""


def question(kind: Kind, route: str, *, stream: bool) -> dict[str, Any]:
    """The body of a call of the load."""
    if kind is Kind.EMBEDDING:
        return {"model": route, "input": PROMPT}
    asked = {"messages": [{"role": "user", "content": PROMPT}]} if kind is Kind.CHAT else {"prompt": PROMPT}
    return {"model": route, "max_tokens": OUTPUT_TOKENS, **asked} | ({"stream": True} if stream else {})


class Load:
    """Calls of ``routes`` in turn, every other one streamed, ``rate`` a second."""

    def __init__(self, client: Client, routes: Mapping[str, Kind], rate: float, began: float) -> None:
        self._client, self._rate, self._began = client, rate, began
        kinds = [(route, kind, stream) for stream in (False, True) for route, kind in routes.items()]
        self._turns = itertools.cycle([turn for turn in kinds if not (turn[2] and turn[1] is Kind.EMBEDDING)])
        self._open: set[asyncio.Task[None]] = set()
        self.calls: list[Call] = []
        self.unsent = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Calls are made inside the block; at its end, those that are open are waited for."""
        making = asyncio.create_task(self._make())
        try:
            yield
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        await asyncio.gather(*self._open)

    async def abandon(self) -> None:
        """Hang up on what is still open."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _make(self) -> None:
        start = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, start + number / self._rate - time.monotonic()))
            if len(self._open) >= MOST_OPEN:
                self.unsent += 1
                continue
            task = asyncio.create_task(self._one(*next(self._turns)))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _one(self, route: str, kind: Kind, stream: bool) -> None:
        at = _since(self._began)
        said = await self._client.ask(kind, question(kind, route, stream=stream))
        self.calls.append(
            Call(
                at_ms=at,
                route=route,
                streamed=stream,
                outcome=said.outcome,
                status=said.status,
                code=said.code,
                provider=said.provider if said.outcome is Outcome.ANSWERED else "",
                receipt=said.receipt,
                first_byte_ms=said.first_byte_ms,
                total_ms=said.total_ms,
            )
        )
