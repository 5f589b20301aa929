"""The drill card: what was cut, and every figure, as one institute publishes and signs it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from jazari.catalog.cards.base import Card, Moment
from jazari.catalog.texts import Line, Title
from jazari.gateway.configuration import Alias, Name
from jazari.gateway.drills.measures import Milliseconds, PhaseName
from jazari.gateway.proxy.severing import Mode
from jazari.gateway.words import DataClass
from jazari.trust.records import Sha256

Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
FileName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}\.(svg|csv)$")]
CALLS_FILE = "calls.csv"


class Percentiles(Card):
    """Of whole milliseconds, by nearest rank."""

    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds

    @model_validator(mode="after")
    def _rising(self) -> Percentiles:
        if not self.p50 <= self.p95 <= self.p99:
            raise ValueError("percentiles do not rise")
        return self


class Phase(Card):
    """The calls of one phase, and how they ended. Those under way when the cut fell are `during`."""

    phase: PhaseName = Field(description="`before`, `during` or `after` the cut.")
    seconds: float = Field(ge=0, le=10_000, description="How long it lasted.")
    calls: Count = Field(description="Calls made.")
    answered: Count = Field(description="Calls with a whole answer.")
    refused: Count = Field(description="Calls that a rule refused: policy, credits, limits, a bad request.")
    lost: Count = Field(description="Calls with neither: no provider, torn streams, no answer in time.")
    retried: Count = Field(description="Answered calls whose receipt shows an attempt before that failed.")
    rerouted: dict[Name, Count] = Field(
        max_length=1000,
        description=(
            "Answered calls that went elsewhere than usual, by who answered. Of an ordered route: not by the provider "
            "that answered most calls before; of a weighted one: after a failed attempt."
        ),
    )
    answered_by: dict[Name, Count] = Field(max_length=1000, description="Answered calls by provider.")
    total_ms: Percentiles | None = Field(description="Time to the whole answer; null without answers.")
    first_byte_ms: Percentiles | None = Field(description="Time to its first byte.")
    microcredits: Count = Field(description="What the receipts charge.")
    receipts: Count = Field(description="Calls whose receipt was found.")

    @model_validator(mode="after")
    def _adds_up(self) -> Phase:
        if self.answered + self.refused + self.lost != self.calls:
            raise ValueError("answered, refused and lost are not all calls")
        if sum(self.answered_by.values()) > self.answered or sum(self.rerouted.values()) > self.answered:
            raise ValueError("more answers by provider than answers")
        return self


class Recovery(Card):
    """How fast the gateway got over it; null where that did not happen while it was measured."""

    first_answer_ms: Milliseconds | None = Field(description="From the cut to the first answer to a call made since.")
    steady_ms: Milliseconds | None = Field(
        description="From the cut to the answer from which on at least `steady_share` of the usual share is answered."
    )
    steady_share: float = Field(ge=0, le=1, description="Of the share answered before.")
    returned_ms: Milliseconds | None = Field(
        description="From the end of the cut to the first answer by who was cut off."
    )


class Matched(Card):
    """Answers of one provider and how many of them are as expected."""

    answered: Count
    matched: Count


class Quality(Card):
    """The evaluation file in one phase. The score is `matched` of `answered`."""

    phase: PhaseName
    asked: Count = Field(description="Questions of the file, once for each chat route.")
    answered: Count = Field(description="Those with an answer while the phase lasted.")
    matched: Count = Field(description="Answers that are as the file expects.")
    by_provider: dict[Name, Matched] = Field(max_length=1000)


class Evaluation(Card):
    """Which evaluation file, and what came of it."""

    sha256: Sha256
    items: int = Field(ge=1, le=10_000)
    phases: list[Quality] = Field(min_length=3, max_length=3)


class DrillCard(Card):
    """A planned cut at a gateway, and what it did. Figures are computed from the file `calls.csv` and receipts."""

    title: Title = Field(description="Which drill this is.")
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] = Field(description="Of the drill.")
    what: Name = Field(
        description=(
            "The provider that was cut off; or `registry`, or `root`: all that the node exchanges with the Root, its "
            "gateway included, but for the study engine's own connection."
        )
    )
    mode: Mode = Field(description="`refuse`: attempts failed at once; `blackhole`: they hung.")
    began: Moment = Field(description="When the measurement began.")
    routes: list[Alias] = Field(min_length=1, max_length=100, description="Routes that were called.")
    rate: float = Field(gt=0, le=1000, description="Calls a second of the load.")
    data_class: DataClass = Field(description="The class that the load was declared as.")
    unsent: Count = Field(description="Calls that the load owed and could not make.")
    phases: list[Phase] = Field(min_length=3, max_length=3, description="By the client's clock.")
    recovery: Recovery
    real: list[Phase] | None = Field(
        default=None, min_length=3, max_length=3, description="Other projects' calls, by receipts, to the second."
    )
    evaluation: Evaluation | None = Field(default=None)
    plots: list[FileName] = Field(max_length=10, description="Pictures among the record's files.")
    note: Line | None = Field(default=None, description="What is missing and why.")

    @model_validator(mode="after")
    def _in_order(self) -> DrillCard:
        order = list(PhaseName)
        for phases in (self.phases, self.real, self.evaluation and self.evaluation.phases):
            if phases and [one.phase for one in phases] != order:
                raise ValueError("the phases are before, during and after")
        return self
