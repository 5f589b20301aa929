"""Finding and reading catalogue items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from django.db.models import Count, Q, QuerySet

from jazari.catalog import facets
from jazari.catalog.engines import Asked, completions, listing_of, newest
from jazari.catalog.errors import ItemNotFound
from jazari.catalog.facets import EVIDENCE
from jazari.catalog.models import CatalogItem, CatalogState
from jazari.catalog.normalise import query_keys, unfinished
from jazari.trust.records import Record

MOST_RANKED = 2000
"""So many of the newest hits are put in order; a question with more hits should be narrowed."""
MOST_SHOWN = 200


Sort = Literal["best", "newest", "title"]


@dataclass(frozen=True)
class Page:
    """Some hits in order. ``total`` counts all, or is ``MOST_RANKED`` where ``more`` says there are more.

    ``facets``: how many of the counted hits have each value, by facet, the most frequent first.
    """

    items: list[CatalogItem]
    total: int
    more: bool
    facets: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)


def search(
    query: str = "",
    *,
    types: Sequence[str] = (),
    namespace: str = "",
    all_versions: bool = False,
    withdrawn: bool = True,
    evidence: bool = True,
    offset: int = 0,
    limit: int = 20,
    narrow: Mapping[str, Sequence[str]] = MappingProxyType({}),
    sort: Sort = "best",
    language: str = "fr",
) -> Page:
    """Items that have every word of ``query`` in any language; the newest first without words.

    Where nothing is found, the last word is taken for the beginning of one, as it is while somebody types.

    ``best`` puts items whose title has all the words before the others, each the newest first; ``title`` sorts by the
    title in ``language``. Only the newest ``MOST_RANKED`` hits are put in order and counted. ``narrow``: for each
    facet (see ``facets.FACETS``) the values of which an item must have one; unknown facets find nothing. Only the
    latest version of each record is shown unless ``all_versions``; withdrawn ones are shown, marked, unless
    ``withdrawn`` is false; so are the types of ``EVIDENCE``, unless ``evidence`` is false (which older versions are
    not asked with). ``limit`` is at most ``MOST_SHOWN``.
    """
    asked = query_keys(query)
    if query.strip() and not asked:
        return Page([], 0, more=False)
    wanted = {"kind": types, "institute": [namespace] if namespace else []}
    keys = [_keys(name, values) for name, values in (*wanted.items(), *narrow.items()) if values]
    keys += [
        () if all_versions else (facets.LATEST if evidence else facets.OFFER,),
        () if withdrawn else (facets.KEPT,),
    ]
    version = catalogue_version()
    answer = remembered if version else remembered.__wrapped__
    question = tuple(each for each in keys if each), sort, language, MOST_RANKED
    found = answer(version, tuple(asked), *question)
    if not found.places and (completed := _completed(query, asked)):
        found = answer(version, completed, *question)
    start = min(max(offset, 0), MOST_RANKED)
    shown = _loaded(found.places[start : start + max(1, min(limit, MOST_SHOWN))])
    return Page(shown, len(found.places), found.more, found.facets)


def _completed(query: str, asked: Sequence[tuple[str, ...]]) -> Asked:
    """The question with all that its last word may be the beginning of; empty where that is nothing."""
    whole, beginnings = unfinished(query)
    words = dict.fromkeys(word for beginning in beginnings for word in completions(beginning))
    return (*(each for each in asked if each != whole), tuple(words)) if words else ()


def _keys(name: str, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(facets.key(name, value) for value in values)


@dataclass(frozen=True)
class _Found:
    """All hits in order, by place, and how many of them have each value."""

    places: list[int]
    more: bool
    facets: Mapping[str, Sequence[tuple[str, int]]]


@lru_cache(maxsize=64)
def remembered(version: str, asked: Asked, keys: Asked, sort: Sort, language: str, most: int) -> _Found:  # noqa: ARG001
    """The answer to a question in one version of the catalogue: its other pages, and who asks the same, cost little."""
    ordered = _ranked(asked, keys, sort)
    ranked = ordered[:most]
    listing = listing_of(ranked, titled=sort == "title")
    if sort == "title":
        titles = dict(zip(listing.titles, facets.sort_titles_in(language, listing.titles.values()), strict=True))
        ranked = sorted((place for place in ranked if place in titles), key=titles.__getitem__)
    return _Found(ranked, len(ordered) > most, _counted(listing.facets))


def _ranked(asked: Asked, keys: Asked, sort: Sort) -> list[int]:
    """The places of the hits; at least one more than is ranked, where there are more."""
    most = MOST_RANKED + 1
    if not asked or sort != "best":
        return newest(asked, keys, most)
    titled = newest(asked, keys, most, "search_title")
    if len(titled) == most:
        return titled
    seen = set(titled)
    return [*titled, *(place for place in newest(asked, keys, most) if place not in seen)]


def _loaded(places: Sequence[int]) -> list[CatalogItem]:
    rows = CatalogItem.objects.filter(place__in=places).defer("search_title", "search_text", "search_facets")
    found = {item.place: item for item in rows}
    return [found[place] for place in places if place in found]


def _counted(texts: str) -> dict[str, list[tuple[str, int]]]:
    counts = facets.count(texts)
    return {name: sorted(found.items(), key=lambda pair: (-pair[1], pair[0])) for name, found in counts.items()}


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


def latest_publications(
    limit: int = 10, *, types: Sequence[str] = (), namespace: str = "", besides: str = ""
) -> list[CatalogItem]:
    """The newest records that stand, of ``types`` (else of all that are no ``EVIDENCE``), at most ``MOST_SHOWN``.

    Only those of ``namespace``, or only those of all others than ``besides``, where one is given.
    """
    rows = _standing().filter(type__in=list(types)) if types else _standing().exclude(type__in=EVIDENCE)
    if namespace:
        rows = rows.filter(namespace=namespace)
    if besides:
        rows = rows.exclude(namespace=besides)
    return list(rows.order_by("-place")[: max(0, min(limit, MOST_SHOWN))])


def items_of(namespace: str, kind: str = "", *, offset: int = 0, limit: int = 20) -> Page:
    """What an institute published (of type ``kind``), the newest first, withdrawn items left out."""
    return search(types=[kind] if kind else (), namespace=namespace, withdrawn=False, offset=offset, limit=limit)
