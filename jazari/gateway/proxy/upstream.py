"""One attempt at one provider: send the question, and give its answer whole or event by event.

Every way in which a provider can fail becomes one of the ``ProviderFailed`` errors; what it says then never reaches a
client, since it may quote secrets. Only a request that it refuses as wrong (400, 413, 415, 422) is told, as that is the
client's to correct. Nothing is followed elsewhere: a redirect is a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from jazari.gateway.errors import (
    AddressRefused,
    BadAnswer,
    ProviderAway,
    ProviderBusy,
    ProviderFailed,
    ProviderRefused,
    ProviderSilent,
)
from jazari.gateway.node_errors import ProviderNotItself
from jazari.gateway.proxy.connections import Connections
from jazari.gateway.proxy.deadlines import Deadline
from jazari.gateway.proxy.events import EventCutter, data_of, parse_event
from jazari.gateway.proxy.severing import Way
from jazari.gateway.words import PATHS, DataClass, Kind

LARGEST_ANSWER = 20_000_000
"""Bytes of a whole answer; a stream is bounded event by event and by its time."""
LARGEST_COMPLAINT = 20_000
COMPLAINT_SECONDS = 5.0
FINISH_SECONDS = 1.0
LONGEST_SENTENCE = 500
PLAIN = {"content-type": "application/json", "accept-encoding": "identity"}
_CONTENT = {Kind.CHAT: "choices", Kind.COMPLETION: "choices", Kind.EMBEDDING: "data"}
_THE_CLIENTS = (400, 413, 415, 422)
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Patience:
    """How long a provider may take, in seconds: to connect, to its first token, between tokens, in all."""

    connect: float
    first_token: float
    stall: float
    whole: float

    @cached_property
    def of_the_client(self) -> aiohttp.ClientTimeout:
        """What of it the client library looks after; the rest is looked after here (``Exchange``)."""
        return aiohttp.ClientTimeout(total=None, sock_connect=self.connect)


@dataclass(frozen=True)
class Label:
    """What only another institute's gateway is told, and needs to be known by.

    ``to``: the institute that it belongs to; ``relayed_for``: whose call it is, if not this node's; ``certificate``:
    the SHA-256 of the one it shows, None where an authority vouches for it.
    """

    data_class: DataClass
    to: str = ""
    relayed_for: str = ""
    certificate: str | None = None


class Event(NamedTuple):
    """A whole answer or one event of a stream: the bytes as they came, and the JSON in them (None for ``[DONE]``)."""

    raw: bytes
    chunk: dict[str, Any] | None


class Exchange:
    """One request to the provider ``name`` and its answer: how long it waits for what, and what its errors mean.

    Left, it hangs up unless the answer has come to its end.
    """

    def __init__(self, name: str, patience: Patience) -> None:
        self.patience = patience
        self.response: aiohttp.ClientResponse | None = None
        self._name = name
        self._deadline = Deadline(patience.whole)
        self._due = self._seconds = 0.0

    def within(self, seconds: float) -> Deadline:
        """The next block may take ``seconds``, and no longer than what is left of the whole."""
        self._seconds = seconds
        self._due = asyncio.get_running_loop().time() + seconds
        return self._deadline.until(self._due)

    def still(self) -> Deadline:
        """The next block may take what is left of the time of the last."""
        return self._deadline.until(self._due)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadline.close()
        if self.response is not None:
            # A finished answer gives its connection back by itself; any other must not go on.
            self.response.close()
        failure = self._meaning(error) if error is not None else None
        if failure is not None:
            raise failure from None

    def _meaning(self, error: BaseException) -> ProviderFailed | None:
        """What an error of the network says of the provider; None for any other error."""
        if isinstance(error, AddressRefused):
            return ProviderAway(str(error))
        if isinstance(error, aiohttp.ServerFingerprintMismatch):
            return ProviderNotItself(f"{self._name} does not show the certificate on its card.")
        if isinstance(error, TimeoutError):
            seconds = self.patience.whole if self._deadline.is_over else self._seconds
            return ProviderSilent(f"{self._name} said nothing that was waited for in {seconds:g} s.")
        if isinstance(error, OSError):
            return ProviderAway(f"{self._name} cannot be reached ({type(error).__name__}).")
        if isinstance(error, aiohttp.ClientError | ValueError):
            return BadAnswer(f"{self._name} broke off or answered nonsense ({type(error).__name__}).")
        return None


class Upstream:
    """A provider at the far end of one pool of connections.

    ``address`` is the API's base (``https://host/v1``); ``headers`` hold its secret. A drill cuts its ``way``.
    """

    def __init__(self, name: str, address: str, headers: dict[str, str], session: Connections) -> None:
        self.name = name
        self.way = Way(name)
        self._address = address.rstrip("/")
        self._headers = headers
        self._secrets = [value.removeprefix("Bearer ") for value in headers.values()]
        self._session = session

    async def ask(
        self, kind: Kind, body: dict[str, Any], patience: Patience, label: Label, *, fresh: bool = False
    ) -> Event:
        """The whole answer to ``body``; raises ``ProviderFailed`` or ``ProviderRefused``.

        ``fresh``: on a connection of its own, since a kept one was closed (``ConnectionClosed``).
        """
        await self.way.refuse_when_cut(patience.connect + patience.first_token)
        with self.way.attempt(), Exchange(self.name, patience) as exchange:
            response = await self._post(exchange, kind, body, label, fresh)
            # Headers may come long before a whole answer is computed, which only the time in all bounds.
            with exchange.within(patience.whole):
                data = await _read_bounded(response, LARGEST_ANSWER)
            return Event(data, _answer_in(kind, parse_event(data)))

    @asynccontextmanager
    async def stream(
        self, kind: Kind, body: dict[str, Any], patience: Patience, label: Label, *, fresh: bool = False
    ) -> AsyncIterator[AsyncIterator[list[Event]]]:
        """The events of the answer to ``body``, as many at once as came at once.

        Leaving the context early hangs up on the provider.
        """
        await self.way.refuse_when_cut(patience.connect + patience.first_token)
        with self.way.attempt(), Exchange(self.name, patience) as exchange:
            response = await self._post(exchange, kind, body, label, fresh)
            if response.content_type != "text/event-stream":
                raise BadAnswer(f"{self.name} answered with {response.content_type[:60]} where events were asked for.")
            yield self._events(kind, exchange, response.content)

    async def _events(
        self, kind: Kind, exchange: Exchange, content: aiohttp.StreamReader
    ) -> AsyncIterator[list[Event]]:
        cutter, patience = EventCutter(), exchange.patience
        waiting = exchange.within(patience.first_token)
        while True:
            # Until the next event, not the next byte: comments and a slow drip are no answer.
            with waiting:
                data = await content.readany()
            if not data:
                raise BadAnswer(f"{self.name} broke off before the end of its answer.")
            events, failure = _events_in(kind, cutter, data)
            if events:
                yield events
            if failure is not None:
                raise failure
            if events and events[-1].chunk is None:
                await _finish(exchange, content)
                return
            waiting = exchange.within(patience.stall) if events else exchange.still()

    async def _post(
        self, exchange: Exchange, kind: Kind, body: dict[str, Any], label: Label, fresh: bool
    ) -> aiohttp.ClientResponse:
        """The answer to ``body`` once it begins, and is none that tells of a failure."""
        patience = exchange.patience
        data = _encode(body).encode("utf-8", "surrogatepass")
        with exchange.within(patience.connect + patience.first_token):
            response = exchange.response = await self._session.post(
                self._address + PATHS[kind],
                fresh=fresh,
                data=data,
                timeout=patience.of_the_client,
                allow_redirects=False,
                **self._dress(PATHS[kind], data, label),
            )
        await self._check(exchange, response)
        return response

    def _dress(self, _path: str, _data: bytes, _label: Label) -> dict[str, Any]:
        """Headers, and how the server is known, as options of aiohttp's ``post``."""
        return {"headers": {**PLAIN, **self._headers}}

    async def _check(self, exchange: Exchange, response: aiohttp.ClientResponse) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise BadAnswer(f"{self.name} packed its answer, which it was asked not to.")
        if response.status == 200:
            return
        if response.status in _THE_CLIENTS:
            said = await self._said(exchange, response)
            raise ProviderRefused(f"The provider does not take this request: {said}")
        if response.status == 429:
            raise ProviderBusy(f"{self.name} has too much to do.", _seconds(response.headers.get("retry-after", "")))
        raise ProviderFailed(f"{self.name} answered with status {response.status}.")

    async def _said(self, exchange: Exchange, response: aiohttp.ClientResponse) -> str:
        with exchange.within(COMPLAINT_SECONDS):
            return self._complaint(await _read_bounded(response, LARGEST_COMPLAINT, cut=True))

    def _complaint(self, data: bytes) -> str:
        """The sentence in a provider's error: printable, short, without our secret if it is quoted."""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return "it gave no reason that can be read."
        said = _sentence(value)
        for secret in self._secrets:
            said = said.replace(secret, "...")  # before it is cut: the half of a secret is too much
        text = "".join(c if c.isprintable() else " " for c in said[:LONGEST_SENTENCE])
        return text or "it gave no reason that can be read."


