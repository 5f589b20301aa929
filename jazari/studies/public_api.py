"""Studies, runs and results as JSON, for the portal's public API: what its pages show, typed and paged.

What is published is open to everybody. Where a run stands is for who may follow runs.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from jazari.accounts.api_access import everybody, needs
from jazari.accounts.rules import Permission
from jazari.core import clock
from jazari.federation.paging import Listed, Paging, listed
from jazari.studies import queries
from jazari.studies.listing import Show, list_studies
from jazari.studies.pages.node import reference, this_node
from jazari.studies.run_view import run_view

router = Router(tags=["studies"])


class StudyLine(Schema):
    """A study in one line; ``readable`` is false for one that this version cannot read, and ``status`` says why."""

    study: str
    readable: bool
    title: str
    recipe: str = ""
    status: str
    approved: list[str]
    refused: list[str]
    unanswered: list[str]


class Studies(Listed):
    """Some studies, newest first."""

    items: list[StudyLine]


class WhichStudies(Paging):
    """Which studies."""

    show: Show = Field(
        Show.ALL,
        description="`to-decide`: those that ask the institute of this node, which has not decided and still may.",
    )


class Decision(Schema):
    """What the steward of an institute decided and signed."""

    study: str
    agreement: str
    institute: str
    choice: str
    reason: str
    number: int
    moment: str
    mapping: str | None = None


class StudyFacts(Schema):
    """The whole text of a study, who decided what, and the references of its runs and results."""

    study: str
    agreement: str = Field(description="digest of the text: what stewards sign")
    status: str
    title: str
    purpose: str
    proposer: str
    recipe: str
    recipe_digest: str
    parameters: dict[str, Any]
    variables: list[dict[str, Any]]
    datasets: dict[str, str]
    contract: list[dict[str, Any]]
    floor: int
    largest_rows: int
    secure_aggregation: bool
    minimum_institutes: int
    max_rounds: int
    max_runs: int
    round_deadline_seconds: int
    expires: str
    decisions: list[Decision]
    approved: list[str]
    refused: list[str]
    unanswered: list[str]
    runs: list[dict[str, Any]]
    results: list[str]


class InstituteInRun(Schema):
    """An institute in a run; ``answers`` is null where this node does not count them."""

    name: str
    answers: int | None
    last: str
    attested: str
    dropped: int | None


class RunFacts(Schema):
    """Where a run stands, as this node knows it."""

    run: str
    study: str
    number: int
    state: str
    round: int
    max_rounds: int
    over: bool
    withdrawn: bool
    message: str
    institutes: list[InstituteInRun]
    result: str


class ResultFacts(Schema):
    """A result: its card with where it comes from, and its values, checked against the signed record."""

    result: str
    digest: str
    card: dict[str, Any]
    values: dict[str, Any]


@router.get("", response=Studies, auth=everybody, summary="Studies, newest first")
def get_studies(request: HttpRequest, asked: Query[WhichStudies]) -> dict[str, Any]:
    """The studies of the network that this node has verified."""
    node, now = this_node(), clock.now()
    found = list_studies(node.records, node.namespace, asked.show, now)
    shown = found[asked.offset : asked.offset + asked.limit]
    return listed(request, asked, [queries.study_line(node.records, one, now) for one in shown], len(found))


@router.get("/study/{namespace}/{name}/{version}", response=StudyFacts, auth=everybody, summary="One study")
def get_study(request: HttpRequest, namespace: str, name: str, version: int) -> dict[str, Any]:  # noqa: ARG001
    """All about one study."""
    ref = reference("study", namespace, name, version)
    return queries.study_facts(this_node().records, ref, clock.now())


@router.get("/result/{namespace}/{name}/{version}", response=ResultFacts, auth=everybody, summary="One result")
def get_result(request: HttpRequest, namespace: str, name: str, version: int) -> dict[str, Any]:  # noqa: ARG001
    """A published result with its values."""
    return queries.result_facts(this_node(), reference("result", namespace, name, version))


@router.get(
    "/run/{namespace}/{name}/{version}",
    auth=needs(Permission.FOLLOW_RUNS),
    response=RunFacts,
    summary="Where a run stands",
)
def get_run(request: HttpRequest, namespace: str, name: str, version: int) -> dict[str, Any]:  # noqa: ARG001
    """Where a run stands; for who may follow runs."""
    return run_view(this_node(), reference("run", namespace, name, version))
