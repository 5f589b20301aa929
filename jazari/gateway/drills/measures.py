"""What a drill measured, as written to its report file: times of the client's own clock, and what receipts say."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.catalog.cards.base import Moment
from jazari.catalog.registry import explain
from jazari.federation.cut_off import REGISTRY, ROOT
from jazari.gateway.configuration import Alias, Name
from jazari.gateway.drills.errors import BadDrill, BadDrillReport
from jazari.gateway.proxy.severing import Mode
from jazari.gateway.receipts import Tried
from jazari.gateway.words import DataClass
from jazari.trust.records import Sha256

MOST_CALLS = 100_000
LARGEST_REPORT = 64 << 20
Milliseconds = Annotated[int, Field(ge=0, le=10**8)]
Word = Annotated[str, Field(max_length=200)]


class PhaseName(StrEnum):
    """The times of a drill: as usual, cut off, and after it was mended."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Outcome(StrEnum):
    """How a call ended for its client: with a whole answer, with a no by rule, or with neither."""

    ANSWERED = "answered"
    REFUSED = "refused"
    LOST = "lost"


class _Model(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Plan(_Model):
    """What a drill does: cut ``what`` for ``seconds``, with calls at ``rate`` a second from ``around`` seconds before
    until ``around`` seconds after. ``routes``: aliases and their order, ``ordered`` or ``weighted``."""

    what: Name
    mode: Mode = Mode.REFUSE
    seconds: float = Field(default=30.0, ge=1, le=3000)
    around: float = Field(default=20.0, ge=1, le=600)
    rate: float = Field(default=5.0, gt=0, le=1000)
    routes: dict[Alias, Literal["ordered", "weighted"]] = Field(min_length=1, max_length=100)
    data_class: DataClass = DataClass.PUBLIC
    real: bool = False

    @property
    def provider(self) -> str:
        """The provider that is cut; empty for the registry and the Root."""
        return "" if self.what in (REGISTRY, ROOT) else self.what

    @property
    def whole_seconds(self) -> float:
        """All of it."""
        return self.seconds + 2 * self.around


class Call(_Model):
    """One call, ``at_ms`` after the drill began; ``tried`` and ``charge`` (microcredits) are its receipt's.

    ``total_ms`` until it ended, however it did. A real call's times are the gateway's, ``at_ms`` to the second.
    """

    at_ms: Milliseconds
    route: Word
    streamed: bool = False
    outcome: Outcome
    status: int = Field(ge=0, le=999)
    code: Word = ""
    provider: Word = ""
    receipt: Word = ""
    first_byte_ms: Milliseconds | None = None
    total_ms: Milliseconds | None = None
    charge: int | None = Field(default=None, ge=0)
    tried: tuple[Tried, ...] = ()


class QualityAnswer(_Model):
    """What became of one item of the evaluation file: ``matched`` is None where there was no answer in time."""

    phase: PhaseName
    route: Word
    item: int = Field(ge=1)
    provider: Word = ""
    matched: bool | None = None


class EvaluationFile(_Model):
    """Which questions were asked."""

    sha256: Sha256
    items: int = Field(ge=1, le=10_000)


class Measured(_Model):
    """All that a drill measured. Moments since it ``began``.

    The cut was ordered at ``ordered_ms`` and known to be on at ``cut_ms``; its end was ordered at ``mended_ms``.
    ``unsent``: calls that the load should have made and did not, for too many were open.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    began: Moment
    plan: Plan
    ordered_ms: Milliseconds
    cut_ms: Milliseconds
    mended_ms: Milliseconds
    end_ms: Milliseconds
    calls: tuple[Call, ...] = Field(max_length=MOST_CALLS)
    unsent: int = Field(ge=0)
    real: tuple[Call, ...] | None = Field(default=None, max_length=10 * MOST_CALLS)
    evaluation: EvaluationFile | None = None
    answers: tuple[QualityAnswer, ...] = ()

    def phase_of(self, call: Call) -> PhaseName:
        """The phase of a call: that in which it began, but one that was under way when the cut fell was hit by it."""
        if call.at_ms + (call.total_ms or 0) < self.ordered_ms:
            return PhaseName.BEFORE
        return PhaseName.DURING if call.at_ms < self.mended_ms else PhaseName.AFTER

    def is_within_cut(self, call: Call) -> bool:
        """Whether it began and ended while the cut was on for certain: what tells of recovery."""
        return self.cut_ms <= call.at_ms and call.at_ms + (call.total_ms or 0) < self.mended_ms


def make_plan(values: dict[str, Any]) -> Plan:
    """A plan of these values; ``BadDrill`` names the first that is wrong."""
    try:
        plan = Plan.model_validate(values)
    except ValidationError as error:
        raise BadDrill(f"This drill cannot be run ({explain(error)}): correct it.") from None
    if plan.rate * plan.whole_seconds > MOST_CALLS:
        raise BadDrill(f"These would be more than {MOST_CALLS:,} calls: lower the rate or the seconds.")
    return plan


def read_measured(data: bytes) -> Measured:
    """The measurements in a report file; ``BadDrillReport`` for anything else."""
    if len(data) > LARGEST_REPORT:
        raise BadDrillReport("The file is too large for a drill's report: give what `jazari drill run --out` wrote.")
    try:
        return _Report.model_validate_json(data).measured
    except ValidationError as error:
        raise BadDrillReport(
            f"The file is no report of a drill ({explain(error)}): give what `jazari drill run --out` wrote."
        ) from None


class _Report(_Model):
    measured: Measured
    card: dict[str, Any]
