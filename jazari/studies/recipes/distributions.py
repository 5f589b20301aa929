"""Two-sided p-values without scipy, which study processes need not load."""

from __future__ import annotations

import math

_TINY = 1e-300
_EXACT = 1e-15


def normal_p_value(statistic: float) -> float:
    """P(\\|Z\\| >= \\|statistic\\|) for a standard normal Z."""
    return math.erfc(abs(statistic) / math.sqrt(2))


def student_p_value(statistic: float, freedom: int) -> float:
    """P(\\|T\\| >= \\|statistic\\|) for Student's T with ``freedom`` degrees of freedom (at least 1)."""
    whole = freedom + statistic * statistic
    if abs(statistic) < 1:  # the other form would lose the digits of 1 - x
        return 1.0 - incomplete_beta(0.5, freedom / 2, statistic * statistic / whole)
    return incomplete_beta(freedom / 2, 0.5, freedom / whole)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b positive, x from 0 to 1.

    Lentz's continued fraction (Numerical Recipes, 3rd edition, 6.4), good to about 1e-13 relative.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= d * c
        if abs(d * c - 1) < _EXACT:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
