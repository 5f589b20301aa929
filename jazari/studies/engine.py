"""What runs a study among institutes: the interface that FLARE and the in-process engine both implement.

An engine moves bytes between one ``Coordinator`` and one ``Participant`` per institute. It decides nothing:
what may run is the participants' decision, what has run is in the coordinator's folder.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

RunStateName = Literal["waiting", "running", "finished", "failed", "cancelled"]
"""``waiting``: ordered, no institute asked yet. The last three are final."""

ENDED: frozenset[str] = frozenset({"finished", "failed", "cancelled"})


class _Frozen(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class RunOrder(_Frozen):
    """One execution of an agreement, fixed before it starts.

    ``study`` is the text whose digest is ``agreement``; ``participants`` those who approved, sorted.
    """

    run: str
    agreement: str
    study: dict[str, Any]
    participants: tuple[str, ...]
    max_rounds: int = Field(ge=1, le=1000)
    round_deadline_seconds: float = Field(gt=0, le=7 * 86_400)


class EngineStatus(_Frozen):
    """Where a run stands. ``round`` is the one in progress (or the last); ``message`` is one plain sentence.

    ``answered`` maps institutes to when they last answered (RFC 3339); ``pending`` are awaited now.
    """

    run: str
    state: RunStateName
    round: int = 0
    message: str = ""
    answered: dict[str, str] = Field(default_factory=dict)
    pending: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self.state in ENDED


class Outcome(_Frozen):
    """What a finished run produced.

    ``transcript`` is the digest over the exact bytes of all totals; ``confirmed`` maps each institute that
    has seen the last total to the transcript digest which it computed itself. ``dropped`` maps institutes that
    were late to the first round whose total they are not in. ``resolution`` maps each masked output to the
    multiple that it was rounded to; empty without secure aggregation.
    """

    run: str
    result: dict[str, Any]
    transcript: str
    rounds: int
    participants: tuple[str, ...]
    confirmed: dict[str, str]
    bytes_received: dict[str, int]
    seconds: float
    dropped: dict[str, int] = Field(default_factory=dict)
    resolution: dict[str, float] = Field(default_factory=dict)


class Engine(Protocol):
    """Runs orders until they end. Every method may be called again, in any process of the same home."""

    def start(self, order: RunOrder) -> None:
        """Take the order and return; the same order again is harmless, another under its id is refused."""

    def status(self, run: str) -> EngineStatus:
        """Where the run stands; raises ``RunNotFound``."""

    def outcome(self, run: str) -> Outcome:
        """What a finished run produced; raises ``RunNotFound``, or ``RunFailed`` with the reason."""

    def cancel(self, run: str, reason: str = "") -> None:
        """End the run; harmless when it has ended."""

    def revoke(self, namespace: str) -> None:
        """Shut an institute out now and for good: its runs fail and no later order may include it."""
