"""The least that any proxy on the gateway's libraries does: ``python -m benchmarks.gateway_bare PORT UPSTREAM``.

uvicorn with httptools and uvloop takes a request, aiohttp sends it on, and what comes back is passed on as it comes:
no key, no policy, no credits, no receipt. What the gateway adds beyond this is its own work; the rest is Python's.
"""

from __future__ import annotations

import sys
from typing import Any

import aiohttp
import uvicorn


class Proxy:
    """ASGI: sends every body to ``upstream`` and its answer back."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["method"] != "POST":
            await _whole(send, b"")
            return
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        address = self._upstream + scope["path"].removeprefix("/v1")
        async with self._session.post(address, data=body, headers={"Content-Type": "application/json"}) as answer:
            if answer.content_length is not None:
                await _whole(send, await answer.read())
                return
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
            )
            async for piece in answer.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def _whole(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        Proxy(sys.argv[2]), port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False,
        log_level="warning", lifespan="off", ws="none",
    )  # fmt: skip
