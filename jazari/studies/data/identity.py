"""Keyed fingerprints of subjects and values, so that two versions of a data set can be compared and not read.

The key is this institute's own and never leaves it. A subject's fingerprint depends on its identifying columns
alone, whatever the order of the rows, so that the same person is found again in the next version of the file.
Without identifying columns a row is its own subject, known by its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Prints = npt.NDArray[np.uint64]
"""64-bit fingerprints. Two of a million subjects collide with a probability of about 3e-8."""

_NAN = np.uint64(0x7FF8000000000000)


def mix(values: Prints) -> Prints:
    """A bijection that scatters 64-bit numbers (splitmix64's finaliser; Steele, Lea, Flood, OOPSLA 2014)."""
    x = values + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def join(first: Prints, second: Prints) -> Prints:
    """One fingerprint of two, in this order."""
    return mix(mix(first) ^ second)


def of_texts(texts: Iterable[str], key: bytes) -> Prints:
    """Keyed BLAKE2b of each text."""
    digests = b"".join(blake2b(text.encode(), key=key, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def of_numbers(numbers: npt.NDArray[np.float64], key: bytes) -> Prints:
    """Fingerprints of float64 values; all NaN are one, and so are both zeros."""
    bits = np.where(np.isnan(numbers), _NAN, (numbers + 0.0).view(np.uint64))
    return mix(bits ^ of_texts(["number"], key)[0])


def of_codes(codes: npt.NDArray[np.int64], levels: Sequence[str], key: bytes) -> Prints:
    """Fingerprints of a category by the texts of its levels; -1 is missing."""
    return of_texts([*(f"level {level}" for level in levels), "missing"], key)[codes]


def numbered(prints: Prints) -> Prints:
    """The same with equal ones told apart by how many came before: a multiset as a set."""
    order = np.argsort(prints, kind="stable")
    ordered = prints[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if ordered.size else np.zeros(0, np.int64)
    lengths = np.diff(np.append(starts, ordered.size))
    place = np.empty(prints.size, dtype=np.uint64)
    place[order] = (np.arange(prints.size) - np.repeat(starts, lengths)).astype(np.uint64)
    return join(prints, place)
