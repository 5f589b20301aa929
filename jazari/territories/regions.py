"""Regions by code or name, from a small JSON reference that a network may replace by its own."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors
from jazari.territories.errors import BadTerritories, UnknownRegion

MOROCCO = Path(__file__).parent / "data" / "morocco.json"
OWN_FILE = "territories.json"
_CODE = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,8}")
_PATH = re.compile(r"M[MmLlHhVvCcQqZz0-9 ,.-]{1,100000}")
_LARGEST = 5_000_000
_WIDEST = 10_000


@dataclass(frozen=True)
class Shape:
    """A region on the map: an SVG ``path`` and a point of it, ``middle``, that has room around it."""

    path: str
    middle: tuple[float, float]


@dataclass(frozen=True)
class Map:
    """The regions' shapes by code, in a field of ``width`` by ``height`` units, and whom to credit for them."""

    width: int
    height: int
    source: str
    licence: str
    shapes: dict[str, Shape]


@dataclass(frozen=True)
class Region:
    """``code`` is ISO 3166-2 (``MA-12``); ``names`` by language (fr, ar, zgh, en)."""

    code: str
    names: dict[str, str]

    def name(self, language: str = "fr") -> str:
        """The name in ``language``, else in French, else the first one there is."""
        return self.names.get(language) or self.names.get("fr") or next(iter(self.names.values()))


@dataclass(frozen=True)
class Territories:
    """The regions of one country, in the order of their codes, and whom to credit for them."""

    country: str
    source: str
    licence: str
    changes: str
    regions: tuple[Region, ...]
    map: Map | None = None

    def __iter__(self) -> Iterator[Region]:
        return iter(self.regions)

    def find(self, text: str) -> Region:
        """The region with the code ``MA-12`` or ``12``, or with that name in any language.

        Accents, case, spaces and kinds of hyphen do not matter. Raises ``UnknownRegion``.
        """
        region = self._index.get(_fold(text))
        if region is None:
            known = ", ".join(f"{item.code} {item.name()}" for item in self.regions)
            raise UnknownRegion(f"{text[:60]!r} is no region of {self.country}: use one of {known}.")
        return region

    def name_of(self, code: str) -> dict[str, str]:
        """The names by language of the region with exactly this code; none where there is no such region."""
        return next((region.names for region in self.regions if region.code == code), {})

    def shape_of(self, code: str) -> Shape | None:
        """Where the region is on the map; None where there is no map, or it does not show this region."""
        return self.map.shapes.get(code) if self.map else None

    @cached_property
    def _index(self) -> dict[str, Region]:
        index: dict[str, Region] = {}
        for region in self.regions:
            short = region.code.partition("-")[2]
            for text in (region.code, short, *region.names.values()):
                if index.setdefault(_fold(text), region) != region:
                    raise BadTerritories(f"{text!r} names two regions: correct the territories file.")
        return index


def load(path: Path | None = None) -> Territories:
    """The territories in ``path``, or Morocco's. Raises ``BadTerritories`` with the rule that is broken."""
    source = path or MOROCCO
    with plain_os_errors(source), source.open("rb") as file:
        data = file.read(_LARGEST + 1)
    try:
        territories = _parse(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadTerritories(f"{source} is no territories file ({str(error)[:120]}): correct it.") from error
    territories.find(territories.regions[0].code)  # builds the index: two regions with one name are refused
    return territories


def load_for(folder: Path) -> Territories:
    """The territories of the network whose node lives in ``folder``: its own file there, else Morocco's."""
    own = folder / OWN_FILE
    return _load_once(own, own.stat().st_mtime_ns) if own.is_file() else _load_once(None, 0)


def usable_for(folder: Path) -> Territories:
    """The same for pages: Morocco's also where the network's own file is there and cannot be used."""
    try:
        return load_for(folder)
    except (OSError, JazariError):
        return _load_once(None, 0)


@lru_cache(maxsize=4)
def _load_once(path: Path | None, _stamp: int) -> Territories:
    return load(path)


def _parse(document: Any) -> Territories:
    regions = tuple(_region(item) for item in document["regions"])
    if not regions:
        raise ValueError("it names no region")
    texts = {name: document.get(name, "") for name in ("country", "source", "licence", "changes")}
    for name, text in texts.items():
        if not isinstance(text, str) or (name != "changes" and not text):
            raise ValueError(f"{name} must be a text")
    drawn = _map(document["map"], {region.code for region in regions}) if document.get("map") else None
    return Territories(regions=tuple(sorted(regions, key=lambda region: region.code)), map=drawn, **texts)


def _map(item: Any, codes: set[str]) -> Map:
    """The map in a territories file. A path may draw only: it becomes part of pages."""
    width, height, source, licence = (item[name] for name in ("width", "height", "source", "licence"))
    if not all(type(length) is int and 0 < length <= _WIDEST for length in (width, height)):
        raise ValueError(f"the map's width and height must be whole numbers up to {_WIDEST}")
    if not all(isinstance(text, str) and text for text in (source, licence)):
        raise ValueError("the map must name its source and licence")
    if not set(item["shapes"]) <= codes:
        raise ValueError("the map has a shape of a region that is not named")
    shapes = {code: _shape(path, item["middles"][code]) for code, path in item["shapes"].items()}
    return Map(width, height, source, licence, shapes)


def _shape(path: Any, middle: Any) -> Shape:
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError("a shape must be an SVG path of lines and curves")
    if len(middle) != 2 or not all(type(place) in (int, float) and 0 <= place <= _WIDEST for place in middle):
        raise ValueError("a middle must be two numbers within the map")
    return Shape(path, (middle[0], middle[1]))


def _region(item: Any) -> Region:
    code, names = item["code"], item["names"]
    if not _CODE.fullmatch(code):
        raise ValueError(f"the code {code!r} is not like MA-12")
    if not names or not all(isinstance(name, str) and name.strip() for name in names.values()):
        raise ValueError(f"the region {code} has no name or an empty one")
    return Region(code, dict(names))


def _fold(text: str) -> str:
    """``text`` without case, accents, marks, spaces and punctuation."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
