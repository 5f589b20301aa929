"""How a stand-in writes an answer, well or with a fault. Knows bytes and connections, nothing of any interface."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from aiohttp import web

from jazari.testing.providers.faults import Fault

DONE = b"data: [DONE]\n\n"
PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
_CHUNK = b"x" * 65536
ErrorShape = Callable[[int, str], dict[str, Any]]
_STATUS = {
    Fault.UNAUTHORIZED: (401, "Incorrect API key provided: {secret}. You can find your API key in your account."),
    Fault.NOT_FOUND: (404, "The model does not exist or was retired."),
    Fault.RATE_LIMITED: (429, "Rate limit reached for requests."),
    Fault.ERROR_500: (500, "The server had an error while processing your request."),
    Fault.ERROR_503: (503, "The engine is currently overloaded, please try again later."),
}


@dataclass
class Behaviour:
    """How a stand-in answers where nothing is wrong, and how long or large its faults are."""

    text: str = "Al-Jazari built water clocks, and wrote down how, so that others could build them again."
    words: int = 16  # of an answer whose request sets no lower limit
    first_seconds: float = 0.0  # before the first byte
    pace_seconds: float = 0.0  # between two events of a stream
    stall_seconds: float = 3600.0
    drip_seconds: float = 0.05
    retry_after_seconds: int = 1
    huge_bytes: int = 64 * 1024 * 1024
    redirect_to: str = "http://127.0.0.1:9/"


class Torn(Exception):
    """The stand-in itself tore its connection down: what follows is no cancellation by the client."""


@dataclass(frozen=True)
class Answer:
    """What is to be written: one document, or a stream of them (``events``)."""

    documents: list[dict[str, Any]]
    stream: bool

    @property
    def content_type(self) -> str:
        """For the header."""
        return "text/event-stream; charset=utf-8" if self.stream else "application/json"

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of a good answer, in the portions in which they are written."""
        if self.stream:
            return [*(event(document) for document in self.documents), DONE]
        body = packed(self.documents[0])
        half = len(body) // 2
        return [body[:half], body[half:]]


