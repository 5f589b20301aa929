"""The output contract: exactly what may leave an institute in a round, checkable without the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from jazari.studies.errors import BrokenContract
from jazari.studies.messages import Array, Sums
from jazari.studies.privacy.terms import Noise

EXACT_INTEGERS = 2**53
"""Counts beyond this could not be compared exactly with float64 bounds."""

NOTHING = "nothing was sent or accepted, ask the author of the study."

ROUNDING = 1e-9
"""Allowed excess over a bound, relative to it: what summing float64 in another order may add."""


class _Frozen(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Output(_Frozen):
    """One array: its name, shape and type, and what its cells may hold.

    ``lower`` and ``upper`` bound every cell: per institute, or, with ``per``, per unit of that other count
    (broadcast on its leading axes), so that a sum over rows is bounded by rows times the variable's bounds.
    ``subjects`` names the count of distinct subjects behind each cell (broadcast on leading axes).
    """

    name: str
    shape: tuple[int, ...] = ()
    dtype: Literal["int64", "float64"] = "float64"
    lower: float | None = None
    upper: float | None = None
    per: str | None = None
    subjects: str | None = None


class Partition(_Frozen):
    """``parts`` (summed over trailing axes and with each other) add up to ``whole`` but for hidden cells.

    Whoever knows the whole derives what the hidden cells hold together, so the count of distinct subjects
    behind all of them, ``hidden``, must reach the floor wherever something is missing from the whole.
    """

    parts: tuple[str, ...]
    whole: str
    hidden: str


class Contract(_Frozen):
    """What one round sends (``outputs``), and what the guard sees but never sends (``evidence``).

    With ``noise``, the guard itself adds it to every output before anything leaves; the evidence ``<output>.most``
    is then the most that one subject contributes to that output.
    ``parameters``: how many numbers are estimated from the subjects that the count ``estimated_from`` counts;
    the guard refuses more than a third of these. None are declared by default.
    """

    phase: str
    outputs: tuple[Output, ...]
    evidence: tuple[Output, ...] = ()
    partitions: tuple[Partition, ...] = Field(default=())
    noise: Noise | None = None
    parameters: int = Field(default=0, ge=0)
    estimated_from: str = "subjects"

    def check(self, sums: Mapping[str, Array], institutes: int = 1) -> None:
        """Raise ``BrokenContract`` unless ``sums`` are exactly the outputs, within their bounds.

        With ``institutes`` above 1 they are a total: bounds that are not per count grow with it.
        """
        check_arrays(self.outputs, sums, institutes)

    def names(self) -> frozenset[str]:
        """The names of what leaves."""
        return frozenset(output.name for output in self.outputs)

    def zeros(self) -> Sums:
        """Outputs of the contract with nothing in them."""
        return {o.name: np.zeros(o.shape, dtype=o.dtype) for o in self.outputs}


def check_arrays(outputs: tuple[Output, ...], sums: Mapping[str, Array], institutes: int = 1) -> None:
    """Raise ``BrokenContract`` unless ``sums`` hold exactly ``outputs``, finite and within bounds."""
    names = {output.name for output in outputs}
    if set(sums) != names:
        odd = sorted(set(sums) ^ names)[0]
        raise BrokenContract(f"The sums hold or lack {odd!r} against the contract: {NOTHING}")
    for output in outputs:
        _check_form(output, sums[output.name])
    for output in outputs:
        _check_bounds(output, sums, institutes)


def _check_form(output: Output, array: Array) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(output.dtype):
        raise BrokenContract(f"{output.name!r} is not of type {output.dtype}: {NOTHING}")
    if array.shape != output.shape:
        raise BrokenContract(f"{output.name!r} has shape {array.shape}, not {output.shape}: {NOTHING}")
    if not np.isfinite(array).all():
        raise BrokenContract(f"{output.name!r} holds a value that is not finite: {NOTHING}")
    if output.dtype == "int64" and array.size and np.abs(array.astype(np.float64)).max() > EXACT_INTEGERS:
        raise BrokenContract(f"{output.name!r} is beyond exact integers: {NOTHING}")


def _check_bounds(output: Output, sums: Mapping[str, Array], institutes: int) -> None:
    array = sums[output.name].astype(np.float64)
    units = float(institutes) if output.per is None else broadcast(sums[output.per], array.ndim)
    for bound, sign in ((output.lower, 1.0), (output.upper, -1.0)):
        if bound is None:
            continue
        limit = bound * units
        slack = ROUNDING * np.abs(limit) if output.dtype == "float64" else 0.0
        if (sign * (array - limit) < -slack).any():
            side = "below" if sign > 0 else "above"
            raise BrokenContract(f"{output.name!r} is {side} the bound of the contract: {NOTHING}")


def broadcast(array: Array, dimensions: int) -> Array:
    """``array`` with trailing axes of length 1 up to ``dimensions``, to align it on leading axes."""
    return array.reshape(array.shape + (1,) * (dimensions - array.ndim))
