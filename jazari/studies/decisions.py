"""What a steward signs: one decision on one agreement, by a key kept apart from the publishing key.

The statement is canonical JSON; the record that carries it sits in the institute's own log, so a decision needs both
the steward's key and the institute's publication. Pure: no database, network or clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from jazari.core.canonical import canonical_json

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Reference = Annotated[str, Field(max_length=140)]


class Choice(StrEnum):
    """``withdraw`` ends an earlier ``approve``; runs that have not started will not."""

    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


class Statement(BaseModel):
    """The text that the steward's key signs."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    study: Reference
    agreement: Digest
    institute: str = Field(max_length=40)
    choice: Choice
    reason: str = Field(default="", max_length=2000)
    number: int = Field(ge=1, description="counts this institute's decisions on this agreement")
    moment: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    mapping: Digest | None = Field(default=None, description="of the mapping of the institute's columns, if any")

    def signed_bytes(self) -> bytes:
        """What is signed and verified: the canonical JSON, without what is null, with its purpose in front."""
        return b"jazari steward decision\n" + canonical_json(self.model_dump(mode="json", exclude_none=True))


class ApprovalCard(BaseModel):
    """An institute's decision on a study. A later version replaces the earlier one."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    statement: Statement
    steward_key: dict[str, Any] = Field(description="the steward's public key, as the directory names it")
    signature: str = Field(pattern=r"^[0-9a-f]{128}$")


def approval_name(agreement: str) -> str:
    """The name of every approval record of one agreement, the same at each institute."""
    return "a-" + agreement.removeprefix("sha256:")[:24]


def standing(decisions: Iterable[Statement]) -> dict[str, Statement]:
    """The last decision of each institute, by its number."""
    latest: dict[str, Statement] = {}
    for statement in decisions:
        known = latest.get(statement.institute)
        if known is None or statement.number > known.number:
            latest[statement.institute] = statement
    return latest


def approving(decisions: dict[str, Statement]) -> list[str]:
    """The institutes whose standing decision is to approve, in order."""
    return sorted(name for name, statement in decisions.items() if statement.choice is Choice.APPROVE)
