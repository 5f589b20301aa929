"""Records and a reader of records for the tests of the catalogue, with trust's own ``Record``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from jazari.core.identifiers import RecordRef
from jazari.trust.records import Draft, FileRef, Record, make_record

START = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def dataset_card(title: str | dict[str, str] = "Sols", **changes: Any) -> dict[str, Any]:
    """A valid dataset card, with fields changed."""
    card: dict[str, Any] = {
        "title": {"fr": title} if isinstance(title, str) else title,
        "description": {"fr": "Analyses de parcelles."},
        "variables": [
            {"name": "site", "kind": "identifier"},
            {"name": "soil_ph", "kind": "numeric", "unit": "pH", "lower": 0, "upper": 14, "missing": [0.0]},
            {"name": "crop", "kind": "category", "levels": ["blé", "maïs"], "description": {"fr": "Culture"}},
        ],
        "subject": ["site"],
        "rows": 1200,
        "subjects": 400,
        "quality": [{"variable": "soil_ph", "missing": 0.25}, {"variable": "crop", "missing": 0.0}],
        "licence": {"name": "CC-BY-4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
        "terms": {"fr": "Études d'intérêt public."},
        "coverage": {"regions": ["MA-04"], "start": "2020", "end": "2024-06-30"},
    }
    return card | changes


def institute_card(title: dict[str, str], description: str = "") -> dict[str, Any]:
    """A valid institute card."""
    return {"title": title} | ({"description": {"fr": description}} if description else {})


def record(ref: str, card: dict[str, Any], *, day: int = 0, files: tuple[FileRef, ...] = ()) -> Record:
    """The record ``ref`` with ``card``, published ``day`` days after the start."""
    parsed = RecordRef.parse(ref)
    return make_record(parsed, Draft(parsed.type, parsed.name, card), START + timedelta(days=day), files)


def withdrawal(namespace: str, target: str, name: str = "retrait", day: int = 9) -> Record:
    """``namespace`` withdraws ``target``."""
    card = {"withdraws": target, "reason": {"fr": "Erreur de saisie."}}
    return record(f"{namespace}/withdrawal/{name}@1", card, day=day)


class Logs:
    """Logs in memory that answer as trust's Reader does, and count the records that they handed out."""

    def __init__(self, *records: Record) -> None:
        self.logs: dict[str, list[Record]] = defaultdict(list)
        self.handed_out = 0
        self.add(*records)

    def add(self, *records: Record) -> None:
        """Append to the logs of the records' namespaces."""
        for item in records:
            self.logs[item.namespace].append(item)

    def namespaces(self) -> list[str]:
        """As ``Reader.namespaces``."""
        return sorted(self.logs)

    def records(self, namespace: str | None = None, *, after: int = 0) -> Iterator[Record]:
        """As ``Reader.records``."""
        for name in [namespace] if namespace else self.namespaces():
            for item in self.logs[name][after:]:
                self.handed_out += 1
                yield item
