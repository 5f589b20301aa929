"""How much noise the terms of a study need, and how much it blurs a figure. Pure arithmetic, the same everywhere.

Laplace: output i of m has scale D_i m / epsilon, so that it costs epsilon / m, and all together epsilon by basic
composition. Gaussian: rho of zero-concentrated privacy is split evenly, scale D_i sqrt(m / (2 rho)), with the
largest rho for which rho + 2 sqrt(rho ln(1/delta)) <= epsilon (Bun and Steinke 2016, proposition 1.3). Each scale
is enlarged by 2^-20 against rounding. OpenDP checks the cost again before it draws (see ``noise``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from jazari.studies.privacy.terms import Mechanism, Noise, NoisyOutput, PrivacyTerms

_SLACK = 1 + 2.0**-20
TAIL = {"laplace": 64.0, "gaussian": 16.0}
"""How many scales the bounds leave for noise; a draw is larger with a probability under 1e-27."""


def calibrate(terms: PrivacyTerms, sensitivities: Mapping[str, int]) -> Noise:
    """Noise for outputs of these ``sensitivities`` (by name) that costs no more than ``terms`` all together."""
    parts = len(sensitivities)
    unit = parts / terms.epsilon if terms.mechanism == "laplace" else math.sqrt(parts / (2 * _rho(terms)))
    return Noise(
        terms=terms,
        outputs=tuple(
            NoisyOutput(output=name, sensitivity=most, scale=_rounded_up(most * unit * _SLACK))
            for name, most in sensitivities.items()
        ),
    )


def _rounded_up(scale: float) -> float:
    """To 9 significant digits, so that no machine's last bit of a logarithm shows in an agreement."""
    step = 10.0 ** (math.floor(math.log10(scale)) - 8)
    return float(f"{math.ceil(scale / step) * step:.9g}")


def _rho(terms: PrivacyTerms) -> float:
    log = math.log(1 / terms.delta)
    return (math.sqrt(log + terms.epsilon) - math.sqrt(log)) ** 2


def tail(mechanism: Mechanism, scale: float) -> int:
    """The room that bounds leave for noise, in units of the output."""
    return math.ceil(TAIL[mechanism] * scale)


def deviation(mechanism: Mechanism, scale: float) -> float:
    """The standard deviation of one draw, in units of the output.

    Discrete Laplace with p = exp(-1/scale): sqrt(2 p) / (1 - p). Discrete Gaussian: at most its scale (Canonne,
    Kamath and Steinke 2020, corollary 9).
    """
    if mechanism == "gaussian":
        return scale
    return math.sqrt(2 * math.exp(-1 / scale)) / -math.expm1(-1 / scale)
