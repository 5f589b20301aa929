"""Words to numbers without a vocabulary: every n-gram is hashed into one of an agreed number of buckets.

The hashing trick (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009) without signs.
No institute tells which words it has, and a model learnt this way names none. Small enough to be part of an
agreement's digest, so the search engine's normaliser is not used here.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask

LONGEST_WORD = 60
_SEPARATOR = "\x1f"
# Letters that one hand writes for another: seats of hamza, alef maqsura, ta marbuta; signs that are no letters.
_FOLD = str.maketrans({**dict.fromkeys("أإآٱ", "ا"), "ى": "ي", "ة": "ه", "ـ": None, "ⵯ": None, "œ": "oe", "æ": "ae"})


def tokens(text: str) -> list[str]:
    """The words of ``text`` in French, Arabic, Tamazight or English: lower-case, no accents, no vowel signs.

    NFKD, then runs of letters and digits (Unicode categories L and N); marks and format characters (M, Cf) are
    dropped, anything else parts words. Decimal digits of every script are written 0 to 9.
    """
    return [word for piece in text.split() for word in _words(piece)]


@lru_cache(maxsize=100_000)
def _words(piece: str) -> tuple[str, ...]:
    # Folded again: decomposing makes plain capitals of mathematical and other letters that have no small form.
    return tuple(word[:LONGEST_WORD] for word in "".join(_kept(piece)).casefold().split())


def _kept(text: str) -> Iterator[str]:
    # Folded after lower-casing, which makes ligatures small, and before the seats of hamza are decomposed.
    for character in unicodedata.normalize("NFKD", text.casefold().translate(_FOLD)):
        category = unicodedata.category(character)
        if category[0] in "LN":
            yield str(unicodedata.decimal(character, character))
        elif category[0] != "M" and category != "Cf":
            yield " "


def bucket(column: str, words: Sequence[str], buckets: int) -> int:
    """Where an n-gram of the text variable ``column`` falls: BLAKE2b over its words, modulo ``buckets``."""
    key = _SEPARATOR.join((column, *words)).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") % buckets


@dataclass(frozen=True)
class Bags:
    """Bags of n-grams: for row i the buckets ``index[start[i]:start[i+1]]``, sorted, with their counts."""

    start: Codes
    index: Codes
    count: Floats
    buckets: int

    @property
    def rows(self) -> int:
        """How many bags."""
        return len(self.start) - 1

    @property
    def row(self) -> Codes:
        """The row of each entry."""
        return np.repeat(np.arange(self.rows, dtype=np.int64), np.diff(self.start))

    def take(self, chosen: Codes, kept: Mask) -> Floats:
        """(chosen, buckets): the counts of the ``kept`` buckets, each row scaled to length 1 (or all 0)."""
        dense = np.zeros((len(chosen), self.buckets))
        for place, row in enumerate(chosen):
            part = slice(self.start[row], self.start[row + 1])
            dense[place, self.index[part]] = self.count[part]
        dense *= kept
        length = np.sqrt((dense**2).sum(axis=1, keepdims=True))
        return np.asarray(dense / np.where(length > 0, length, 1.0))


def bags(columns: Sequence[tuple[str, Sequence[str]]], buckets: int, ngrams: int) -> Bags:
    """The bags of all n-grams of 1 to ``ngrams`` words in the named text columns, which are equally long."""
    counted: list[Counter[int]] = [Counter() for _ in columns[0][1]]
    known: dict[tuple[str, ...], int] = {}
    for name, texts in columns:
        for counter, text in zip(counted, texts, strict=True):
            for gram in _grams(tokens(text), ngrams):
                key = (name, *gram)
                if key not in known:
                    known[key] = bucket(name, gram, buckets)
                counter[known[key]] += 1
    entries = [sorted(counter.items()) for counter in counted]
    flat = np.array([entry for row in entries for entry in row], dtype=np.int64).reshape(-1, 2)
    start = np.concatenate([[0], np.cumsum([len(row) for row in entries])]).astype(np.int64)
    return Bags(start, flat[:, 0], flat[:, 1].astype(np.float64), buckets)


def _grams(words: Sequence[str], longest: int) -> Iterator[tuple[str, ...]]:
    for size in range(1, longest + 1):
        yield from zip(*(words[offset:] for offset in range(size)), strict=False)
