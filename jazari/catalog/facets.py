"""What items are narrowed and counted by, and the two texts in which an item carries it.

``facets`` holds all values for counting, each behind a digit for its facet, so that thousands of items are counted by
joining and splitting their texts.
``search_facets`` holds one key per value for the full-text engine, which finds by words and facets in one step.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jazari.catalog.texts import LANGUAGES, in_language
from jazari.trust.records import Record

FACETS = ("kind", "institute", "region", "sector", "language", "licence")
MOST_VALUES = 60
"""Of one facet on one item."""
LONGEST_VALUE = 100
LATEST = "flatest"
KEPT = "fkept"
OFFER = "foffer"
"""Keys of items that no later version replaces, that were not withdrawn, and of the latest that are no evidence."""
EVIDENCE = ("approval", "attestation", "checkpoint", "run", "withdrawal")
"""Types that prove something about other records, and are no offer of an institute."""
BETWEEN = "\x1f"
"""Between the values of an item, and of items that are counted together."""
_SORTED_BY = 24
"""Characters of a title."""

Values = Mapping[str, Sequence[str]]


def facets_of(record: Record, title: Mapping[str, str], *, readable: bool) -> dict[str, list[str]]:
    """The values of every facet of a record; of a card that cannot be read, only what its reference says."""
    found = {"kind": [record.type], "institute": [record.namespace]}
    if readable:
        card = record.card
        coverage, licence = _mapping(card.get("coverage")), _mapping(card.get("licence"))
        found |= {
            "region": [*_texts(coverage.get("regions")), *_texts([card.get("region")])],
            "sector": _texts(card.get("sectors")),
            "language": [language for language in LANGUAGES if language in title],
            "licence": _texts([licence.get("name")]),
        }
    return {name: _bounded(values) for name, values in found.items() if values}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _bounded(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value[:LONGEST_VALUE] for value in values))[:MOST_VALUES]


def encode(values: Values) -> str:
    """``values`` as one text. Cards hold no control characters, so that one may separate."""
    return BETWEEN.join(f"{number}{value}" for number, name in enumerate(FACETS) for value in values.get(name, ()))


def decode(text: str) -> dict[str, list[str]]:
    """What ``encode`` wrote."""
    found: dict[str, list[str]] = {}
    for part in text.split(BETWEEN) if text else ():
        found.setdefault(FACETS[int(part[0])], []).append(part[1:])
    return found


def count(texts: str) -> dict[str, Counter[str]]:
    """How many items have each value, by facet; ``texts``: those of all items, with ``BETWEEN`` between them."""
    found: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for part, items in Counter(texts.split(BETWEEN)).items():
        if part:
            found[FACETS[int(part[0])]][part[1:]] = items
    return found


@lru_cache(maxsize=10_000)
def key(name: str, value: str) -> str:
    """What stands for one value of one facet in the full-text engine: letters and digits only."""
    return "f" + hashlib.sha256(f"{name}={value[:LONGEST_VALUE]}".encode("utf-8", "replace")).hexdigest()[:15]


def keys_of(values: Values, *, latest: bool = True, kept: bool = True) -> str:
    """The keys of an item, separated by spaces; ``LATEST`` and ``KEPT`` come last."""
    keys = [key(name, value) for name in FACETS for value in values.get(name, ())]
    offer = latest and not set(values.get("kind", ())) & set(EVIDENCE)
    flags = ((KEPT, kept), (OFFER, offer), (LATEST, latest))
    return " ".join([*keys, *(flag for flag, is_so in flags if is_so)])


def sort_titles(title: Mapping[str, str]) -> str:
    """The beginnings of a title in each language, without case and accents, to sort by."""
    return BETWEEN.join(_folded(in_language(title, language)) for language in LANGUAGES)


def sort_titles_in(language: str, texts: Iterable[str]) -> list[str]:
    """The beginnings in ``language`` of what ``sort_titles`` wrote for each item; French ones for other languages."""
    number = LANGUAGES.index(language) if language in LANGUAGES else 0
    missing = [""] * len(LANGUAGES)
    return [(text.split(BETWEEN) if text else missing)[number] for text in texts]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text[: 4 * _SORTED_BY]).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter) and letter.isprintable())[
        :_SORTED_BY
    ]
