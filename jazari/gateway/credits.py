"""What a call may cost at most, and what it does cost. Pure, in whole microcredits: 1 credit is 1,000,000.

A call reserves its upper bound before it starts and is charged no more than that, whatever the provider says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from jazari.gateway.scripts import Script
from jazari.gateway.words import Usage

CREDIT = 1_000_000
"""Microcredits."""
MOST = 2**53 - 1
"""The largest amount: what every JSON reader carries exactly."""
TOKENS_PER_IMAGE = 16_384
"""What one image may count in a prompt, at most; its bytes are not text and are left out of ``prompt_bytes``."""
TOKENS_PER_MESSAGE = 16
"""Role markers of a chat template around one message."""
TOKENS_OF_TEMPLATE = 512
"""What a chat template adds once: a default system prompt, the marks of the beginning and of the answer."""

_BYTES_PER_TOKEN = {Script.LATIN: 4, Script.ARABIC: 4, Script.TIFINAGH: 1, Script.OTHER: 3}


@dataclass(frozen=True)
class Price:
    """Microcredits per 1000 tokens read and written; ``weights`` multiply them by script (1 where none is named)."""

    input: int
    output: int
    weights: Mapping[Script, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.input, self.output) < 0 or any(weight < 0 for weight in self.weights.values()):
            raise ValueError("a price and its weights are not negative")

    def weight(self, script: Script) -> Fraction:
        """What tokens of ``script`` are multiplied by."""
        return self.weights.get(script, _ONE)

    @cached_property
    def heaviest(self) -> Fraction:
        """The largest weight of any script."""
        return max(self.weight(script) for script in Script)

    def cost(self, usage: Usage, prompt_script: Script, answer_script: Script) -> int:
        """Microcredits of ``usage``, rounded up once at the end."""
        # In whole numbers over one denominator: as exact as fractions, at a tenth of their cost.
        first, second = self.weight(prompt_script), self.weight(answer_script)
        read = self.input * usage.prompt_tokens * first.numerator * second.denominator
        written = self.output * usage.completion_tokens * second.numerator * first.denominator
        return _rounded_up(read + written, 1000 * first.denominator * second.denominator)


_ONE = Fraction(1)


@dataclass(frozen=True)
class Charge:
    """``amount`` in microcredits; ``capped`` where the usage would have cost more than was reserved."""

    amount: int
    capped: bool = False


def most_prompt_tokens(prompt_bytes: int, messages: int, images: int = 0) -> int:
    """Tokens that a prompt can become, at most.

    A byte-level tokeniser never makes more tokens than the text has UTF-8 bytes. ``prompt_bytes``: all texts and tool
    definitions, without image data (the length of the JSON they came in is no less, so it serves too).
    """
    return prompt_bytes + messages * TOKENS_PER_MESSAGE + images * TOKENS_PER_IMAGE + TOKENS_OF_TEMPLATE


def upper_bound(price: Price, prompt_bytes: int, messages: int, most_output: int, images: int = 0) -> int:
    """Microcredits that a call can cost at most, in any script: what is reserved.

    ``most_output``: tokens that may be written in all choices together; 0 for embeddings.
    """
    read = price.input * most_prompt_tokens(prompt_bytes, messages, images)
    weight = price.heaviest
    return _rounded_up((read + price.output * most_output) * weight.numerator, 1000 * weight.denominator)


def charge(price: Price, usage: Usage, prompt_script: Script, answer_script: Script, reserved: int) -> Charge:
    """What a call costs, never more than ``reserved``."""
    cost = max(0, price.cost(usage, prompt_script, answer_script))
    return Charge(min(cost, reserved), cost > reserved)


def _rounded_up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def estimate(text_bytes: int, script: Script) -> int:
    """About how many tokens a text of so many UTF-8 bytes is, where nobody has counted them."""
    return -(-text_bytes // _BYTES_PER_TOKEN[script])


@dataclass(frozen=True)
class Seen:
    """What the gateway itself saw of a call: enough to bound and to estimate its usage."""

    prompt_bytes: int
    answer_bytes: int
    messages: int
    most_output: int
    prompt_script: Script
    answer_script: Script
    images: int = 0


def believed(claimed: object, seen: Seen) -> Usage:
    """The provider's claim (its ``usage`` object) where it can be true; else an estimate, and marked so.

    It cannot be true where a number is missing, no whole number, negative, or larger than the prompt or the limit of
    the answer allows, nor where something was written for no tokens.
    """
    facts = claimed if isinstance(claimed, Mapping) else {}
    read = _whole(facts.get("prompt_tokens"), most_prompt_tokens(seen.prompt_bytes, seen.messages, seen.images))
    written = _whole(facts.get("completion_tokens"), seen.most_output)
    if seen.answer_bytes == 0 and written is None and "completion_tokens" not in facts:
        written = 0
    elif seen.answer_bytes and written == 0:
        written = None
    return Usage(
        estimate(seen.prompt_bytes, seen.prompt_script) if read is None else read,
        min(estimate(seen.answer_bytes, seen.answer_script), seen.most_output) if written is None else written,
        estimated=read is None or written is None,
    )


def _whole(value: object, most: int) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    return None
