"""Telling the people of this node what happened to studies: what waits for them, who decided, which runs ended.

Each record and each run is looked at once, whoever fetched it; what is older than ``notices.NEWS_DAYS`` is no news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from jazari.accounts import notices
from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies.decisions import ApprovalCard
from jazari.studies.listing import waits
from jazari.studies.models import Run
from jazari.studies.operations import Here
from jazari.studies.overview import study_of
from jazari.trust.records import Record

WAITS, DECIDED, ENDED = "study-waits", "study-decided", "run-ended"


def tell(here: Here) -> bool:
    """Tell what is new; whether anything was looked at."""
    return any([_tell_what_waits(here), _tell_decisions(here), tell_ends(here.namespace)])


def tell_ends(namespace: str) -> bool:
    """Tell researchers of the runs that ``namespace`` recorded and that are over; a finished one with its result."""
    rows = Run.objects.filter(reference__startswith=f"{namespace}/", ended__gt=notices.news_since())
    over = [row.reference for row in rows if row.is_over and (row.state != Run.State.FINISHED or row.published)]
    new = sorted(set(over) - notices.told(ENDED))
    return any([notices.notify_once(run, Role.RESEARCHER, ENDED, run, page(run)) for run in new])


def page(reference: str, tail: str = "") -> str:
    """The path of the page of a study or a run. The worker has no addresses of pages to look it up in."""
    parsed = RecordRef.parse(reference)
    return f"/studies/{parsed.type}/{parsed.namespace}/{parsed.name}/{parsed.version}/{tail}"


def _tell_what_waits(here: Here) -> bool:
    def tell_one(record: Record) -> bool:
        asked = _or_false(lambda: waits(here.records, record, here.namespace, clock.now()))
        role = Role.DATA_STEWARD if asked else None
        return notices.notify_once(record.ref, role, WAITS, record.ref, page(record.ref, "decide/"))

    return any([tell_one(record) for record in _new(here.records.of("study"), WAITS)])


def _tell_decisions(here: Here) -> bool:
    def tell_one(record: Record) -> bool:
        study = str(record.card.get("statement", {}).get("study", ""))
        mine = study.startswith(f"{here.namespace}/") and _or_false(lambda: _counts(here, record))
        if not mine:
            return notices.notify_once(record.ref, None, DECIDED)
        return notices.notify_once(record.ref, Role.RESEARCHER, DECIDED, f"{study} ({record.namespace})", page(study))

    return any([tell_one(record) for record in _new(here.records.of("approval"), DECIDED)])


def _counts(here: Here, record: Record) -> bool:
    """Whether ``record`` is a decision that stands: signed by the steward, and not replaced since."""
    study = ApprovalCard.model_validate(record.card).statement.study
    return record.ref in study_of(here.records, study).approvals.values()


def _or_false(check: Callable[[], bool]) -> bool:
    """What ``check`` says; no for a study that this version cannot read."""
    try:
        return check()
    except JazariError:
        return False


def _new(records: Iterable[Record], kind: str) -> list[Record]:
    since: datetime = notices.news_since()
    told = notices.told(kind)
    return [record for record in records if record.published > since and record.ref not in told]