def packed(document: dict[str, Any]) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def event(document: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + packed(document) + b"\n\n"


async def write(
    request: web.Request, answer: Answer, fault: Fault | None, behaviour: Behaviour, error: ErrorShape
) -> web.StreamResponse:
    """Answer, with the fault. Raises `Torn` where the fault is to tear the connection down."""
    if fault is Fault.REFUSE:
        _tear(request)
    if fault is Fault.NEVER:
        await asyncio.Event().wait()
    await asyncio.sleep(behaviour.first_seconds) if behaviour.first_seconds else None
    refusal = _refusal(request, fault, behaviour, error)
    if refusal is not None:
        return refusal
    if fault in _BODIES:
        return await _bodies(request, answer, fault, behaviour)
    spoiled = _spoiled(answer, fault, error)
    if fault is None and not answer.stream:
        return web.Response(body=b"".join(spoiled), content_type="application/json")
    return await _in_pieces(request, answer, spoiled, fault, behaviour)


def _tear(request: web.Request) -> NoReturn:
    if request.transport is not None:
        request.transport.abort()
    raise Torn


def _refusal(request: web.Request, fault: Fault | None, behaviour: Behaviour, error: ErrorShape) -> web.Response | None:
    if fault is Fault.REDIRECT:
        return web.Response(status=307, headers={"Location": behaviour.redirect_to})
    if fault is Fault.ERROR_502:
        return web.Response(status=502, body=PAGE, content_type="text/html")
    if fault is Fault.WRONG_TYPE:
        return web.Response(status=200, body=PAGE, content_type="text/html")
    if fault not in _STATUS:
        return None
    status, sentence = _STATUS[fault]
    headers = {"Retry-After": str(behaviour.retry_after_seconds)} if fault is Fault.RATE_LIMITED else None
    secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return web.json_response(error(status, sentence.format(secret=secret)), status=status, headers=headers)


def _spoiled(answer: Answer, fault: Fault | None, error: ErrorShape) -> list[bytes]:
    """The pieces to write, with those faults that change content."""
    pieces = answer.pieces
    half = len(pieces) // 2
    if fault is Fault.MALFORMED:
        return [*pieces[:half], b'data: {"choices": [{"delta"\n\n' if answer.stream else b'"}', *pieces[half:]]
    if fault is Fault.NOT_AN_ANSWER:
        return [event({"pong": 1}), DONE] if answer.stream else [packed({"pong": 1})]
    if fault is Fault.ERROR_MID and answer.stream:
        return [*pieces[:half], event(error(500, "The engine failed in the middle of this answer.")), DONE]
    if fault is Fault.NO_DONE and answer.stream:
        return pieces[:-1]
    return pieces


async def _in_pieces(
    request: web.Request, answer: Answer, pieces: list[bytes], fault: Fault | None, behaviour: Behaviour
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": answer.content_type, "Cache-Control": "no-cache"})
    if not answer.stream:
        response.content_length = sum(len(piece) for piece in pieces)
    await response.prepare(request)
    if fault is Fault.STALL_FIRST:
        await asyncio.sleep(behaviour.stall_seconds)
    for number, piece in enumerate(pieces):
        if number == len(pieces) // 2:
            await _half_way(request, fault, behaviour)
        await _one(response, piece, fault, behaviour)
    await response.write_eof()
    return response


async def _half_way(request: web.Request, fault: Fault | None, behaviour: Behaviour) -> None:
    if fault is Fault.STALL_MID:
        await asyncio.sleep(behaviour.stall_seconds)
    if fault is Fault.CUT_MID:
        # What was written must arrive: a cut that outruns it would be one before the first byte.
        await asyncio.sleep(0.05)
        _tear(request)


async def _one(response: web.StreamResponse, piece: bytes, fault: Fault | None, behaviour: Behaviour) -> None:
    if fault is Fault.SLOW_DRIP:
        for number in range(len(piece)):
            await response.write(piece[number : number + 1])
            await asyncio.sleep(behaviour.drip_seconds)
        return
    await response.write(piece)
    if behaviour.pace_seconds and response.content_length is None:
        await asyncio.sleep(behaviour.pace_seconds)


def _huge(answer: Answer, size: int) -> Iterator[bytes]:
    """A document whose text does not end before ``size`` bytes; in a stream, one event after the other."""
    if not answer.stream:
        yield b'{"id":"huge","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"'
    for _ in range(size // len(_CHUNK)):
        yield event({**answer.documents[0], "padding": _CHUNK.decode()}) if answer.stream else _CHUNK
    yield DONE if answer.stream else b'"},"finish_reason":"stop"}]}'


def _huge_event(answer: Answer, size: int) -> Iterator[bytes]:
    yield b'data: {"padding":"' if answer.stream else b'{"padding":"'
    for _ in range(size // len(_CHUNK)):
        yield _CHUNK
    yield b'"}\n\n'


def _bomb(answer: Answer, size: int) -> Iterator[bytes]:
    """``size`` bytes of the huge answer, compressed to about a thousandth."""
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in _huge(answer, size):
        yield packer.compress(piece)
    yield packer.flush()


_BODIES = {Fault.HUGE: _huge, Fault.HUGE_EVENT: _huge_event, Fault.GZIP_BOMB: _bomb}


async def _portions(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def _bodies(
    request: web.Request, answer: Answer, fault: Fault | None, behaviour: Behaviour
) -> web.StreamResponse:
    headers = {"Content-Type": answer.content_type}
    if fault is Fault.GZIP_BOMB:
        headers["Content-Encoding"] = "gzip"
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    assert fault is not None
    async for piece in _portions(_BODIES[fault](answer, behaviour.huge_bytes)):
        if piece:
            await response.write(piece)
    await response.write_eof()
    return response
