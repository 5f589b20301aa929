"""The checkpoint card: what a node publishes about its own audit trail."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]


class CheckpointCard(BaseModel):
    """Where a node's audit trail stood at a moment.

    Once published in the node's signed log, nobody can shorten or rewrite the trail up to that entry
    without being found out by ``jazari audit verify``. It tells nothing about the entries themselves.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True)

    entries: int = Field(ge=1, le=2**53 - 1, description="Number of entries, which is the last one's number.")
    head: str = Field(pattern=r"^[0-9a-f]{64}$", description="Hash of the last entry (SHA-256, hexadecimal).")
    moment: Moment = Field(description="When the checkpoint was taken (RFC 3339, UTC).")
