"""The list of studies in pages: which are asked for, and where each stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from jazari.studies.models import Run
from jazari.studies.overview import Records, study_of
from jazari.studies.queries import study_line
from jazari.trust.records import Record

PER_PAGE = 20


class Show(StrEnum):
    """Which studies. ``TO_DECIDE``: those that ask this institute, which has not decided and still may."""

    ALL = "all"
    TO_DECIDE = "to-decide"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(frozen=True)
class Page:
    """``lines`` as ``queries.study_line`` writes them, newest first; ``number`` counts pages from 1."""

    lines: list[dict[str, Any]]
    number: int
    pages: int
    total: int


def list_studies(records: Records, me: str, show: Show, now: datetime) -> list[str]:
    """The studies of the network that this node has verified, newest first; ``me`` is its namespace."""
    wanted = _CHOOSE[show](records, me, now)
    return [record.ref for record in reversed(records.of("study")) if wanted is None or wanted(record)]


def page_of_studies(records: Records, me: str, show: Show, number: int, now: datetime) -> Page:
    """One page of them."""
    references = list_studies(records, me, show, now)
    pages = max(1, -(-len(references) // PER_PAGE))
    number = min(max(number, 1), pages)
    shown = references[(number - 1) * PER_PAGE : number * PER_PAGE]
    return Page([study_line(records, reference, now) for reference in shown], number, pages, len(references))


def waiting_for(records: Records, me: str, now: datetime) -> list[str]:
    """The studies that ``me`` has not decided on and that may still run, oldest first."""
    return [record.ref for record in records.of("study") if waits(records, record, me, now)]


_Wanted = Callable[[Record], bool] | None


def _to_decide(records: Records, me: str, now: datetime) -> _Wanted:
    return lambda record: waits(records, record, me, now)


def waits(records: Records, record: Record, me: str, now: datetime) -> bool:
    """Whether the study in ``record`` asks ``me``, which has not decided on it and still may."""
    if me not in record.card.get("datasets", {}) or records.is_withdrawn(record.ref):
        return False
    study = study_of(records, record.ref)
    return me not in study.decisions and study.status(now) not in ("withdrawn", "expired")


def _running(_records: Records, _me: str, _now: datetime) -> _Wanted:
    rows = Run.objects.filter(state__in=(Run.State.WAITING, Run.State.RUNNING))
    return _among(rows.values_list("study", flat=True))


def _finished(records: Records, _me: str, _now: datetime) -> _Wanted:
    return _among(record.card["provenance"]["study"] for record in records.of("result"))


def _among(references: Iterable[str]) -> Callable[[Record], bool]:
    known = set(references)
    return lambda record: record.ref in known


_CHOOSE: dict[Show, Callable[[Records, str, datetime], _Wanted]] = {
    Show.ALL: lambda _records, _me, _now: None,
    Show.TO_DECIDE: _to_decide,
    Show.RUNNING: _running,
    Show.FINISHED: _finished,
}
