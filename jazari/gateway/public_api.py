"""The gateway as JSON.

What records say (providers, drills, the policy) is for everybody, as the records are; the node's own routes, projects,
keys, receipts and use are for those who may see the pages. Nothing is changed here: keys are made on pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AfterValidator, Field

from jazari.accounts.api_access import everybody, needs
from jazari.accounts.rules import Permission
from jazari.catalog.models import CatalogItem
from jazari.core import clock
from jazari.federation.paging import MOST_IN_A_PAGE, Listed, Paging, Trail, listed, trail
from jazari.gateway import api_documents as documents
from jazari.gateway import queries, use_queries
from jazari.gateway.authorization import ProjectFacts
from jazari.gateway.checking import explain_offline
from jazari.gateway.errors import NoSuchRoute
from jazari.gateway.pages.accounts import account_of, balances_of
from jazari.gateway.pages.home import settings_and_records
from jazari.gateway.receipt_files import find_receipt, journal_folder
from jazari.gateway.receipt_search import Wanted, search_receipts
from jazari.gateway.use import count
from jazari.gateway.words import DataClass
from jazari.settings.runtime import this_home

router = Router(tags=["gateway"])
_seers, _readers = needs(Permission.SEE_GATEWAY), needs(Permission.READ_GATEWAY)
Word = Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")]
Document = dict[str, Any]
One = TypeVar("One")


def _day(day: date) -> date:
    if not 2000 <= day.year < 2200:
        raise ValueError("a day of this century or the next")
    return day


Day = Annotated[date, AfterValidator(_day)]


class Documents(Listed):
    """A part of a list."""

    items: list[Document]


class Receipts(Trail):
    """Receipts that fit, out of a bounded part of the journal."""

    items: list[Document]


class ProjectsAsked(Paging):
    """Which projects."""

    closed: bool = Field(False, description="Also those that were closed.")


class KeysAsked(Paging):
    """Which keys."""

    project: Word = Field("", description="Only those of this project.")
    over: bool = Field(False, description="Also those that are over for good.")


class ReceiptsAsked(Schema):
    """Which receipts."""

    project: Word = Field("", description="Only those of calls of this project.")
    route: Word = Field("", description="Only those of calls by this route.")
    outcome: Word = Field("", description="Only those of calls that ended so, e.g. `answered` or `refused`.")
    since: date | None = Field(None, description="The first day.")
    until: date | None = Field(None, description="The last day.")
    before: int | None = Field(
        None, ge=1, le=2**53, description="The line of the journal below which to look; `next` names it."
    )
    limit: int = Field(50, ge=1, le=MOST_IN_A_PAGE, description="How many at most.")


class UseAsked(Schema):
    """Which days, and whose use."""

    since: Day | None = Field(None, description="The first day; 30 days before the last one if left out.")
    until: Day | None = Field(None, description="The last day; today if left out.")
    project: Word = Field("", description="Only the use by this project.")
    route: Word = Field("", description="Only the use of this route.")


@router.get("providers", auth=everybody, response=Documents, summary="Published providers")
def providers(request: HttpRequest, asked: Query[Paging]) -> Document:
    """Published providers: what issuers attest about who computes where, the newest first."""
    return _published(request, asked, _standing("provider"))


@router.get("drills", auth=everybody, response=Documents, summary="Published drills")
def drills(request: HttpRequest, asked: Query[Paging]) -> Document:
    """Published drills: providers cut off on purpose, and what that did, the newest first."""
    return _published(request, asked, _standing("drill"))


@router.get("policy", auth=everybody, response=Documents, summary="Residency policies of this node")
def policy(request: HttpRequest, asked: Query[Paging]) -> Document:
    """This node's own residency policies, the newest version of each."""
    return _published(request, asked, _standing("residency").filter(namespace=this_home().namespace))


@router.get("routes", auth=_seers, response=Documents, summary="Routes of this node")
def routes(request: HttpRequest, asked: Query[Paging]) -> Document:
    """Routes of this node: who may answer, for which data, at what price."""
    _home, config, known = settings_and_records()
    return _part(request, asked, list(config.route), lambda alias: documents.route_document(alias, config, known))


