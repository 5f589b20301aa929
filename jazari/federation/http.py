"""Limits and errors of the exchange, below any framework: bodies that are too large or too slow, plain errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from jazari.core.errors import HTTP_STATUS, DiskFull, JazariError
from jazari.federation.errors import BadRequest, RequestRefused, TooLarge, TooSlow

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def http_status(error: JazariError) -> int:
    """The status that tells an HTTP client about ``error``."""
    if isinstance(error, RequestRefused):
        return error.http_status
    return 507 if isinstance(error, DiskFull) else HTTP_STATUS.get(error.exit_code, 500)


def error_document(error: BaseException) -> dict[str, Any]:
    """``{"error": {"code", "message"}}``; what is no error of ours leaves no detail."""
    if isinstance(error, JazariError):
        return {"error": {"code": error.code, "message": str(error)}}
    return {"error": {"code": "core.bug", "message": "The server made a mistake; its log has the details."}}


class SmallBodies:
    """ASGI middleware: reads a body of at most ``largest`` bytes within ``seconds``, or answers 413 or 408.

    So that an unknown caller can neither fill the disk (Django spools any body before a view sees it) nor
    hold a connection by sending a byte a minute.
    """

    def __init__(self, application: Application, largest: int, seconds: float) -> None:
        self._application = application
        self._largest = largest
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(self._read(scope, receive), self._seconds)
        except TimeoutError:
            await send_error(send, TooSlow(f"The request took more than {self._seconds:.0f} s to arrive: try again."))
        except RequestRefused as error:
            await send_error(send, error)
        except _Gone:
            return
        else:
            await self._application(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        if content_length(scope) > self._largest:
            raise self._too_large()
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            parts.append(message.get("body", b""))
            if sum(map(len, parts)) > self._largest:
                raise self._too_large()
            if not message.get("more_body"):
                return b"".join(parts)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The request is larger than {self._largest:,} bytes: send a smaller one.")


class _Gone(Exception):
    """The client left."""


def content_length(scope: Scope) -> int:
    """The announced length of the body in bytes, 0 if none is announced; ``BadRequest`` if it is no number."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit() or len(value) > 18:
                raise BadRequest("Content-Length is not a number: correct the request.")
            return int(value)
    return 0


async def send_error(send: Send, error: JazariError) -> None:
    """Answer with ``error`` and end the connection (the rest of the body is not wanted)."""
    body = json.dumps(error_document(error), ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": http_status(error), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
