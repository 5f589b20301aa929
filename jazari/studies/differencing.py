"""What two or more answers over one data set tell when they are subtracted. Pure: no files.

An answer is a division of rows into released cells. Two divisions, each summed over any of its cells, differ by
the subjects that lie in one sum and not in the other. The two divisions are the two sides of a graph: nodes are
cells, an edge joins a cell of each that share rows, and one more node stands for all that is in no cell. Every
choice of cells is a cut of this graph, and the subjects on its edges are those that the difference is about: so
no difference is small exactly when no cut is (the smallest is found by Stoer and Wagner, J. ACM 44, 1997).

Over all answers together, the leverage of a subject (Hoaglin and Welsch, The American Statistician 32, 1978) in
the matrix of cells by subjects is the share of its value that the answers determine: 1 when it can be solved for.
If any combination of answers were about one or two subjects alone, one of them would have 1/2 or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from jazari.studies.data.identity import Prints, mix
from jazari.studies.data.table import Codes, Floats

LARGEST_LEVERAGE = 1 / 3
"""The largest share of one subject's value that all answers together may determine."""

CHUNK = 20_000
_DEPENDENT = 1e-9


@dataclass(frozen=True)
class Cells:
    """A division as it is kept: for each row in a released cell, the cell, the subject, and its measured values.

    ``content`` maps a variable to fingerprints of (subject, value, how many equal before), one for each row.
    """

    cell: Codes
    subject: Prints
    content: Mapping[str, Prints]

    @cached_property
    def once(self) -> bool:
        """Whether each subject has one row."""
        return np.unique(self.subject).size == self.subject.size

    @cached_property
    def digest(self) -> str:
        """Equal for divisions of the same rows into the same cells, measuring the same variables."""
        hashed = blake2b(digest_size=16)
        for name, array in sorted({"": self.subject, **self.content}.items()):
            order = np.lexsort((array, self.cell))
            hashed.update(f"{name}:".encode() + array[order].tobytes() + self.cell[order].tobytes())
        return hashed.hexdigest()

    def population(self, variable: str) -> str:
        """A digest of the rows and their values of ``variable``, however they are divided."""
        return blake2b(np.sort(self.content[variable]).tobytes(), digest_size=16).hexdigest()


def too_similar(new: Cells, old: Cells, floor: int) -> bool:
    """Whether some cells of ``new`` less some of ``old`` are about 1 to ``floor`` - 1 subjects of a variable."""
    shared = sorted(set(new.content) & set(old.content))
    if not shared:
        return False
    if new.once and old.once:
        return _single_rows_too_similar(new, old, shared, floor)
    if _few_more(new, old, floor):
        return True
    return any(_small_cut(_edges(new, old, new.content[v], old.content[v]), floor) for v in shared)


def _single_rows_too_similar(new: Cells, old: Cells, shared: Sequence[str], floor: int) -> bool:
    """With one row a subject: by who is in the cells, which no change of unit hides, then by changed values."""
    edges = _edges(new, old, new.subject, old.subject)
    if _any_thin(edges, floor) and _small_cut(edges, floor):
        return True
    one, other = new.content, old.content
    changed = [v for v in shared if not np.isin(one[v], other[v]).all() or not np.isin(other[v], one[v]).all()]
    if all(np.array_equal(np.isin(one[v], other[v]), np.isin(new.subject, old.subject)) for v in changed):
        return False  # who is in both has the same values
    return any(_small_cut(_edges(new, old, one[v], other[v]), floor) for v in changed)


def _any_thin(edges: _Edges, floor: int) -> bool:
    """Whether any edge has fewer than ``floor`` rows: without one there is no small cut."""
    count = np.bincount(edges.one * edges.nodes + edges.other)
    return bool(((count > 0) & (count < floor)).any())


def _few_more(new: Cells, old: Cells, floor: int) -> bool:
    """Whether all that is in one and all that is in the other differ by few subjects, whatever their values."""
    only = (np.setdiff1d(new.subject, old.subject).size, np.setdiff1d(old.subject, new.subject).size)
    return any(0 < count < floor for count in only) and sum(only) < floor


