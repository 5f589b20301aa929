"""Where a record comes from and what was made of it: references followed both ways, and a picture of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import QuerySet

from jazari.catalog.facets import EVIDENCE
from jazari.catalog.models import CatalogItem, CatalogReference

DEEPEST = 4
"""Steps away from the record."""
MOST_RECORDS = 24
"""On each side."""
_ORDER = ("dataset", "study", "result", "model", "prototype", "provider", "service")
_WIDTH, _HEIGHT, _GAP, _ROW = 190, 46, 54, 62
_LETTERS = 22


@dataclass(frozen=True)
class Lineage:
    """``before``: what the record rests on; ``after``: what rests on it; ``missing``: what it rests on and is not here.

    ``edges`` are pairs of references, from what came first. ``cut``: there is more than is shown.
    """

    item: CatalogItem
    before: list[CatalogItem]
    after: list[CatalogItem]
    missing: list[str]
    edges: list[tuple[str, str]]
    cut: bool

    @property
    def records(self) -> list[CatalogItem]:
        """All, in the order of the chain from data to services."""
        found = {each.ref: each for each in (*self.before, self.item, *self.after)}
        return sorted(found.values(), key=lambda item: (_stage(item.type), item.place))


def lineage_of(item: CatalogItem) -> Lineage:
    """Follow references from ``item`` at most ``DEEPEST`` steps; records that only prove something are left out."""
    before, edges_before, cut_before = _walk(item, _targets)
    after, edges_after, cut_after = _walk(item, _sources)
    here = {each.ref for each in (item, *before, *after)}
    named = CatalogReference.objects.filter(item=item).values_list("target", flat=True)[: 4 * MOST_RECORDS]
    missing = [ref for ref in named if ref not in here and ref.split("/")[1] not in EVIDENCE and not _exists(ref)]
    edges = dict.fromkeys([*edges_before, *((second, first) for first, second in edges_after)])
    return Lineage(item, before, after, missing[:MOST_RECORDS], list(edges), cut_before or cut_after)


Neighbours = Callable[[list[CatalogItem]], list[tuple[str, CatalogItem]]]
"""For items, pairs of one of their references and an item beside it."""


def _walk(item: CatalogItem, neighbours: Neighbours) -> tuple[list[CatalogItem], list[tuple[str, str]], bool]:
    found: dict[str, CatalogItem] = {item.ref: item}
    edges, level, cut = [], [item], False
    for _step in range(DEEPEST):
        following: list[CatalogItem] = []
        for ref, other in neighbours(level):
            if other.ref not in found and len(found) > MOST_RECORDS:
                cut = True
                continue
            if other.ref not in found:
                found[other.ref] = other
                following.append(other)
            edges.append((other.ref, ref))
        level = following
        if not level:
            return list(found.values())[1:], edges, cut
    return list(found.values())[1:], edges, cut or bool(neighbours(level))


def _targets(items: list[CatalogItem]) -> list[tuple[str, CatalogItem]]:
    """What the cards of ``items`` name."""
    rows = CatalogReference.objects.filter(item__in=items).values_list("item_id", "target")
    named = list(rows.order_by("item_id", "target")[: 20 * MOST_RECORDS])
    there = {item.ref: item for item in _shown().filter(ref__in={target for _, target in named})}
    refs = {item.pk: item.ref for item in items}
    return [(refs[source], there[target]) for source, target in named if target in there]


def _sources(items: list[CatalogItem]) -> list[tuple[str, CatalogItem]]:
    """Whose cards name ``items``, the newest first."""
    refs = [item.ref for item in items]
    rows = CatalogReference.objects.filter(target__in=refs).exclude(item__type__in=EVIDENCE)
    pairs = list(rows.order_by("-item__place").values_list("item_id", "target")[: 20 * MOST_RECORDS])
    there = _shown().in_bulk({source for source, _target in pairs})
    return [(target, there[source]) for source, target in pairs if source in there]


def _shown() -> QuerySet[CatalogItem]:
    return CatalogItem.objects.exclude(type__in=EVIDENCE).defer("record", "search_title", "search_text")


def _exists(ref: str) -> bool:
    return CatalogItem.objects.filter(ref=ref).exists()


def _stage(kind: str) -> int:
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


@dataclass(frozen=True)
class Box:
    """A record in the picture: its corner, its two lines of text."""

    x: int
    y: int
    kind: str
    title: str
    own: bool

    @property
    def middle(self) -> int:
        """The height of its middle."""
        return self.y + _HEIGHT // 2


@dataclass(frozen=True)
class Picture:
    """Boxes in columns by stage and the lines between them, in pixels."""

    width: int
    height: int
    boxes: list[Box]
    lines: list[tuple[int, int, int, int]]
    box_width: int = _WIDTH
    box_height: int = _HEIGHT


def picture_of(lineage: Lineage, title_of: Callable[[CatalogItem], str]) -> Picture:
    """The chain from data to services, from the left to the right in every language, as its stages are numbered."""
    stages = sorted({_stage(item.type) for item in lineage.records})
    rows = dict.fromkeys(stages, 0)
    boxes: dict[str, Box] = {}
    for item in lineage.records:
        stage = _stage(item.type)
        x, y = stages.index(stage) * (_WIDTH + _GAP) + 1, rows[stage] * _ROW + 1
        boxes[item.ref] = Box(x, y, item.type, _short(title_of(item) or item.ref), item.ref == lineage.item.ref)
        rows[stage] += 1
    lines = [
        (boxes[first].x + _WIDTH, boxes[first].middle, boxes[second].x, boxes[second].middle)
        for first, second in lineage.edges
        if first in boxes and second in boxes and boxes[first].x < boxes[second].x
    ]
    width = len(stages) * (_WIDTH + _GAP) - _GAP + 2
    return Picture(width, max(rows.values()) * _ROW - _ROW + _HEIGHT + 2, list(boxes.values()), lines)


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1].rstrip()}\u2026"
