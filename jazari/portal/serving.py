"""The portal as one ASGI application: static files and kept pages beside Django, bounded bodies, the public address
instead of the caller's."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from jazari.catalog.freshness import network_version
from jazari.federation.http import Application, Receive, Scope, Send, SmallBodies
from jazari.portal.assets import digest, static_files
from jazari.portal.packing import Headers, is_text, pack, takes_gzip
from jazari.portal.page_cache import PageCache

LARGEST_BODY = 1_000_000
BODY_SECONDS = 20.0
_FOR_GOOD = b"public, max-age=31536000, immutable"


def as_one_application(pages: Application, origin: str) -> Application:
    """``pages`` under ``origin``, with the static files and the kept pages before them."""
    bounded = SmallBodies(pages, LARGEST_BODY, BODY_SECONDS)
    return Addressed(Static(PageCache(bounded, network_version)), origin)


class Addressed:
    """Gives every request the scheme and host of ``origin``, so that no link is ever built from what a caller wrote."""

    def __init__(self, application: Application, origin: str) -> None:
        self._application = application
        parts = urlsplit(origin)
        self._scheme, self._host = parts.scheme, parts.netloc.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"host", self._host), *((name, value) for name, value in scope["headers"] if name != b"host")]
        await self._application({**scope, "scheme": self._scheme, "headers": headers}, receive, send)


@dataclass(frozen=True)
class File:
    """A static file in memory. ``packed``: the same as gzip, or nothing where that is hardly smaller."""

    kind: bytes
    content: bytes
    packed: bytes

    @classmethod
    def of(cls, name: str, content: bytes) -> File:
        """The file called ``name``."""
        kind = _type_of(name)
        packed = pack(content) if is_text(kind) else b""
        return cls(kind, content, packed if len(packed) < 0.9 * len(content) else b"")


class Static:
    """Answers ``/static/<digest>/NAME`` from memory; everything else is for ``application``."""

    def __init__(self, application: Application) -> None:
        self._application = application
        prefix = f"{settings.STATIC_URL}{digest()}/"
        self._files = {prefix + name: File.of(name, file.read_bytes()) for name, file in static_files()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._files.get(scope["path"])
        if found is None or scope["method"] not in ("GET", "HEAD"):
            await self._application(scope, receive, send)
            return
        packed = bool(found.packed) and takes_gzip(scope)
        content = found.packed if packed else found.content
        headers: Headers = [
            (b"content-type", found.kind),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", _FOR_GOOD),
            (b"x-content-type-options", b"nosniff"),
            (b"vary", b"Accept-Encoding"),
        ]
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _type_of(name: str) -> bytes:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind in ("application/javascript", "image/svg+xml")
    return f"{kind}; charset=utf-8".encode() if text else kind.encode()