@router.get("routes/{alias}/explanation", auth=_seers, response=Document, summary="Where a call would go, and why")
def explanation(request: HttpRequest, alias: Word, data_class: DataClass) -> Document:  # noqa: ARG001
    """Why a call by a route would go where, by settings and signed records."""
    _home, config, known = settings_and_records()
    if alias not in config.route:
        raise NoSuchRoute(f"There is no route {alias[:64]!r} here: ask for the list of routes.")
    found = explain_offline(alias, config.route[alias], config, known, data_class)
    return documents.explanation_document(found, known, data_class)


@router.get("projects", auth=_readers, response=Documents, summary="Projects")
def projects(request: HttpRequest, asked: Query[ProjectsAsked]) -> Document:
    """Projects and their credits."""
    state = balances_of(this_home())

    def document(one: ProjectFacts) -> Document:
        return documents.project_document(one, account_of(state, one.name, one.granted))

    return _part(request, asked, queries.list_projects(closed=asked.closed), document)


@router.get("projects/{name}", auth=_readers, response=Document, summary="One project")
def project(request: HttpRequest, name: Word) -> Document:  # noqa: ARG001  ninja's form
    """One project with its grants and keys."""
    found, grants = queries.find_project(name), queries.list_grants(name)
    account = account_of(balances_of(this_home()), found.name, sum(one.amount for one in grants))
    return documents.whole_project_document(found, grants, account, queries.list_keys(found.name, over=True))


@router.get("keys", auth=_readers, response=Documents, summary="Keys")
def keys(request: HttpRequest, asked: Query[KeysAsked]) -> Document:
    """Keys: what each is for; never the keys themselves, which are kept nowhere."""
    return _part(request, asked, queries.list_keys(asked.project, over=asked.over), queries.key_facts)


@router.get("receipts", auth=_readers, response=Receipts, summary="Receipts")
def receipts(request: HttpRequest, asked: Query[ReceiptsAsked]) -> Document:
    """Receipts that fit, the newest first, out of a bounded part of the journal."""
    wanted = Wanted(asked.project, asked.route, asked.outcome, asked.since, asked.until)
    found = search_receipts(journal_folder(this_home().path), wanted, asked.before, asked.limit)
    rows = [one.model_dump(mode="json") for _line, one in found.receipts]
    return trail(request, rows, found.older)


@router.get("receipts/{call}", auth=_readers, response=Document, summary="One receipt")
def receipt(request: HttpRequest, call: Word) -> Document:  # noqa: ARG001  ninja's form
    """One receipt with its proof and anchor."""
    return find_receipt(journal_folder(this_home().path), call).document()


@router.get("use", auth=_readers, response=Document, summary="Use")
def use(request: HttpRequest, asked: Query[UseAsked]) -> Document:  # noqa: ARG001  ninja's form
    """Use by day, project, and route; of 366 days at most."""
    until = asked.until or clock.now().date()
    since = max(asked.since or until - timedelta(days=29), until - timedelta(days=use_queries.LONGEST - 1))
    period = use_queries.Period(min(since, until), until, asked.project, asked.route)
    counted = count(this_home())
    return documents.use_document(period, counted)


def _standing(kind: str) -> QuerySet[CatalogItem]:
    rows = CatalogItem.objects.filter(type=kind, is_latest=True, withdrawn_by="", problem="")
    return rows.order_by("-published", "ref")


def _published(request: HttpRequest, asked: Paging, rows: QuerySet[CatalogItem]) -> Document:
    shown = rows[asked.offset : asked.offset + asked.limit]
    return listed(request, asked, [documents.record_document(item) for item in shown], rows.count())


def _part(request: HttpRequest, asked: Paging, found: Sequence[One], document: Callable[[One], Document]) -> Document:
    shown = found[asked.offset : asked.offset + asked.limit]
    return listed(request, asked, [document(one) for one in shown], len(found))
