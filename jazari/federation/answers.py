"""How pages answer where no template does: an error of ours as a page, and files that are made while they are sent."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render

from jazari.core.errors import JazariError
from jazari.federation.http import http_status

_TOGETHER = 50
"""Pieces that are made in one visit to a thread."""
View = Callable[..., HttpResponseBase]


def refusal(request: HttpRequest, error: JazariError) -> HttpResponse:
    """A page that says what ``error`` says, with the status that fits."""
    status = http_status(error)
    return render(request, "federation/refusal.html", {"error": error, "missing": status == 404}, status=status)


def plain_errors(view: View) -> View:
    """``view``, whose errors of ours become a page. Goes under the decorator that says who may open it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except JazariError as error:
            return refusal(request, error)

    return answer


def download(request: HttpRequest, pieces: Iterator[bytes], content_type: str, name: str) -> StreamingHttpResponse:
    """``pieces`` as a file called ``name``, made while it is sent: what is kept in memory does not grow with it.

    Between two pieces another thread may take over, so an iterator keeps no cursor of the database open.
    """
    content = _in_threads(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Given a plain iterator, Django would make the whole file before it sends the first byte.
    while some := await sync_to_async(lambda: b"".join(itertools.islice(pieces, _TOGETHER)))():
        yield some
