"""The catalogue as JSON for anybody: a router, which the node's API mounts under ``/api/v1/catalogue``.

Reads only. Errors are ``JazariError``, which the API that mounts this turns into answers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema
from pydantic import AfterValidator, Field

from jazari.accounts.api_access import MADE_ANEW, everybody
from jazari.catalog import queries
from jazari.catalog.asking import MOST_CHOSEN
from jazari.catalog.facets import FACETS
from jazari.catalog.lineage import lineage_of
from jazari.catalog.models import CatalogItem
from jazari.catalog.normalise import LONGEST_QUERY
from jazari.catalog.queries import MOST_RANKED
from jazari.catalog.verifying import verify_item
from jazari.federation.paging import Listed, Paging, listed
from jazari.settings.runtime import this_home

router = Router(tags=["catalogue"])
_MOST_COUNTED = 100
Values = Annotated[list[str], Field(max_length=MOST_CHOSEN)]


class Summary(Schema):
    """An item in a list. ``title`` and ``summary`` by language (``und``: not said)."""

    ref: str
    kind: str
    institute: str
    version: int
    published: datetime
    digest: str
    title: dict[str, str]
    summary: dict[str, str]
    latest: bool
    withdrawn_by: str | None
    problem: str | None


class FileFacts(Schema):
    """A file as it was signed."""

    name: str
    sha256: str
    size: int
    media_type: str


class Item(Summary):
    """One item whole: its card and files. ``number``: its place in the institute's log, from 1."""

    number: int
    withdrawn_reason: dict[str, str] | None
    card: dict[str, Any] | None
    files: list[FileFacts]


class Count(Schema):
    """How many of the counted hits have a value."""

    value: str
    count: int


class Found(Listed):
    """A part of the hits. ``total`` counts all, or the newest ones that are ranked where ``more`` is true."""

    more: bool
    items: list[Summary]
    facets: dict[str, list[Count]]


class Versions(Listed):
    """Versions of one record."""

    items: list[Summary]


def _in_order(offset: int) -> int:
    if offset > MOST_RANKED:
        raise ValueError(
            f"only the newest {MOST_RANKED} hits are put in order: leave out at most these, or narrow the search."
        )
    return offset


class Asked(Paging):
    """The same words and facets as the page of search; several values of one facet mean any of them."""

    offset: Annotated[int, AfterValidator(_in_order)] = Field(
        0,
        ge=0,
        description=f"How many of the first to leave out. Only the newest {MOST_RANKED} hits are put in order: where "
        "`more` is true, narrow the search to see others.",
        json_schema_extra={"maximum": MOST_RANKED},
    )
    q: str = Field("", max_length=LONGEST_QUERY, description="Words, in any language.")
    kind: Values = Field(default_factory=list, description="Only records of these types.")
    institute: Values = Field(default_factory=list, description="Only those of these institutes.")
    region: Values = Field(default_factory=list, description="Only those of these regions, by code, e.g. MA-04.")
    sector: Values = Field(default_factory=list, description="Only those of these sectors.")
    language: Values = Field(default_factory=list, description="Only those in these languages.")
    licence: Values = Field(default_factory=list, description="Only those under these licences.")
    sort: queries.Sort = Field(
        "best", description="`best`: those with all words in the title before the others, each the newest first."
    )
    titles: Literal["fr", "ar", "zgh", "en"] = Field("fr", description="By the titles in which language to sort.")


class Address(Schema):
    """What names the versions of a record."""

    institute: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]

    @property
    def series(self) -> str:
        """``<institute>/<kind>/<name>``."""
        return f"{self.institute}/{self.kind}/{self.name}"


class VersionAddress(Address):
    """What names one version of a record."""

    version: int = Field(ge=1, le=999_999_999)

    @property
    def ref(self) -> str:
        """``<institute>/<kind>/<name>@<version>``."""
        return f"{self.series}@{self.version}"


class Provenance(Schema):
    """``before``: what the item rests on; ``after``: what rests on it; ``edges`` from what came first.

    ``missing``: named by its card and not here. ``cut``: there is more than is told.
    """

    before: list[Summary]
    after: list[Summary]
    missing: list[str]
    edges: list[tuple[str, str]]
    cut: bool


class StepFacts(Schema):
    """One step of a verification; ``passed`` is null where an earlier one failed."""

    name: str
    passed: bool | None
    facts: dict[str, Any]
    problem: str


class Verification(Schema):
    """What was verified just now, from this node's own copy of the network."""

    ref: str
    ok: bool
    as_of: datetime
    steps: list[StepFacts]


