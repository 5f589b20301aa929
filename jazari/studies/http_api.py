"""What the Root tells an institute about a run, under ``/exchange/runs/``: only to those whom it concerns."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from jazari.core.identifiers import RecordRef
from jazari.federation.blocking import QUICK, run
from jazari.federation.service import current
from jazari.studies.errors import RunNotFound
from jazari.studies.models import Run

PURPOSE = "runs"
router = Router()


class RunSaid(Schema):
    """Where a run stands; ``outcome`` once it has finished."""

    reference: str
    state: str
    round: int
    message: str
    answered: dict[str, str]
    outcome: dict[str, Any] | None


@router.get("{namespace}/{name}/{version}", response=RunSaid)
async def get_run(request: HttpRequest, namespace: str, name: str, version: int) -> dict[str, Any]:
    """The run of this record, for its proposer and its participants. Signed."""
    claim = await run(QUICK, current().authenticate, request.headers.get("Authorization", ""), PURPOSE)
    return await run(QUICK, run_for, claim.namespace, str(RecordRef(namespace, "run", name, version)))


def run_for(institute: str, reference: str) -> dict[str, Any]:
    """What ``institute`` may know of the run; ``RunNotFound`` also where it does not concern it."""
    row = Run.objects.filter(reference=reference).first()
    if row is None or (institute not in row.participants and institute != RecordRef.parse(reference).namespace):
        raise RunNotFound(f"The Root has no run {reference} of {institute}: it may not have seen the record yet.")
    return {name: getattr(row, name) for name in ("reference", "state", "round", "message", "answered", "outcome")}


def run_path(reference: str) -> str:
    """The path that answers for a run, below the Root's address."""
    ref = RecordRef.parse(reference)
    return f"/exchange/runs/{ref.namespace}/{ref.name}/{ref.version}"
