"""A question to the catalogue as an address carries it: words, facets, order, page; everything bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast, get_args
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jazari.catalog.facets import FACETS, LONGEST_VALUE
from jazari.catalog.labels import FACET_NAMES, Label, value_names
from jazari.catalog.normalise import LONGEST_QUERY
from jazari.catalog.queries import MOST_RANKED, Page, Sort, search

PAGE_SIZE = 20
MOST_CHOSEN = 10
"""Values of one facet."""
MOST_OFFERED = 12
SORTS: dict[Sort, Promise] = {"best": _("Best match"), "newest": _("Newest first"), "title": _("Title")}


@dataclass(frozen=True)
class Offer:
    """One value of a facet: how it is called, how many hits have it, the address that adds or removes it."""

    value: str
    label: Label
    count: int
    chosen: bool
    address: str


@dataclass(frozen=True)
class Facet:
    """A facet with the values that are offered; ``left_out`` counts those that are too many to list."""

    name: str
    label: Promise
    offers: list[Offer]
    left_out: int


@dataclass(frozen=True)
class Question:
    """``words`` as typed, ``chosen`` values by facet, ``page`` from 1.

    ``everything``: records that only prove something about others are looked for too, as where their kind is chosen.
    """

    words: str = ""
    chosen: dict[str, list[str]] = field(default_factory=dict)
    sort: Sort = "best"
    page: int = 1
    everything: bool = False

    @classmethod
    def of(cls, one: Callable[[str], str | None], many: Callable[[str], Sequence[str]]) -> Question:
        """From the parameters of an address; what makes no sense is left out, and what is long is cut."""
        sort = one("sort")
        chosen = {name: _values(many(name)) for name in FACETS}
        return cls(
            words=" ".join((one("q") or "")[:LONGEST_QUERY].replace("\0", "").split()),
            chosen={name: values for name, values in chosen.items() if values},
            sort=cast(Sort, sort) if sort in get_args(Sort) else "best",
            page=_page(one("page") or ""),
            everything=one("all") == "1",
        )

    def answer(self, language: str, size: int = PAGE_SIZE) -> Page:
        """What is found."""
        start = (self.page - 1) * size
        return search(
            self.words,
            narrow=self.chosen,
            sort=self.sort,
            language=language,
            offset=start,
            limit=size,
            evidence=self.everything or "kind" in self.chosen,
        )

    @property
    def query(self) -> str:
        """The part of the address after the path, ``?`` included; empty where nothing is asked."""
        pairs = [("q", self.words)] if self.words else []
        pairs += [(name, value) for name, values in self.chosen.items() for value in values]
        pairs += [("sort", self.sort)] if self.sort != "best" else []
        pairs += [("all", "1")] if self.everything else []
        pairs += [("page", str(self.page))] if self.page > 1 else []
        return f"?{urlencode(pairs)}" if pairs else "?"

    @property
    def widened(self) -> str:
        """The address of the same question to all records; empty where they are looked for already."""
        told = self.everything or "kind" in self.chosen
        return "" if told else replace(self, everything=True, page=1).query

    def on_page(self, page: int) -> Question:
        """The same question, another page of its answer."""
        return replace(self, page=page)

    def without(self, name: str, value: str) -> Question:
        """The same without one chosen value, from the first page on."""
        values = [each for each in self.chosen.get(name, ()) if each != value]
        chosen = {key: kept for key, kept in {**self.chosen, name: values}.items() if kept}
        return replace(self, chosen=chosen, page=1)

    def with_value(self, name: str, value: str) -> Question:
        """The same with ``value`` as the only one of its facet, from the first page on."""
        return replace(self, chosen={**self.chosen, name: [value]}, page=1)

    def facets(self, page: Page) -> list[Facet]:
        """What the hits may be narrowed by, and what narrows them now."""
        return [facet for name in FACETS if (facet := self._facet(name, page)).offers]

    def _facet(self, name: str, page: Page) -> Facet:
        found, chosen = page.facets.get(name, ()), self.chosen.get(name, [])
        counts = dict(found)
        # A value that all hits have narrows nothing, but shows what there is.
        values = [*chosen, *([] if chosen else [value for value, _count in found[:MOST_OFFERED]])]
        labels = value_names(name, values)
        offers = [
            Offer(value, labels[value], counts.get(value, 0), value in chosen, self._toggled(name, value).query)
            for value in values
        ]
        return Facet(name, FACET_NAMES[name], offers, 0 if chosen else max(0, len(found) - MOST_OFFERED))

    def _toggled(self, name: str, value: str) -> Question:
        return self.without(name, value) if value in self.chosen.get(name, ()) else self.with_value(name, value)


def pages(total: int, size: int = PAGE_SIZE) -> int:
    """How many pages an answer has, at least 1."""
    return max(1, -(-min(total, MOST_RANKED) // size))


def _values(values: Sequence[str]) -> list[str]:
    cut = (value[:LONGEST_VALUE] for value in values[:MOST_CHOSEN])
    return list(dict.fromkeys(value for value in cut if value and value.isprintable()))


def _page(text: str) -> int:
    return min(int(text), MOST_RANKED) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1