@dataclass(frozen=True)
class _Edges:
    """One entry for each row on an edge: its two nodes, and its subject as a small number."""

    one: Codes
    other: Codes
    subject: Codes
    nodes: int


def _edges(new: Cells, old: Cells, new_keys: Prints, old_keys: Prints) -> _Edges:
    """Rows in both divisions join their cells; a row in one alone joins its cell to what is in no cell."""
    first = int(new.cell.max(initial=-1)) + 1
    outside = first + int(old.cell.max(initial=-1)) + 1
    _, in_new, in_old = np.intersect1d(new_keys, old_keys, assume_unique=True, return_indices=True)
    lone_new, lone_old = np.ones(new_keys.size, np.bool_), np.ones(old_keys.size, np.bool_)
    lone_new[in_new] = lone_old[in_old] = False
    one = np.concatenate([new.cell[in_new], new.cell[lone_new], first + old.cell[lone_old]])
    away = np.full(int(lone_new.sum() + lone_old.sum()), outside)
    prints = np.concatenate([new.subject[in_new], new.subject[lone_new], old.subject[lone_old]])
    _, subject = np.unique(prints, return_inverse=True)
    return _Edges(one, np.concatenate([first + old.cell[in_old], away]), subject.astype(np.int64), outside + 1)


def _small_cut(edges: _Edges, floor: int) -> bool:
    """Whether some cut has 1 to ``floor`` - 1 distinct subjects on its edges, or may have.

    An edge with ``floor`` subjects is in no small cut, so its nodes are merged. What is left has few nodes. There
    a subject on m edges counts 1/m on each: no cut counts more than its distinct subjects, so none is missed.
    """
    merged = _merge_strong(edges, floor)
    if merged.one.size == 0:
        return False
    on_edges = np.bincount(merged.subject)
    weights = np.zeros((merged.nodes, merged.nodes))
    np.add.at(weights, (merged.one, merged.other), 1 / on_edges[merged.subject])
    weights += weights.T
    return any(_cut_below(weights[np.ix_(part, part)], floor) for part in _components(weights > 0))


