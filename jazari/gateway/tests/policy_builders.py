"""Cards and records of two made-up providers and a policy, for the tests of this slice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from jazari.gateway.facts import residency_of
from jazari.gateway.policy import Residency
from jazari.trust.records import Record

PUBLISHED = datetime(2026, 11, 1, tzinfo=UTC)


def provider_card(**changes: Any) -> dict[str, Any]:
    return {
        "title": {"fr": "Modèles du campus"},
        "operator": {"name": "Université de Rabat", "jurisdiction": "MA"},
        "hosting": ["MA"],
        "keeps": 0,
        "trains_on_prompts": False,
        "protocol": "openai",
        "models": [{"name": "small", "kinds": ["chat"], "context_tokens": 8192}],
        "valid_until": "2027-10-31",
        **changes,
    }


def rule(data_class: str, **changes: Any) -> dict[str, Any]:
    return {"data_class": data_class, "operators": ["MA"], "hosting": ["MA"], **changes}


def residency_card(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"issuers": ["rabat"], "rules": list(rules), "valid_until": "2027-10-31", **changes}


def record(kind: str, card: dict[str, Any], namespace: str = "rabat", name: str = "main") -> Record:
    return Record(
        ref=f"{namespace}/{kind}/{name}@1", type=kind, name=name, version=1, published=PUBLISHED, card=card
    )  # fmt: skip


def policy(*rules: dict[str, Any], **changes: Any) -> Residency:
    return residency_of(record("residency", residency_card(*rules, **changes)), "rabat")


class Records:
    """Verified records, as ``jazari.trust.reading.Reader`` gives them."""

    def __init__(self, records: list[Record]) -> None:
        self._records = records

    def namespaces(self) -> list[str]:
        return ["rabat"]

    def records(self, namespace: str, after: int = 0) -> Iterator[Record]:
        del namespace
        return iter(self._records[after:])
