"""The audit trail as JSON, for those who may read it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from jazari.accounts.api_access import MADE_ANEW, needs
from jazari.accounts.rules import Permission
from jazari.federation.paging import MOST_IN_A_PAGE, Trail, trail
from jazari.governance import queries
from jazari.governance.models import AuditEntry
from jazari.governance.rules import LONGEST_NAME
from jazari.governance.verification import known_checkpoints, last_result, verify_part
from jazari.settings.runtime import this_home

router = Router(tags=["audit"])
_readers = needs(Permission.READ_AUDIT)
Word = Annotated[str, Field(max_length=LONGEST_NAME, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Field(ge=1, le=2**53)]


class EntryOut(Schema):
    """One entry; ``detail`` is the text that was hashed, ``hash`` covers all fields before it."""

    seq: int
    moment: str
    kind: str
    actor: str
    subject: str
    detail: str
    event_id: str | None
    previous_hash: str
    hash: str


class EntriesOut(Trail):
    """Entries that fit."""

    items: list[EntryOut]


class EntriesAsked(Schema):
    """As the page of search."""

    kind: Word = Field("", description="Only entries of this kind, or of those that begin with it and a dot.")
    actor: Word = Field("", description="Only what this actor did, e.g. `person:7`.")
    subject: Word = Field("", description="Only entries whose subject holds this.")
    since: date | None = Field(None, description="The first day.")
    until: date | None = Field(None, description="The last day.")
    before: Number | None = Field(None, description="The number below which to look; `next` names it.")
    limit: int = Field(50, ge=1, le=MOST_IN_A_PAGE, description="How many at most.")


class ProblemOut(Schema):
    """One thing that is wrong."""

    trouble: str
    seq: int
    message: str


class VerifiedOut(Schema):
    """What was checked, when, with how many published checkpoints, and what is wrong."""

    first: int
    last: int
    total: int
    moment: str
    checkpoints: int
    checkpoint: int
    problems: list[ProblemOut]


class VerificationOut(Schema):
    """``part``: verified by this call; ``whole``: what the worker found last, null before its first time."""

    part: VerifiedOut
    whole: VerifiedOut | None


@router.get("entries", auth=_readers, response=EntriesOut, summary="Search the audit trail")
def entries(request: HttpRequest, asked: Query[EntriesAsked]) -> dict[str, Any]:
    """Entries that fit, out of a bounded number that is looked through."""
    wanted = queries.Asked(asked.kind, asked.actor, asked.subject, asked.since, asked.until)
    found = queries.search_entries(wanted, asked.before, asked.limit)
    rows = [asdict(row.as_entry()) for row in found.entries]
    return trail(request, rows, found.older)


@router.get("entries/{number}", auth=_readers, response=EntryOut, summary="One entry")
def entry(request: HttpRequest, number: Number) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """One entry by its number."""
    row = AuditEntry.objects.filter(seq=number).first()
    if row is None:
        raise Http404
    return asdict(row.as_entry())


@router.get(
    "verification",
    auth=_readers,
    response=VerificationOut,
    summary="Verify the trail",
    openapi_extra={MADE_ANEW: True},
)
def verification(
    request: HttpRequest,  # noqa: ARG001  ninja names it
    response: HttpResponse,
    first: Annotated[int, Query(1, ge=1, le=2**53, description="The number of the entry to begin with.")],
) -> dict[str, Any]:
    """Verify a bounded part from entry `first` on, and tell what is known of the whole."""
    response["Cache-Control"] = "no-store"
    home = this_home()
    whole = last_result(home)
    part = verify_part(first, known_checkpoints(home))
    return {"part": asdict(part), "whole": asdict(whole) if whole else None}