def _merge_strong(edges: _Edges, floor: int) -> _Edges:
    while True:
        edges = _distinct(edges)
        pair, count = np.unique(edges.one * edges.nodes + edges.other, return_counts=True)
        strong = pair[count >= floor]
        if strong.size == 0:
            return edges
        label = _joined(strong // edges.nodes, strong % edges.nodes, edges.nodes)
        edges = _Edges(label[edges.one], label[edges.other], edges.subject, int(label.max()) + 1)


def _distinct(edges: _Edges) -> _Edges:
    """Each subject once on each edge; edges within a node go."""
    low, high = np.minimum(edges.one, edges.other), np.maximum(edges.one, edges.other)
    subjects = int(edges.subject.max(initial=0)) + 1
    keys = np.unique((low * edges.nodes + high)[low < high] * subjects + edges.subject[low < high])
    pair = keys // subjects
    return _Edges(pair // edges.nodes, pair % edges.nodes, keys % subjects, edges.nodes)


def _joined(one: Codes, other: Codes, nodes: int) -> Codes:
    """A new number for each node, equal for nodes that the pairs connect."""
    parent = list(range(nodes))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        parent[root(a)] = root(b)
    return np.unique([root(node) for node in range(nodes)], return_inverse=True)[1].astype(np.int64)


def _components(joined: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[Codes]:
    one, other = np.nonzero(joined)
    label = _joined(one, other, len(joined))
    parts = [np.flatnonzero(label == number) for number in range(int(label.max()) + 1)]
    return [part for part in parts if part.size > 1]


def _cut_below(weights: Floats, limit: float) -> bool:
    """Whether a connected graph has a cut below ``limit``: minimum cut phases, stopped at the first one found."""
    weights = weights.copy()
    np.fill_diagonal(weights, 0.0)
    while len(weights) > 1:
        last, before, cut = _phase(weights)
        if cut < limit - 1e-9:
            return True
        weights[before] += weights[last]
        weights[:, before] += weights[:, last]
        weights[before, before] = 0.0
        weights = np.delete(np.delete(weights, last, 0), last, 1)
    return False


def _phase(weights: Floats) -> tuple[int, int, float]:
    """Nodes in order of their ties to those before: the last one, the one before it, and the cut of the last."""
    ties, taken = weights[0].copy(), np.zeros(len(weights), np.bool_)
    taken[0], last, before, cut = True, 0, 0, 0.0
    for _ in range(len(weights) - 1):
        before, last = last, int(np.argmax(np.where(taken, -1.0, ties)))
        cut = float(ties[last])
        taken[last] = True
        ties += weights[last]
    return last, before, cut


def largest_leverage(divisions: Sequence[Cells], variable: str) -> float:
    """The largest share of one subject's values of ``variable`` that sums over all the cells determine; 0 to 1.

    Of a subject with several rows it is the most of any combination of its values. Rows count by one over
    how many the subject has, so that a cell of n subjects determines 1/n of each.
    """
    keys = np.unique(np.concatenate([d.content[variable] for d in divisions]))
    if keys.size == 0:
        return 0.0
    owner = np.zeros(keys.size, dtype=np.uint64)
    codes, cells = np.full((keys.size, len(divisions)), -1), 0
    for place, division in enumerate(divisions):
        rows = np.searchsorted(keys, division.content[variable])
        codes[rows, place] = np.where(division.cell >= 0, division.cell + cells, -1)
        owner[rows] = division.subject
        cells += int(division.cell.max(initial=-1)) + 1
    first, atom = _atoms(codes)
    _, subject, rows_of = np.unique(owner, return_inverse=True, return_counts=True)
    weights = np.bincount(atom, weights=1 / rows_of[subject]).astype(np.float64)
    projected = _projected(codes[first], weights, cells)
    return _largest_share(projected, atom, subject, rows_of)


def _atoms(codes: Codes) -> tuple[Codes, Codes]:
    """Rows that lie in the same cells of every division: a first one of each kind, and the kind of each row."""
    prints = np.zeros(len(codes), dtype=np.uint64)
    for column in codes.T:
        prints = mix(prints ^ column.astype(np.uint64))
    _, first, atom = np.unique(prints, return_index=True, return_inverse=True)
    return first, atom


def _projected(codes: Codes, weights: Floats, cells: int) -> Floats:
    """For each kind of row its coordinates in an orthonormal basis of the span of the cells."""
    gram = np.zeros((cells, cells))
    for start in range(0, len(codes), CHUNK):
        inside = _indicator(codes[start : start + CHUNK], cells)
        gram += inside.T @ (inside * weights[start : start + CHUNK, None])
    told = np.unique(gram, axis=1, return_index=True)[1]  # the same cell told twice adds nothing
    gram = gram[np.ix_(told, told)]
    size = 1 / np.sqrt(np.where(np.diag(gram) > 0, np.diag(gram), 1.0))
    values, vectors = np.linalg.eigh(gram * np.outer(size, size))
    kept = values > _DEPENDENT
    root = size[:, None] * vectors[:, kept] / np.sqrt(values[kept])
    parts = [_indicator(codes[start : start + CHUNK], cells)[:, told] @ root for start in range(0, len(codes), CHUNK)]
    return np.concatenate(parts)


def _indicator(codes: Codes, cells: int) -> Floats:
    inside = np.zeros((len(codes), cells + 1))
    inside[np.arange(len(codes))[:, None], codes] = 1.0
    return inside[:, :cells]


def _largest_share(projected: Floats, atom: Codes, subject: Codes, rows_of: Codes) -> float:
    """The largest squared singular value of any subject's rows, each weighed by one over their number."""
    pair, count = np.unique(subject * len(projected) + atom, return_counts=True)
    who, kind = pair // len(projected), pair % len(projected)
    weight = count / rows_of[who]
    shares = weight * (projected[kind] ** 2).sum(axis=1)
    largest = float(shares.max())
    starts = np.flatnonzero(np.append(True, who[1:] != who[:-1]))
    for start, end in zip(starts, np.append(starts[1:], who.size), strict=True):
        if end - start > 1 and shares[start:end].sum() > largest:
            rows = projected[kind[start:end]] * np.sqrt(weight[start:end, None])
            largest = max(largest, float(np.linalg.norm(rows, 2) ** 2))
    return largest
