"""Sums as integers modulo 2**64, so that masks cancel exactly and a total is the exact sum of rounded inputs.

An int64 output is itself. A float64 output counts multiples of its resolution, a power of two that follows from
the output's bound in the contract, the largest table and the number of institutes: fine enough that it adds
less than 1e-12 of the largest possible total, coarse enough that no total can wrap. Both are known before the
round, to everybody alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from jazari.studies.contract import EXACT_INTEGERS, NOTHING, ROUNDING, Contract, Output
from jazari.studies.errors import BrokenContract, Unbounded
from jazari.studies.messages import Array, Sums

Words = npt.NDArray[np.uint64]
"""Integers modulo 2**64; those from 2**63 stand for negative ones."""

CAPACITY = 62
"""A total stays below 2**62 in absolute value: one bit is the sign, one is never used."""

MOST_INSTITUTES = 2**CAPACITY // EXACT_INTEGERS
"""So many counts of up to 2**53 cannot wrap."""


def exponents(contract: Contract, largest_rows: int, institutes: int) -> dict[str, int]:
    """The exponent e of each output's resolution 2**e for totals over up to so many institutes.

    Raises ``Unbounded`` for a float64 output without bounds: no resolution could be promised for it.
    """
    if not 1 <= institutes <= MOST_INSTITUTES:
        raise Unbounded(f"{institutes} institutes are more than {MOST_INSTITUTES}: split the study.")
    return {output.name: _exponent(output, largest_rows, institutes) for output in contract.outputs}


def _exponent(output: Output, largest_rows: int, institutes: int) -> int:
    if output.dtype == "int64":
        return 0
    if output.lower is None or output.upper is None:
        raise Unbounded(
            f"{output.name!r} has no bounds, so it cannot be masked: declare the lower and upper value of every "
            "numeric variable, or propose the study without secure aggregation."
        )
    units = largest_rows if output.per is not None else 1
    largest = max(abs(output.lower), abs(output.upper)) * units * institutes * (1 + ROUNDING)
    if not math.isfinite(largest):
        raise Unbounded(f"The bounds of {output.name!r} are too large to be masked: declare narrower ranges.")
    # Subnormal resolutions would lose digits; nothing that small is measured.
    return max(math.frexp(largest)[1] - CAPACITY, -900) if largest else 0


def resolution_of(contract: Contract, largest_rows: int, institutes: int) -> dict[str, float]:
    """The resolution of each output, in the output's own unit; 1 for counts."""
    return {name: math.ldexp(1.0, e) for name, e in exponents(contract, largest_rows, institutes).items()}


def to_words(contract: Contract, sums: Mapping[str, Array], scale: Mapping[str, int], institutes: int) -> Sums:
    """Each output as uint64 words of its own shape. ``sums`` keep the contract (checked by the guard).

    Raises ``BrokenContract`` rather than let a total wrap.
    """
    return {o.name: _to_words(o, np.asarray(sums[o.name]), scale[o.name], institutes) for o in contract.outputs}


def _to_words(output: Output, array: Array, exponent: int, institutes: int) -> Words:
    if output.dtype == "float64":
        array = np.rint(np.ldexp(array, -exponent))
    if array.size and float(np.abs(array).max()) > 2.0**CAPACITY / institutes + 1:
        raise BrokenContract(f"{output.name!r} is too large to be added up without wrapping: {NOTHING}")
    return array.astype(np.int64).view(np.uint64)


def from_words(contract: Contract, words: Mapping[str, Array], scale: Mapping[str, int]) -> Sums:
    """The sums that words stand for: int64 outputs exactly, float64 outputs to the nearest float64."""
    found: Sums = {}
    for output in contract.outputs:
        signed = np.asarray(words[output.name], dtype=np.uint64).view(np.int64)
        # ldexp makes a plain number of an array without axes.
        found[output.name] = (
            signed if output.dtype == "int64" else np.asarray(np.ldexp(signed.astype(np.float64), scale[output.name]))
        )
    return found


def flatten(contract: Contract, words: Mapping[str, Array]) -> Words:
    """All words in one row, in the order of the contract."""
    parts = [np.asarray(words[output.name], dtype=np.uint64).reshape(-1) for output in contract.outputs]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def unflatten(contract: Contract, flat: Words) -> Sums:
    """What ``flatten`` was given."""
    found: Sums = {}
    start = 0
    for output in contract.outputs:
        size = math.prod(output.shape)
        found[output.name] = flat[start : start + size].reshape(output.shape)
        start += size
    return found


def size_of(contract: Contract) -> int:
    """How many numbers a message of this contract holds."""
    return sum(math.prod(output.shape) for output in contract.outputs)
