"""Finding and reading catalogue items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import Count, Q, QuerySet

from jazari.catalog.engines import matching_ids
from jazari.catalog.errors import ItemNotFound
from jazari.catalog.models import CatalogItem, CatalogState
from jazari.catalog.normalise import query_keys
from jazari.trust.records import Record

MOST_RANKED = 5000
"""So many of the newest hits are put in order; a question with more hits should be narrowed."""
MOST_SHOWN = 200
EVIDENCE = ("approval", "attestation", "checkpoint", "run", "withdrawal")
"""Types that prove something about other records, and are no offer of an institute."""


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


def catalogue_version() -> str:
    """A text that is another one after every change of the index; empty before the first."""
    return CatalogState.objects.filter(id=1).values_list("version", flat=True).first() or ""


def counts_by_institute() -> dict[str, dict[str, int]]:
    """How many records of each type stand, by namespace: the latest versions that are readable and not withdrawn."""
    version = catalogue_version()
    return {name: dict(types) for name, types in (_counts(version) if version else _count()).items()}


def counts_by_type() -> dict[str, int]:
    """The same for the whole network."""
    found: dict[str, int] = {}
    for types in counts_by_institute().values():
        for kind, count in types.items():
            found[kind] = found.get(kind, 0) + count
    return dict(sorted(found.items()))


def _count() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for namespace, kind, count in _standing().values_list("namespace", "type").annotate(Count("id")).order_by():
        found.setdefault(namespace, {})[kind] = count
    return found


@lru_cache(maxsize=2)
def _counts(version: str) -> dict[str, dict[str, int]]:  # noqa: ARG001  what is kept belongs to it
    return _count()


def _standing() -> QuerySet[CatalogItem]:
    return CatalogItem.objects.filter(is_latest=True, withdrawn_by="", problem="")


def latest_publications(limit: int = 10, *, types: Sequence[str] = (), namespace: str = "") -> list[CatalogItem]:
    """The newest records that stand, of ``types`` (else of all that are no ``EVIDENCE``), at most ``MOST_SHOWN``."""
    rows = _standing().filter(type__in=list(types)) if types else _standing().exclude(type__in=EVIDENCE)
    if namespace:
        rows = rows.filter(namespace=namespace)
    return list(rows.order_by("-published", "ref")[: max(0, min(limit, MOST_SHOWN))])


def items_of(namespace: str, kind: str = "", *, offset: int = 0, limit: int = 20) -> Page:
    """What an institute published (of type ``kind``), the newest first, withdrawn items left out."""
    return search(types=[kind] if kind else (), namespace=namespace, withdrawn=False, offset=offset, limit=limit)
