"""The institutes of the network, for anybody: what the board signed into the directory."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from jazari.accounts.api_access import everybody
from jazari.federation.errors import NotInDirectory
from jazari.federation.exchange import open_mirror
from jazari.federation.paging import Listed, Paging, listed
from jazari.settings.runtime import this_home
from jazari.trust.directory import DirectoryEntry

router = Router(tags=["institutes"])


class Institute(Schema):
    """A member as the board signed it. ``titles`` by language; ``status``: active or revoked."""

    namespace: str
    titles: dict[str, str]
    region: str
    url: str | None
    status: str
    admitted: datetime
    is_root: bool


class Institutes(Listed):
    """Institutes in the order of their namespaces."""

    items: list[Institute]


class Which(Paging):
    """Which institutes."""

    region: str = Field("", max_length=20, description="Only those of this region, by its code, e.g. MA-04.")
    status: str = Field("", max_length=10, description="Only those that are active, or revoked.")


@router.get("", auth=everybody, response=Institutes, summary="Institutes")
def institutes(request: HttpRequest, which: Query[Which]) -> dict[str, Any]:
    """The members of the network, from the directory that this node has verified."""
    directory = open_mirror(this_home()).directory()
    found = [
        _shown(entry, directory.root)
        for _, entry in sorted(directory.entries.items())
        if which.region in ("", entry.region) and which.status in ("", entry.status)
    ]
    return listed(request, which, found[which.offset : which.offset + which.limit], len(found))


@router.get("{namespace}", auth=everybody, response=Institute, summary="One institute")
def institute(request: HttpRequest, namespace: str) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """One member of the network."""
    directory = open_mirror(this_home()).directory()
    entry = directory.entries.get(namespace)
    if entry is None:
        raise NotInDirectory(f"No institute is called {namespace[:60]!r}: see /api/v1/institutes for those there are.")
    return _shown(entry, directory.root)


def _shown(entry: DirectoryEntry, root: str) -> dict[str, Any]:
    facts = {name: getattr(entry, name) for name in ("namespace", "titles", "region", "url", "status", "admitted")}
    return facts | {"is_root": entry.namespace == root}