def _answer_in(kind: Kind, chunk: dict[str, Any]) -> dict[str, Any]:
    """``chunk`` if it is (part of) an answer, else ``BadAnswer``: valid JSON alone is none."""
    if not isinstance(chunk.get(_CONTENT[kind]), list):
        raise BadAnswer("The provider sent JSON that is no answer.")
    return chunk


def _sentence(value: Any) -> str:
    """What an error document says: OpenAI's and Mistral's shape, or a list of mistakes as FastAPI gives it."""
    inner = value.get("error", value) if isinstance(value, dict) else value
    said = (inner.get("message") or inner.get("detail")) if isinstance(inner, dict) else inner
    if isinstance(said, dict):
        said = said.get("detail")
    if isinstance(said, list):
        said = "; ".join(_mistake(one) for one in said[:10] if isinstance(one, dict))
    return said if isinstance(said, str) else ""


def _mistake(one: dict[str, Any]) -> str:
    where, why = one.get("loc"), one.get("msg")
    return f"{'.'.join(map(str, where)) if isinstance(where, list) else ''}: {why if isinstance(why, str) else ''}"


def _events_in(kind: Kind, cutter: EventCutter, data: bytes) -> tuple[list[Event], BadAnswer | None]:
    """The events that ``data`` finishes up to the end of the answer, or up to what is none, with what is told of it."""
    found: list[Event] = []
    try:
        for raw in cutter.feed(data):
            payload = data_of(raw)
            if payload == b"[DONE]":
                found.append(Event(raw, None))
                break
            if payload:
                found.append(Event(raw, _answer_in(kind, parse_event(payload))))
    except BadAnswer as error:
        return found, error
    return found, None


async def _finish(exchange: Exchange, content: aiohttp.StreamReader) -> None:
    """Read the end of a stream that is over, so that its connection serves the next call."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError), exchange.within(FINISH_SECONDS):
        await content.readany()


def _seconds(retry_after: str) -> float:
    """What a Retry-After header asks for, in seconds; 1 where it gives a date or nothing (RFC 9110, 10.2.3)."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 6 else 1.0


async def _read_bounded(response: aiohttp.ClientResponse, most: int, cut: bool = False) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await response.content.readany():
        parts.append(part)
        size += len(part)
        if size > most:
            if cut:
                break
            raise BadAnswer(f"The provider's answer is larger than {most:,} bytes.")
    return b"".join(parts)[:most]
