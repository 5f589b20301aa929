"""FLamby's split of rows into training and test: scikit-learn's ``train_test_split``, written out.

The same draws from numpy's frozen ``RandomState`` in the same order, so that the rows are exactly those of
``train_test_split(arange(n), train_size=0.66, test_size=0.34, random_state=seed, shuffle=True, stratify=...)``
without a dependency on scikit-learn. Compared with its 1.9.1 on every split used here: equal, order included.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TRAIN, TEST = 0.66, 0.34
Index = NDArray[np.intp]


def train_and_test(labels: NDArray[np.float64], seed: int, *, stratified: bool) -> tuple[Index, Index]:
    """The positions of the training and the test rows of ``labels`` (one per row)."""
    total = len(labels)
    sizes = (math.floor(TRAIN * total), math.ceil(TEST * total))
    source = np.random.RandomState(seed)
    if stratified:
        return _stratified(labels, sizes, source)
    order = source.permutation(total)
    return order[sizes[1] : sum(sizes)], order[: sizes[1]]


def _stratified(
    labels: NDArray[np.float64], sizes: tuple[int, int], source: np.random.RandomState
) -> tuple[Index, Index]:
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])
    trained = _shares(counts, sizes[0], source)
    tested = _shares(counts - trained, sizes[1], source)
    train: list[int] = []
    test: list[int] = []
    for rows, for_train, for_test in zip(members, trained, tested, strict=True):
        order = rows[source.permutation(len(rows))]
        train += order[:for_train].tolist()
        test += order[for_train : for_train + for_test].tolist()
    return source.permutation(train), source.permutation(test)


def _shares(counts: Index, draws: int, source: np.random.RandomState) -> Index:
    """How many of ``draws`` fall on each class: its share, the largest remainders rounded up, ties by lot."""
    exact = counts / counts.sum() * draws
    shares = np.floor(exact)
    missing = int(draws - shares.sum())
    remainder = exact - shares
    for value in np.sort(np.unique(remainder))[::-1]:
        if missing == 0:
            break
        (tied,) = np.where(remainder == value)
        chosen = source.choice(tied, size=min(len(tied), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return np.asarray(shares, dtype=np.intp)
