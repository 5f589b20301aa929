"""Answers made smaller on the way (gzip), where that tells nobody anything.

Who can choose a part of a page and see the length of what travels can guess the rest of it, letter by letter (BREACH).
So a page with what a caller chose, which may stand beside what only the reader may see, travels as it is: any request
with a query or a body, and any answer that sets a cookie. Pages that are the same for everybody hold no secret.
"""

from __future__ import annotations

import gzip

from jazari.federation.http import Application, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
LEAST_BYTES = 500
"""Less than this is one packet either way."""
_LEVEL = 6
_KINDS = (b"text/", b"application/json", b"application/javascript", b"image/svg+xml")


def takes_gzip(scope: Scope) -> bool:
    """Whether the caller says that it reads gzip, and does not take it back with ``q=0``."""
    headers: Headers = list(scope["headers"])
    for name, value in headers:
        if name == b"accept-encoding":
            for choice in value.lower().split(b","):
                coding, _, weight = choice.replace(b" ", b"").partition(b";q=")
                if coding == b"gzip":
                    return weight.strip(b"0.") != b"" or weight == b""
    return False


def is_text(kind: bytes) -> bool:
    """Whether a content type is worth packing; pictures and fonts are packed already."""
    return kind.startswith(_KINDS)


def pack(content: bytes) -> bytes:
    """``content`` as gzip, the same bytes at every time."""
    return gzip.compress(content, _LEVEL, mtime=0)


def header(headers: Headers, wanted: bytes) -> bytes:
    """The value of a header (its name in small letters), or nothing."""
    return next((value for name, value in headers if name.lower() == wanted), b"")


def without(headers: Headers, *names: bytes) -> Headers:
    """``headers`` without some of them."""
    return [(name, value) for name, value in headers if name.lower() not in names]


def with_vary(headers: Headers, *fields: str) -> Headers:
    """``headers`` with ``fields`` added to what the answer varies by."""
    said = [field.strip() for field in header(headers, b"vary").decode("latin-1").split(",") if field.strip()]
    known = {field.lower() for field in said}
    said += [field for field in fields if field.lower() not in known]
    return [*without(headers, b"vary"), (b"vary", ", ".join(said).encode("latin-1"))]


class Packed:
    """Packs whole answers of ``application`` that may be, and lets no answer without a rule of its own be kept."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        may_pack = scope["method"] == "GET" and not scope["query_string"] and takes_gzip(scope)
        await self._application(scope, receive, Packing(send, may_pack))


class Packing:
    """Holds the head of an answer until its first part shows whether that is all."""

    def __init__(self, send: Send, may_pack: bool = False) -> None:
        self._send = send
        self._may_pack = may_pack
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            if not header(headers, b"cache-control"):
                headers.append((b"cache-control", b"private, no-cache"))
            self._head = {**message, "headers": with_vary(headers, "Accept-Encoding")}
            return
        if self._head is not None:
            head, self._head = self._head, None
            if self._is_worth(head, message):
                message = {**message, "body": pack(message["body"])}
                head["headers"] = _as_packed(head["headers"], len(message["body"]))
            await self._send(head)
        await self._send(message)

    def _is_worth(self, head: Message, first: Message) -> bool:
        headers = head["headers"]
        return (
            self._may_pack
            and head["status"] == 200
            and not first.get("more_body")
            and len(first.get("body", b"")) >= LEAST_BYTES
            and is_text(header(headers, b"content-type"))
            and not header(headers, b"set-cookie")
            and not header(headers, b"content-encoding")
        )


def _as_packed(headers: Headers, length: int) -> Headers:
    """A weak tag stays: it is of what is read, and not of the bytes that travel."""
    kept = without(headers, b"content-length")
    kept = [(name, value) for name, value in kept if name.lower() != b"etag" or value.startswith(b"W/")]
    return [*kept, (b"content-length", str(length).encode()), (b"content-encoding", b"gzip")]
