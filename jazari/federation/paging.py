"""Lists of the public API in pages: ``limit`` and ``offset`` in, ``items``, ``total`` and ``next`` out.

class Items(Listed):
    items: list[Item]

@router.get("items", auth=everybody, response=Items)
def items(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    return listed(request, paging, rows, total)
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


class Listed(Schema):
    """What every list says besides its ``items``. ``next``: the address of what follows, or null."""

    total: int
    next: str | None


def listed(request: HttpRequest, paging: Paging, items: list[Any], total: int) -> dict[str, Any]:
    """The answer with the ``items`` from ``paging.offset`` on; ``total`` counts all."""
    following = paging.offset + paging.limit
    address = None
    if following < min(total, LAST_OFFSET + 1):
        asked = request.GET.copy()
        asked["limit"], asked["offset"] = str(paging.limit), str(following)
        address = f"{request.path}?{asked.urlencode()}"
    return {"items": items, "total": total, "next": address}
