"""The time grid of a Cox model, and how all institutes agree on intervals that are long enough for the floor.

The declared intervals are the leaves of a tree: the whole grid is halved, and halved again. An institute
refuses to halve a part of time when one of its halves would hold a small cell here. ``blocks_of`` halves the
grid wherever nobody refuses; the parts that are left are the intervals of the model, the same for all.
Nobody learns which half of a refused part is too small, so that no count follows by subtracting it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jazari.studies.data.table import Codes, Floats, Mask


@dataclass(frozen=True)
class Halving:
    """The declared intervals ``low`` to ``high`` - 1 cut before ``middle``. ``depth`` counts halvings above."""

    low: int
    middle: int
    high: int
    depth: int


@dataclass(frozen=True)
class Block:
    """Declared intervals ``low`` to ``high`` - 1 as one; so many institutes ``refused`` to halve it."""

    low: int
    high: int
    refused: int = 0


def halvings(intervals: int) -> tuple[Halving, ...]:
    """All ``intervals`` - 1 ways to halve a part, the whole first, each followed by those of its halves."""
    found: list[Halving] = []
    waiting = [(0, intervals, 0)]
    while waiting:
        low, high, depth = waiting.pop()
        if high - low > 1:
            middle = (low + high) // 2
            found.append(Halving(low, middle, high, depth))
            waiting += [(middle, high, depth + 1), (low, middle, depth + 1)]
    return tuple(found)


def blocks_of(intervals: int, refusals: Codes) -> tuple[Block, ...]:
    """The blocks in order of time, from how many institutes refuse each of ``halvings`` (intervals - 1,)."""
    cut = {(h.low, h.high): (h.middle, int(count)) for h, count in zip(halvings(intervals), refusals, strict=True)}
    blocks: list[Block] = []
    waiting = [(0, intervals)]
    while waiting:
        low, high = waiting.pop()
        middle, refused = cut.get((low, high), (high, 0))
        if middle == high or refused:
            blocks.append(Block(low, high, refused))
        else:
            waiting += [(middle, high), (low, middle)]
    return tuple(blocks)


def block_of_interval(intervals: int, blocks: tuple[Block, ...]) -> Codes:
    """(intervals,): the index of the block that holds each declared interval."""
    owner = np.zeros(intervals, dtype=np.int64)
    for index, block in enumerate(blocks):
        owner[block.low : block.high] = index
    return owner


def interval_of(durations: Floats, edges: Floats) -> tuple[Codes, Mask]:
    """The declared interval of each duration, and whether it lies within the grid.

    Interval k ends with edge k + 1, which belongs to it, and the first also holds durations equal to the first
    edge. Durations beyond the last edge are in the last interval, and not within. A missing one is in interval -1.
    """
    known = ~np.isnan(durations)
    index = np.searchsorted(edges[1:], np.where(known, durations, edges[0]), side="left")
    within = known & (index < edges.size - 1)
    return np.where(known, np.minimum(index, edges.size - 2), -1).astype(np.int64), within
