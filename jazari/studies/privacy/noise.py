"""The noise itself, drawn by OpenDP from the operating system's randomness. Only the guard calls it.

Outputs are integers and the discrete distributions are sampled exactly (Canonne, Kamath and Steinke 2020), so no
floating-point gap betrays the true value (Mironov 2012). OpenDP is imported when noise is needed, not before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from jazari.studies.contract import Output
from jazari.studies.errors import BrokenContract
from jazari.studies.messages import Array, Sums
from jazari.studies.privacy.terms import Noise, NoisyOutput, PrivacyTerms


def add_noise(noise: Noise, outputs: Sequence[Output], plain: Mapping[str, Array]) -> Sums:
    """``plain`` (int64 arrays, within their sensitivities) with fresh noise in every cell.

    What falls outside the bounds of ``outputs`` is set to them: they do not depend on the data, so this spends
    nothing. Raises ``BrokenContract`` when an output has no noise declared or no bounds, or when OpenDP finds that
    the declared noise costs more than the terms.
    """
    parts = {part.output: part for part in noise.outputs}
    if set(parts) != {output.name for output in outputs} or len(parts) != len(noise.outputs):
        raise _broken("does not cover exactly what would leave")
    if any(output.dtype != "int64" or output.lower is None or output.upper is None for output in outputs):
        raise _broken("is for whole numbers within bounds only")
    check_cost(noise)
    return {output.name: _noisy(noise.terms, parts[output.name], output, plain[output.name]) for output in outputs}


def check_bounded(noise: Noise, sums: Mapping[str, Array]) -> None:
    """Raise ``BrokenContract`` unless the evidence shows that no subject weighs more than the noise is made for."""
    for part in noise.outputs:
        most = sums.get(f"{part.output}.most")
        if most is None or most.shape != () or not 0 <= int(most) <= part.sensitivity:
            raise _broken(f"is too small for what one subject contributes to {part.output!r}")


def check_cost(noise: Noise) -> None:
    """Raise ``BrokenContract`` unless all outputs together cost at most the terms, as OpenDP accounts for them."""
    terms = noise.terms
    losses = [_loss(terms, part) for part in noise.outputs]
    epsilon = math.fsum(losses) if terms.mechanism == "laplace" else _epsilon_of(math.fsum(losses), terms.delta)
    if not epsilon <= terms.epsilon:
        raise _broken(f"costs epsilon {epsilon:.6g} and {terms.epsilon:g} was agreed")


def _noisy(terms: PrivacyTerms, part: NoisyOutput, output: Output, plain: Array) -> Array:
    """OpenDP adds in saturating integers; numpy only cuts to the bounds."""
    drawn = np.array(_measurement(terms.mechanism, part.scale)(plain.ravel().tolist()), dtype=np.int64)
    return np.clip(drawn.reshape(plain.shape), math.ceil(output.lower or 0), math.floor(output.upper or 0))


def _loss(terms: PrivacyTerms, part: NoisyOutput) -> float:
    """Epsilon of a Laplace output, rho of a Gaussian one."""
    distance = part.sensitivity if terms.mechanism == "laplace" else float(part.sensitivity)
    return float(_measurement(terms.mechanism, part.scale).map(distance))


def _epsilon_of(rho: float, delta: float) -> float:
    """Epsilon at ``delta`` of a mechanism with ``rho``: OpenDP's conversion for one whose scale gives this rho."""
    from opendp.combinators import make_zCDP_to_approxDP

    scale = math.nextafter(math.sqrt(0.5 / rho), 0.0)
    curve: Any = make_zCDP_to_approxDP(_measurement("gaussian", scale))
    return float(curve.map(1.0).epsilon(delta))


@lru_cache(maxsize=64)
def _measurement(mechanism: str, scale: float) -> Any:
    from opendp import domains, measurements, metrics, mod

    mod.enable_features("contrib")
    integers = domains.vector_domain(domains.atom_domain(T="i64"))
    if mechanism == "laplace":
        return measurements.make_laplace(integers, metrics.l1_distance(T="i64"), scale=scale)
    return measurements.make_gaussian(integers, metrics.l2_distance(T="f64"), scale=scale)


def _broken(problem: str) -> BrokenContract:
    return BrokenContract(f"The noise of the contract {problem}: nothing was sent, ask the author of the study.")
