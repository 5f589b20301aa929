"""Merkle trees as in RFC 6962, section 2.1: one root over many receipts, and a short proof for each. Pure.

Leaves and inner nodes are hashed with different first bytes, so that neither can pass for the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    """SHA-256 of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


class Tree:
    """A tree that grows leaf by leaf: about one hash for each, and few more for the root at any moment."""

    def __init__(self) -> None:
        self.count = 0
        # The roots of the full subtrees, the largest first: one for each binary digit 1 of the count.
        self._full: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append the hash of one more leaf."""
        count = self.count
        while count & 1:
            leaf, count = _node_hash(self._full.pop(), leaf), count >> 1
        self._full.append(leaf)
        self.count += 1

    def root(self) -> bytes:
        """As ``root_of`` all leaves."""
        if not self._full:
            return root_of([])
        found = self._full[-1]
        for left in reversed(self._full[:-1]):
            found = _node_hash(left, found)
        return found


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over the hashes of the leaves (2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return _node_hash(root_of(leaves[:middle]), root_of(leaves[middle:]))


def path_of(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The audit path of leaf ``index`` (2.1.1), from its neighbour up to the root."""
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*path_of(index, leaves[:middle]), root_of(leaves[middle:])]
    return [*path_of(index - middle, leaves[middle:]), root_of(leaves[:middle])]


def root_from(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that ``path`` gives for leaf ``index`` of ``count``; None where the path has another length.

    The algorithm of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < count:
        return None
    place, last, found = index, count - 1, leaf
    for other in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = _node_hash(other, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = _node_hash(found, other)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None
