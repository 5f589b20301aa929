"""Shamir's secret sharing of short secrets (Shamir, How to Share a Secret, CACM 22, 1979).

Each 16 bits of a secret are a value in the field of integers modulo ``PRIME``; all are shared at once. Any
``threshold`` holders find the secret; fewer learn nothing, since every value is then equally likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from jazari.studies.errors import BadShares

Shares = npt.NDArray[np.uint32]
"""(holders, values): row i belongs to holder i, whose abscissa is i + 1."""

PRIME = 4_294_967_291
"""The largest prime below 2**32: products of two values fit into 64 bits."""

_VALUE = np.dtype("<u2")
MOST_HOLDERS = 2**15
"""So that two steps of ``split`` fit into 64 bits."""


def values_of(size: int) -> int:
    """How many field values a secret of ``size`` bytes has."""
    return size // _VALUE.itemsize


def split(secret: bytes, threshold: int, holders: int, coefficients: npt.NDArray[np.uint64]) -> Shares:
    """One share for each holder. ``coefficients`` (threshold - 1, values): uniform below ``PRIME``, used once."""
    if not 1 <= threshold <= holders < MOST_HOLDERS:
        raise BadShares(f"{threshold} of {holders} cannot share a secret: the threshold is out of range.")
    abscissa = np.arange(1, holders + 1, dtype=np.uint64)[:, None]
    value = np.zeros((holders, values_of(len(secret))), dtype=np.uint64)
    for place, row in enumerate(coefficients[: threshold - 1]):
        value = (value + row) * abscissa
        if place % 2:  # two steps fit
            value %= PRIME
    value %= PRIME
    value = (value + np.frombuffer(secret, _VALUE).astype(np.uint64)) % PRIME
    return value.astype(np.uint32)


def combine(shares: Shares, holders: Sequence[int]) -> bytes:
    """The secret of as many shares as its threshold; ``holders`` are their places in ``split``'s result.

    Raises ``BadShares`` when no secret has these shares: somebody sent a wrong one.
    """
    return combine_each(shares[:, None, :], holders)[0]


def combine_each(shares: Shares, holders: Sequence[int]) -> list[bytes]:
    """The secrets behind ``shares`` (holders, secrets, values): one weight for each holder serves them all."""
    weights = _weights_at_zero(tuple(holder + 1 for holder in holders))
    values = np.zeros(shares.shape[1:], dtype=np.uint64)
    for row, weight in zip(shares, weights, strict=True):
        values = (values + row * weight % PRIME) % PRIME
    if (values >= 2**16).any():
        raise BadShares("The shares of a secret do not fit together: the round ends without a total.")
    return [secret.tobytes() for secret in values.astype(_VALUE)]


@lru_cache(maxsize=8)
def _weights_at_zero(abscissae: tuple[int, ...]) -> npt.NDArray[np.uint64]:
    """Lagrange's weights: the value at 0 of each basis polynomial."""
    if len(set(abscissae)) != len(abscissae):
        raise BadShares("A share was given twice: the round ends without a total.")
    weights = []
    for own in abscissae:
        above = below = 1
        for other in abscissae:
            if other != own:
                above = above * other % PRIME
                below = below * (other - own) % PRIME
        weights.append(above * pow(below, -1, PRIME) % PRIME)
    return np.array(weights, dtype=np.uint64)
