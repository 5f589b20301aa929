"""HTTP below any framework: bodies with limits, JSON answers, and errors as API clients of this field expect them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from jazari.gateway.errors import BodyTooLarge, BodyTooSlow, GatewayError
from jazari.gateway.proxy.deadlines import Deadline
from jazari.gateway.proxy.errors import BodiesFull
from jazari.gateway.proxy.holding import Hold

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
LINE = "jazari.line"
"""Where a request's scope has its ``Line``."""

LARGEST_BODY = 20_000_000
"""Bytes: images travel inside requests, as base64."""
LARGEST_PLAIN_QUESTION = 16_000
"""Bytes of a request that calls no model."""
MOST_DISCARDED = 5 * LARGEST_BODY
"""Bytes of a body that is not taken, but read all the same: a client still sending would lose the answer to a reset."""
DISCARD_SECONDS = 10.0
SLOWEST_SECONDS = 60.0
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


class ClientLeft(Exception):
    """The client closed its connection: nobody reads an answer."""


class Line(Protocol):
    """The connection on which a request came. ASGI itself tells that it ended only to who waits for nothing else."""

    def on_leaving(self, act: Callable[[], None] | None) -> None:
        """Call ``act`` when the client leaves, until something else is wanted."""


def headers_named(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header; ``name`` in small letters."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]


def header(scope: Scope, name: bytes) -> str:
    """The value of a header, empty if it is absent; ``name`` in small letters."""
    found = headers_named(scope, name)
    # The same header twice has two readers, who may each believe another one: neither counts.
    return found[0] if len(found) == 1 else ""


async def read_body(scope: Scope, receive: Receive, hold: Hold, most: int = LARGEST_BODY) -> bytes:
    """The whole body, which ``hold`` counts as it comes.

    Raises ``BodyTooLarge`` above ``most`` bytes, ``BodiesFull``, ``BodyTooSlow`` or ``ClientLeft``.
    """
    deadline = Deadline()
    announced = header(scope, b"content-length")
    size = int(announced[:18]) if announced.isascii() and announced.isdecimal() else 0
    try:
        if size > most:
            raise _too_large(most)
        hold.expect(size)
        with deadline.within(SLOWEST_SECONDS):
            return await _read(receive, hold, most)
    except (BodyTooLarge, BodiesFull):
        hold.release()
        if size <= MOST_DISCARDED:
            await _discard(receive)
        raise
    except TimeoutError:
        raise BodyTooSlow(f"The request took more than {SLOWEST_SECONDS:.0f} s to arrive: send it again.") from None
    finally:
        deadline.close()


async def _read(receive: Receive, hold: Hold, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        hold.add(len(part))
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _discard(receive: Receive) -> None:
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while size < MOST_DISCARDED:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request is larger than {most:,} bytes: send a smaller one.")


async def send_json(send: Send, value: Any, status: int = 200, headers: Headers = ()) -> None:
    """Answer with a JSON document."""
    await send_bytes(send, json.dumps(value, ensure_ascii=False).encode(), status=status, headers=headers)


async def send_bytes(
    send: Send, body: bytes, kind: bytes = b"application/json", status: int = 200, headers: Headers = ()
) -> None:
    """Answer with a whole body of content type ``kind``."""
    fixed = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


def error_document(error: GatewayError) -> dict[str, Any]:
    """An error as the ``openai`` client reads it (``error``) and as the ``mistralai`` client does (the rest)."""
    kind = _TYPES.get(error.status, "api_error")
    inner = {"message": str(error), "type": kind, "param": error.param or None, "code": error.code}
    return {"error": inner, "object": "error", "message": str(error), "type": kind, "code": error.code}


async def send_error(send: Send, error: GatewayError) -> None:
    """Answer with ``error`` and its HTTP status."""
    wait = error.retry_after_seconds
    more = [] if wait is None else [(b"retry-after", str(math.ceil(wait)).encode())]
    more.extend(error.headers)
    if error.status == 401:
        more.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, BodyTooLarge | BodyTooSlow | BodiesFull):
        more.append((b"connection", b"close"))  # the rest of the body is not wanted
    await send_json(send, error_document(error), error.status, more)
