"""What a node can show of a run: what the Root counted, what this institute did itself, what was attested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jazari.governance.queries import find_entries
from jazari.studies.cards import RunCard, run_id
from jazari.studies.errors import RunNotFound
from jazari.studies.models import Run
from jazari.studies.notebook import Notebook
from jazari.studies.operations import Here
from jazari.studies.overview import study_of
from jazari.studies.queries import run_facts
from jazari.studies.run_folder import RunFolder
from jazari.trust.records import Record

MOST_REFUSALS = 50


def run_record(here: Here, reference: str) -> Record:
    """The verified record of a run; raises ``RunNotFound``."""
    record = here.records.get(reference)
    if record is None or record.type != "run":
        raise RunNotFound(f"There is no run {reference[:140]!r} here: check its name on the page of its study.")
    return record


def run_view(here: Here, reference: str) -> dict[str, Any]:
    """All that is known here of a run; raises ``RunNotFound`` or what ``study_of`` raises."""
    record = run_record(here, reference)
    card = RunCard.model_validate(record.card)
    study = study_of(here.records, card.study)
    row = Run.objects.filter(reference=reference).first()
    facts = run_facts(reference) | {"study": card.study, "title": study.text.title, "number": card.number}
    withdrawn = here.records.is_withdrawn(reference)
    return facts | {
        "max_rounds": study.text.max_rounds,
        "recipe": study.text.recipe,
        "round": row.round if row else 0,
        "message": row.message if row else "",
        "withdrawn": withdrawn,
        "is_over": bool(row and row.is_over),
        "institutes": _institutes(here, record, card, row),
        "own": _own(here, card, reference, row),
        "result": facts.get("result") or _result(study.results, reference),
    }


def _institutes(here: Here, record: Record, card: RunCard, row: Run | None) -> list[dict[str, Any]]:
    run = run_id(record.ref)
    counted = _counted(here, run)
    attested = {r.namespace: r.card["transcript"] for r in here.records.of("attestation", name=run)}
    answered = row.answered if row else {}
    dropped = (row.outcome or {}).get("dropped", {}) if row else {}
    return [
        {"name": name, "answers": counted.get(name), "last": answered.get(name, ""),
         "attested": attested.get(name, ""), "dropped": dropped.get(name)}
        for name in sorted(card.participants)
    ]  # fmt: skip


def _counted(here: Here, run: str) -> dict[str, int]:
    """At the Root: how many answers with sums each institute has sent. Empty elsewhere."""
    folder = here.engine_folder / "runs" / run
    if not (folder / "order.json").exists():
        return {}
    return {
        name: sum(path.suffix == ".answer" for path in paths) for name, paths in RunFolder(folder).answers().items()
    }


def _own(here: Here, card: RunCard, reference: str, row: Run | None) -> Mapping[str, Any] | None:
    """At an institute that takes part: what its guard let out, and what it refused. None elsewhere."""
    if here.namespace not in card.participants:
        return None
    run = run_id(reference)
    notebook = Notebook(here.engine_folder, run)
    refusals = find_entries(kind="studies.guard-refused", subject=run, limit=MOST_REFUSALS)
    return {
        "permitted": row.permitted if row else None,
        "passed": notebook.answered(),
        "totals": notebook.totals(),
        "refused": len(refusals),
        "codes": sorted({str(entry.detail.get("code", "")) for entry in refusals}),
        "ended": notebook.has_ended(),
        "attested": bool(row and row.attested),
    }


def _result(results: tuple[Record, ...], reference: str) -> str:
    return next((r.ref for r in results if r.card["provenance"]["run"] == reference), "")
