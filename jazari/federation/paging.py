"""Lists of the public API in parts: ``items`` and ``next``, the address of what follows, or null.

Most are in pages: ``limit`` and ``offset`` in, and ``total`` out.

class Items(Listed):
    items: list[Item]

@router.get("items", auth=everybody, response=Items)
def items(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    return listed(request, paging, rows, total)

What grows while it is read, and is looked through from its end, goes on below a number: ``limit`` and ``before`` in
(``Trail``, ``trail``).
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

MOST_IN_A_PAGE = 200
LAST_OFFSET = 1_000_000


class Paging(Schema):
    """Which part of a list is wanted."""

    limit: int = Field(50, ge=1, le=MOST_IN_A_PAGE, description="How many at most.")
    offset: int = Field(0, ge=0, le=LAST_OFFSET, description="How many of the first to leave out.")


class Followed(Schema):
    """What every list says besides its ``items``. ``next``: the address of what follows, or null."""

    next: str | None


class Listed(Followed):
    """``total`` counts all."""

    total: int


class Trail(Followed):
    """The newest first, out of a bounded part that is looked through at once: no ``items`` may come with a ``next``."""


def listed(request: HttpRequest, paging: Paging, items: list[Any], total: int) -> dict[str, Any]:
    """The answer with the ``items`` from ``paging.offset`` on; ``total`` counts all."""
    following = paging.offset + paging.limit
    more = following < min(total, LAST_OFFSET + 1)
    address = _address(request, limit=paging.limit, offset=following) if more else None
    return {"items": items, "total": total, "next": address}


def trail(request: HttpRequest, items: list[Any], older: int | None) -> dict[str, Any]:
    """The answer with ``items``; ``older``: the number below which to go on, None at the end."""
    address = None if older is None else _address(request, before=older)
    return {"items": items, "next": address}


def _address(request: HttpRequest, **changes: int) -> str:
    asked = request.GET.copy()
    for name, value in changes.items():
        asked[name] = str(value)
    return f"{request.path}?{asked.urlencode()}"
