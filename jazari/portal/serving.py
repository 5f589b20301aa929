"""The portal as one ASGI application: static files beside Django, the public address instead of the caller's."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from jazari.portal.assets import digest, static_files

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_FOR_GOOD = b"public, max-age=31536000, immutable"


def as_one_application(pages: Application, origin: str) -> Application:
    """``pages`` under ``origin``, with the static files beside them."""
    return Addressed(Static(pages), origin)


class Addressed:
    """Gives every request the scheme and host of ``origin``, so that no link is ever built from what a caller wrote."""

    def __init__(self, application: Application, origin: str) -> None:
        self._application = application
        parts = urlsplit(origin)
        self._scheme, self._host = parts.scheme, parts.netloc.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"host", self._host), *((name, value) for name, value in scope["headers"] if name != b"host")]
        await self._application({**scope, "scheme": self._scheme, "headers": headers}, receive, send)


class Static:
    """Answers ``/static/<digest>/NAME`` from memory; everything else is for ``application``."""

    def __init__(self, application: Application) -> None:
        self._application = application
        prefix = f"{settings.STATIC_URL}{digest()}/"
        self._files = {prefix + name: (_type_of(name), file.read_bytes()) for name, file in static_files()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._files.get(scope["path"])
        if found is None or scope["method"] not in ("GET", "HEAD"):
            await self._application(scope, receive, send)
            return
        kind, content = found
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", _FOR_GOOD),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _type_of(name: str) -> bytes:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind in ("application/javascript", "image/svg+xml")
    return f"{kind}; charset=utf-8".encode() if text else kind.encode()
