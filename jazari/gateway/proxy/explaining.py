"""The explain call: what is asked, and the answer as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from jazari.gateway.errors import BadQuestion
from jazari.gateway.routing import Explanation
from jazari.gateway.words import DataClass


@dataclass(frozen=True)
class ExplainQuestion:
    """Which route, and for data of which class (None: the key's own)."""

    model: str
    data_class: str | None


def read_explain_question(data: bytes) -> ExplainQuestion:
    """``{"model": ..., "data_class": ...}``; ``BadQuestion`` for anything else."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not set(body) <= {"model", "data_class"}:
        raise BadQuestion('Send {"model": "ROUTE"} and, if you like, "data_class".')
    model, data_class = body.get("model"), body.get("data_class")
    if not isinstance(model, str) or not isinstance(data_class, str | None):
        raise BadQuestion('Send {"model": "ROUTE"} and, if you like, "data_class", both as text.')
    return ExplainQuestion(model, data_class)


def explanation_document(explanation: Explanation, data_class: DataClass, declassified: bool) -> dict[str, Any]:
    """The explanation for API clients."""
    targets = []
    for report in explanation.targets:
        one = asdict(report)
        one["state"] = {**one["state"], "health": str(report.state.health)}
        one["decision"] = {**one["decision"], "code": str(report.decision.code)}
        targets.append(one)
    return {
        "route": explanation.route,
        "order": explanation.order,
        "data_class": str(data_class),
        "declassified": declassified,
        "targets": targets,
        "first": next((target.provider for target in explanation.usable), None),
    }
