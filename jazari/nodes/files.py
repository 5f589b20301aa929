"""Public files over HTTP: what the Root or a mirror serves, with Range, and nothing beside it.

A file is opened once and measured through that descriptor, so that length and content belong together even
when a publication replaces or extends it while we send.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PIECE = 256 * 1024
_FOLDERS = ("metadata", "targets")
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


@dataclass(frozen=True)
class Span:
    """Bytes ``first`` to ``last``, both included, of a file of ``size`` bytes."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1


def file_routes(prefix: str, folder: Path) -> list[Route]:
    """``prefix/metadata/...`` and ``prefix/targets/...`` from ``folder``, for GET and HEAD."""

    async def serve(request: Request) -> Response:
        file = await run_in_threadpool(open_public, folder, request.path_params["path"])
        if file is None:
            return JSONResponse({"error": {"code": "nodes.no-such-file", "message": "There is no such file."}}, 404)
        return _response(request, file)

    return [Route(f"{prefix}/{{path:path}}", serve, methods=["GET", "HEAD"])]


def open_public(folder: Path, name: str) -> BinaryIO | None:
    """The regular file called ``name`` below ``folder``, open, or None: no ``..``, no hidden file, no link."""
    parts = name.split("/")
    if parts[0] not in _FOLDERS or any(not part or part.startswith(".") or "\0" in part for part in parts):
        return None
    path = folder.joinpath(*parts)
    try:
        if path.resolve(strict=True) != folder.resolve().joinpath(*parts):
            return None
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    return None


def parse_range(header: str, size: int) -> Span | None:
    """The span that a ``Range`` header asks for; None means all of it (absent, odd or several ranges).

    Raises ``ValueError`` when the range lies outside the file (416).
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    if start > end or start >= size:
        raise ValueError(header)
    return Span(start, end, size)


def _response(request: Request, file: BinaryIO) -> Response:
    facts = os.fstat(file.fileno())
    tag = f'"{facts.st_ino:x}-{facts.st_size:x}-{facts.st_mtime_ns:x}"'
    headers = {"accept-ranges": "bytes", "etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        file.close()
        return Response(status_code=304, headers=headers)
    try:
        span = _wanted(request, facts.st_size, tag)
    except ValueError:
        file.close()
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{facts.st_size}"})
    return _stream(request, file, span or Span(0, facts.st_size - 1, facts.st_size), span is not None, headers)


def _wanted(request: Request, size: int, tag: str) -> Span | None:
    if request.headers.get("if-range", tag) != tag:
        return None
    return parse_range(request.headers.get("range", ""), size)


def _stream(request: Request, file: BinaryIO, span: Span, partial: bool, headers: dict[str, str]) -> Response:
    headers["content-length"] = str(span.length)
    if partial:
        headers["content-range"] = f"bytes {span.first}-{span.last}/{span.size}"
    status, kind = 206 if partial else 200, "application/octet-stream"
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=headers, media_type=kind)
    return StreamingResponse(_pieces(file, span), status, headers, kind)


async def _pieces(file: BinaryIO, span: Span) -> AsyncIterator[bytes]:
    left = span.length
    try:
        file.seek(span.first)
        while left > 0:
            piece = await run_in_threadpool(file.read, min(PIECE, left))
            if not piece:
                return  # the file was cut: the connection breaks, and the reader asks for the rest
            left -= len(piece)
            yield piece
    finally:
        file.close()
