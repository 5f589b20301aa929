"""The demo's report: facts that the run measured, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jazari.core.files import write_atomic
from jazari.nodes.demo.studying import StudyOutcome


@dataclass
class Report:
    """Collected while the demo runs. ``attacks`` hold name, refused and the sentence that refused."""

    institutes: list[str] = field(default_factory=list)
    studies: list[dict[str, Any]] = field(default_factory=list)
    attacks: list[dict[str, Any]] = field(default_factory=list)
    refused_questions: list[dict[str, Any]] = field(default_factory=list)
    private: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)
    verification: dict[str, Any] = field(default_factory=dict)
    portals: list[dict[str, Any]] = field(default_factory=list)
    seconds_total: float = 0.0
    peak_memory_mb: float = 0.0
    plot: str = ""

    def to_json(self) -> dict[str, Any]:
        """The report as it is written."""
        return {
            "institutes": self.institutes,
            "records_verified": self.verification.get("records_verified", 0),
            "files_verified": self.verification.get("files_verified", 0),
            "studies": self.studies,
            "refused_questions": self.refused_questions,
            "private": self.private,
            "model": self.model,
            "gateway": self.gateway,
            "attacks": self.attacks,
            "portals": self.portals,
            "plot": self.plot,
            "seconds_total": round(self.seconds_total, 2),
            "peak_memory_mb": round(self.peak_memory_mb, 1),
        }

    def write(self, path: Path) -> None:
        """Write the report to ``path``."""
        write_atomic(path, json.dumps(self.to_json(), ensure_ascii=False, indent=2).encode() + b"\n")

    @property
    def problems(self) -> list[str]:
        """What should have been otherwise: empty after a demo that shows what it claims."""
        late = [s["name"] for s in self.studies if s["status"] != "finished"]
        unequal = [s["name"] for s in self.studies if not s["max_relative_difference"] <= LARGEST_DIFFERENCE]
        let_in = [a["name"] for a in self.attacks if not a["refused"]]
        told = [q["name"] for q in self.refused_questions if not q["refused_by"]]
        return [
            *(f"{name} did not finish" for name in late),
            *(f"{name} was not refused" for name in told),
            *(f"{name} differs from the pooled computation" for name in unequal),
            *(f"the attack {name!r} was not refused" for name in let_in),
            *self._problems_of_the_gateway(),
        ]

    def _problems_of_the_gateway(self) -> list[str]:
        call, refused, drill = (self.gateway.get(part, {}) for part in ("call", "refused", "drill"))
        checks = {
            "the call by policy was not answered": call.get("answer"),
            "the call against policy was not refused": refused.get("code") == "gateway.policy-refuses",
            "the drill shows no call that went elsewhere": drill.get("rerouted"),
        }
        return [problem for problem, holds in checks.items() if not holds]


LARGEST_DIFFERENCE = 1e-9


def refused_entry(study: StudyOutcome) -> dict[str, Any]:
    """A question that checks on site refused: by whom, and in what words."""
    refusals = study.refused_by_check
    code, message = next(iter(refusals.values()), ("", ""))
    return {"name": study.name, "refused_by": sorted(refusals), "code": code, "message": message}


def study_entry(study: StudyOutcome, difference: float) -> dict[str, Any]:
    """One study in the report; ``difference`` is the largest relative one from the pooled computation."""
    card = study.card
    return {
        "name": study.name,
        "study": study.reference,
        "digest": study.agreement,
        "approved": study.approved,
        "refused": study.refused,
        "status": study.status,
        "result": study.result,
        "rounds": card["rounds"],
        "seconds": card["seconds"],
        "seconds_per_round": round(card["seconds"] / card["rounds"], 4),
        "bytes_out_per_institute": card["bytes_received"],
        "secure_aggregation": card["secure_aggregation"],
        "max_relative_difference": difference,
    }
