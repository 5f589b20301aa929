"""The privacy terms of a study, and the noise that an output contract declares. Pure: no OpenDP, no files."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jazari.studies.saying import Sentence, figure, worded, worded_many

Mechanism = Literal["laplace", "gaussian"]
UNIT = "subject"
"""What is protected: all rows (up to the agreed number) of one subject at one institute, there or not there."""
NO_NOISE = worded("no noise was added; cells below the floor were left out")
MOST_EPSILON = 10.0
"""Beyond, a subject's presence may change odds by more than 20,000: nothing that deserves to be called protected."""
MOST_DELTA = 1e-5


class _Frozen(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)


class PrivacyTerms(_Frozen):
    """What one run spends at each institute, and how much one subject can weigh in it.

    ``epsilon`` and ``delta`` are per institute and run (delta is 0 for Laplace noise). Of each subject the first
    ``max_rows_per_subject`` rows of the file count, the others are left out.
    """

    epsilon: float = Field(ge=0.001, le=MOST_EPSILON)
    delta: float = Field(default=0.0, ge=0.0, le=MOST_DELTA)
    mechanism: Mechanism = "laplace"
    max_rows_per_subject: int = Field(ge=1, le=1000)

    @model_validator(mode="after")
    def _fits(self) -> PrivacyTerms:
        if self.mechanism == "laplace" and self.delta:
            raise ValueError("Laplace noise needs no delta: leave it out")
        if self.mechanism == "gaussian" and self.delta < 1e-15:
            raise ValueError("Gaussian noise needs a delta, such as 1e-6")
        return self

    @property
    def method(self) -> str:
        """The mechanism's name in the field."""
        return f"discrete {self.mechanism.capitalize()}"


class NoisyOutput(_Frozen):
    """How one output is made noisy.

    ``sensitivity``: the most that the rows of one subject change the output, as the sum of absolute changes over
    its cells (so at least the Euclidean one too). ``scale``: that of the distribution, in units of the output.
    """

    output: str
    sensitivity: int = Field(ge=1)
    scale: float = Field(gt=0)


class Noise(_Frozen):
    """The noise of one round: all outputs together cost ``epsilon`` and ``delta`` of the terms."""

    terms: PrivacyTerms
    outputs: tuple[NoisyOutput, ...] = Field(min_length=1)


def privacy_sentence(terms: PrivacyTerms | None, institutes: int) -> Sentence:
    """What the card of a result must say about noise: what was added, or that none was."""
    if terms is None:
        return NO_NOISE
    most = terms.max_rows_per_subject
    rows = worded("1 row") if most == 1 else worded_many("{count} rows", most)
    if terms.mechanism == "gaussian":
        return worded(
            "discrete Gaussian noise at each of {institutes} institutes: epsilon {epsilon} and delta {delta} for each "
            "subject of an institute and run, counting at most {rows} of each",
            institutes=institutes, epsilon=figure(terms.epsilon), delta=figure(terms.delta), rows=rows,
        )  # fmt: skip
    return worded(
        "discrete Laplace noise at each of {institutes} institutes: epsilon {epsilon} for each subject of an institute "
        "and run, counting at most {rows} of each",
        institutes=institutes, epsilon=figure(terms.epsilon), rows=rows,
    )  # fmt: skip
