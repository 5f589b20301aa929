"""The audit trail as JSON, for those who may read it. ``router`` is given what guards its operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from jazari.accounts.access import Access
from jazari.accounts.rules import Permission
from jazari.governance import queries
from jazari.governance.models import AuditEntry
from jazari.governance.rules import LONGEST_NAME
from jazari.governance.verification import known_checkpoints, last_result, verify_part
from jazari.settings.runtime import this_home

Guard = Callable[[Access], Any]
"""Gives what django-ninja asks before an operation, by who may call it."""
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


class EntriesOut(Schema):
    """The newest first. All others down to number ``down_to`` do not fit; ``before``: ask for it to go on, or null."""

    entries: list[EntryOut]
    down_to: int
    before: int | None


class EntriesAsked(Schema):
    """As the page of search."""

    kind: Word = ""
    actor: Word = ""
    subject: Word = ""
    since: date | None = None
    until: date | None = None
    before: Number | None = None
    limit: int = Field(default=50, ge=1, le=200)


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


def router(guard: Guard) -> Router:
    """The operations, each with ``guard`` of who may call it."""
    made, readers = Router(tags=["audit"]), guard(Permission.READ_AUDIT)
    made.get("entries", auth=readers, response=EntriesOut, summary="Search the audit trail")(entries)
    made.get("entries/{number}", auth=readers, response=EntryOut, summary="One entry")(entry)
    made.get("verification", auth=readers, response=VerificationOut, summary="Verify the trail")(verification)
    return made


def entries(request: HttpRequest, asked: Query[EntriesAsked]) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """Entries that fit, out of a bounded number that is looked through."""
    wanted = queries.Asked(asked.kind, asked.actor, asked.subject, asked.since, asked.until)
    found = queries.search_entries(wanted, asked.before, asked.limit)
    rows = [asdict(row.as_entry()) for row in found.entries]
    return {"entries": rows, "down_to": found.down_to, "before": found.older}


def entry(request: HttpRequest, number: Number) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """One entry by its number."""
    row = AuditEntry.objects.filter(seq=number).first()
    if row is None:
        raise Http404
    return asdict(row.as_entry())


def verification(request: HttpRequest, first: Number = 1) -> dict[str, Any]:  # noqa: ARG001  ninja's form
    """Verify a bounded part from entry ``first`` on, and tell what is known of the whole."""
    home = this_home()
    whole = last_result(home)
    part = verify_part(first, known_checkpoints(home))
    return {"part": asdict(part), "whole": asdict(whole) if whole else None}