@router.get("", response=Found, auth=everybody, operation_id="list_catalogue", summary="Search the catalogue")
def list_items(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """Search, with facets counted among the hits."""
    chosen = {name: values for name in FACETS if (values := getattr(asked, name))}
    page = queries.search(
        asked.q, narrow=chosen, sort=asked.sort, language=asked.titles, offset=asked.offset, limit=asked.limit
    )
    counts = {
        name: [{"value": value, "count": count} for value, count in found[:_MOST_COUNTED]]
        for name, found in page.facets.items()
    }
    answer = listed(request, asked, [_summary(item) for item in page.items], page.total)
    return answer | {"more": page.more, "facets": counts}


@router.get(
    "{institute}/{kind}/{name}",
    response=Item,
    auth=everybody,
    operation_id="latest_of_catalogue",
    summary="The latest version of a record",
)
def latest(request: HttpRequest, address: Path[Address]) -> dict[str, Any]:  # noqa: ARG001
    """The latest version of a record."""
    return _item(queries.get_item(address.series))


@router.get(
    "{institute}/{kind}/{name}/versions",
    response=Versions,
    auth=everybody,
    operation_id="catalogue_versions",
    summary="All versions of a record",
)
def versions(request: HttpRequest, address: Path[Address], paging: Query[Paging]) -> dict[str, Any]:
    """All versions, the newest first."""
    newest = queries.get_item(address.series)
    rows = CatalogItem.objects.filter(series=newest.series).order_by("-version")
    shown = [_summary(item) for item in rows[paging.offset : paging.offset + paging.limit]]
    return listed(request, paging, shown, rows.count())


@router.get(
    "{institute}/{kind}/{name}/{version}",
    response=Item,
    auth=everybody,
    operation_id="catalogue_item",
    summary="One version of a record",
)
def one(request: HttpRequest, address: Path[VersionAddress]) -> dict[str, Any]:  # noqa: ARG001
    """One version of a record."""
    return _item(queries.get_item(address.ref))


@router.get(
    "{institute}/{kind}/{name}/{version}/record",
    response=Any,
    auth=everybody,
    operation_id="catalogue_record",
    summary="The signed record",
)
def signed_record(request: HttpRequest, address: Path[VersionAddress]) -> HttpResponse:  # noqa: ARG001
    """The signed record, byte for byte as its line in the log."""
    content = queries.get_item(address.ref).record.encode()
    return HttpResponse(content, content_type="application/json")


@router.get(
    "{institute}/{kind}/{name}/{version}/provenance",
    response=Provenance,
    auth=everybody,
    operation_id="catalogue_provenance",
    summary="Where a record comes from, and what came of it",
)
def provenance(request: HttpRequest, address: Path[VersionAddress]) -> dict[str, Any]:  # noqa: ARG001
    """What the record rests on and what rests on it, a few steps both ways."""
    lineage = lineage_of(queries.get_item(address.ref))
    return {
        "before": [_summary(item) for item in lineage.before],
        "after": [_summary(item) for item in lineage.after],
        "missing": lineage.missing,
        "edges": lineage.edges,
        "cut": lineage.cut,
    }


@router.get(
    "{institute}/{kind}/{name}/{version}/verify",
    response=Verification,
    auth=everybody,
    operation_id="verify_catalogue_item",
    summary="Verify a record now",
    openapi_extra={MADE_ANEW: True},
)
def verify(
    request: HttpRequest,  # noqa: ARG001  ninja names it
    response: HttpResponse,
    address: Path[VersionAddress],
) -> dict[str, Any]:
    """Verify the record now, step by step, from the pinned root to its files."""
    response["Cache-Control"] = "no-store"
    proof = verify_item(this_home(), queries.get_item(address.ref))
    steps = [{"name": s.name, "passed": s.passed, "facts": s.facts, "problem": s.problem} for s in proof.steps]
    return {"ref": proof.ref, "ok": proof.ok, "as_of": proof.as_of, "steps": steps}


def _summary(item: CatalogItem) -> dict[str, Any]:
    return {
        "ref": item.ref,
        "kind": item.type,
        "institute": item.namespace,
        "version": item.version,
        "published": item.published,
        "digest": item.digest,
        "title": item.title,
        "summary": item.summary,
        "latest": item.is_latest,
        "withdrawn_by": item.withdrawn_by or None,
        "problem": item.problem or None,
    }


def _item(item: CatalogItem) -> dict[str, Any]:
    """An unreadable card is left out: its signed record holds it, for whoever can read it."""
    record = item.as_record()
    return _summary(item) | {
        "number": item.number,
        "withdrawn_reason": item.withdrawn_reason or None,
        "card": None if item.problem else record.card,
        "files": [file.model_dump() for file in record.files],
    }
