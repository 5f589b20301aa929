"""What commands, the client and (later) pages show of studies, runs and results. Reads only."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from jazari.core.errors import JazariError
from jazari.studies.cards import ResultCard
from jazari.studies.errors import RunFailed, RunNotFound, StudyNotFound, TimedOut
from jazari.studies.models import Run
from jazari.studies.operations import Here
from jazari.studies.overview import Records, Study, study_of


def studies(records: Records, now: datetime) -> list[dict[str, Any]]:
    """Every study in one line each, newest first. One that this version cannot read says so in its status."""
    return [study_line(records, record.ref, now) for record in reversed(records.of("study"))]


def study_line(records: Records, reference: str, now: datetime) -> dict[str, Any]:
    """One study in one line; ``readable`` is false for one that this version cannot read; its status says why."""
    try:
        study = study_of(records, reference)
    except JazariError as error:
        empty: dict[str, Any] = {"approved": [], "refused": [], "unanswered": []}
        return {"study": reference, "readable": False, "title": "", "status": str(error), "code": error.code, **empty}
    return {
        "study": reference,
        "readable": True,
        "title": study.text.title,
        "recipe": study.text.recipe,
        "status": study.status(now),
        "approved": study.approved,
        "refused": refusing(study),
        "unanswered": study.unanswered,
    }


def refusing(study: Study) -> list[str]:
    """The institutes that decided, and do not approve."""
    return sorted(set(study.decisions) - set(study.approved))


def study_facts(records: Records, reference: str, now: datetime) -> dict[str, Any]:
    """All about one study; raises ``StudyNotFound``."""
    study = study_of(records, reference)
    return {
        "study": reference,
        "agreement": study.agreement,
        "status": study.status(now),
        **study.text.model_dump(mode="json"),
        "decisions": [s.model_dump(mode="json") for _, s in sorted(study.decisions.items())],
        "approved": study.approved,
        "refused": refusing(study),
        "unanswered": study.unanswered,
        "runs": [{"run": run.ref, **run.card} for run in study.runs],
        "results": [result.ref for result in study.results],
    }


def run_facts(reference: str) -> dict[str, Any]:
    """Where a run stands, as this node knows it; raises ``RunNotFound``.

    ``over`` is also false for a finished run of this node whose result is not published yet.
    """
    row = Run.objects.filter(reference=reference).first()
    if row is None:
        return {"run": reference, "state": "waiting", "over": False, "sentence": "The worker has not seen it yet."}
    over = row.is_over and (row.state != Run.State.FINISHED or row.published)
    facts = {"run": reference, "study": row.study, "state": str(row.state), "round": row.round, "over": over}
    return facts | {
        "participants": row.participants,
        "answered": row.answered,
        "message": row.message,
        "permitted": row.permitted,
        "sentence": _sentence(row),
        "result": _result_of(row),
    }


def _sentence(row: Run) -> str:
    if row.state == Run.State.FINISHED:
        return f"{row.reference} has finished" + (f": {_result_of(row)}." if row.published else ", publishing it.")
    if row.is_over:
        return f"{row.reference} ended {row.state}: {row.message}"
    return f"{row.reference}: {row.state}, round {row.round}. {row.message}".strip()


def _result_of(row: Run) -> str:
    from jazari.studies.cards import result_name

    if not row.published:
        return ""
    namespace = row.reference.partition("/")[0]
    return f"{namespace}/result/{result_name(row.study, row.number)}@1"


def raise_if_failed(facts: dict[str, Any]) -> None:
    """Raise ``RunFailed`` for a run that ended without a result."""
    if facts["state"] in ("failed", "cancelled"):
        raise RunFailed(facts["sentence"])


def still_running(facts: dict[str, Any], seconds: float) -> TimedOut:
    """The error that says that a run did not end while somebody waited, and where it stands (see ``run_facts``)."""
    stands = facts["sentence"].removeprefix(f"{facts['run']}: ").rstrip(".")
    return TimedOut(f"{facts['run']} has not ended within {seconds:g} s and goes on ({stands}): watch it again.")


def result_facts(node: Here, reference: str) -> dict[str, Any]:
    """A published result with its values, whose bytes are checked against the signed record.

    Raises ``StudyNotFound``; an error of trust when the file is not what the record names.
    """
    record = node.records.get(reference)
    if record is None or record.type != "result":
        raise StudyNotFound(f"There is no result {reference[:140]!r} here: run `jazari sync` and look again.")
    card = ResultCard.model_validate(record.card)
    values = json.loads(node.file(record, "result.json").read_bytes())
    return {"result": reference, "digest": record.digest, "card": card.model_dump(mode="json"), "values": values}


def known_run(reference: str) -> Run:
    """The row of a run; raises ``RunNotFound``."""
    row = Run.objects.filter(reference=reference).first()
    if row is None:
        raise RunNotFound(f"There is no run {reference[:140]!r} here: check its name with `jazari study show`.")
    return row
