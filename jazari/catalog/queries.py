"""Finding and reading catalogue items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from jazari.catalog.engines import matching_ids
from jazari.catalog.errors import ItemNotFound
from jazari.catalog.models import CatalogItem
from jazari.catalog.normalise import query_keys
from jazari.trust.records import Record

MOST_RANKED = 5000
"""So many of the newest hits are put in order; a question with more hits should be narrowed."""
MOST_SHOWN = 200


@dataclass(frozen=True)
class Page:
    """Some hits in order. ``total`` counts all, or is ``MOST_RANKED`` where ``more`` says there are more."""

    items: list[CatalogItem]
    total: int
    more: bool


def search(
    query: str = "",
    *,
    types: Sequence[str] = (),
    namespace: str = "",
    all_versions: bool = False,
    withdrawn: bool = True,
    offset: int = 0,
    limit: int = 20,
) -> Page:
    """Items that have every word of ``query`` in any language; the newest first without words.

    First come items whose title has all the words, then the others, each the newest first. Only the latest
    version of each record is shown unless ``all_versions``; withdrawn ones are shown, marked, unless
    ``withdrawn`` is false. ``limit`` is at most ``MOST_SHOWN``.
    """
    rows = _filtered(types, namespace, all_versions, withdrawn)
    asked = query_keys(query)
    if query.strip() and not asked:
        return Page([], 0, more=False)
    ordered = _ranked(rows, asked) if asked else _newest(rows)
    start = max(offset, 0)
    shown = ordered[:MOST_RANKED][start : start + max(1, min(limit, MOST_SHOWN))]
    found = CatalogItem.objects.in_bulk(shown)
    return Page([found[key] for key in shown], min(len(ordered), MOST_RANKED), len(ordered) > MOST_RANKED)


def _filtered(types: Sequence[str], namespace: str, all_versions: bool, withdrawn: bool) -> QuerySet[CatalogItem]:
    conditions = Q()
    if types:
        conditions &= Q(type__in=list(types))
    if namespace:
        conditions &= Q(namespace=namespace)
    if not all_versions:
        conditions &= Q(is_latest=True)
    if not withdrawn:
        conditions &= Q(withdrawn_by="")
    return CatalogItem.objects.filter(conditions)


def _newest(rows: QuerySet[CatalogItem]) -> list[int]:
    return list(rows.order_by("-published", "ref").values_list("id", flat=True)[: MOST_RANKED + 1])


def _ranked(rows: QuerySet[CatalogItem], asked: list[tuple[str, ...]]) -> list[int]:
    titled = _newest(rows.filter(id__in=matching_ids(asked, title_only=True)))
    seen = set(titled)
    others = _newest(rows.filter(id__in=matching_ids(asked)))
    return [*titled, *(key for key in others if key not in seen)]


def get_item(reference: str) -> CatalogItem:
    """The item ``namespace/type/name@version``, or the latest version of ``namespace/type/name``."""
    rows = CatalogItem.objects.filter(Q(ref=reference) | Q(series=reference, is_latest=True))
    item = rows.order_by("-version").first()
    if item is None:
        raise ItemNotFound(
            f"Nothing here is called {reference[:140]!r}: check the reference, run `jazari sync`, or search."
        )
    return item


def find_record(reference: str) -> Record | None:
    """The indexed record, or None; what a card check may look up."""
    item = CatalogItem.objects.filter(ref=reference).first()
    return item.as_record() if item else None
