"""The regions of the network and who is in them: as a map, and as the same in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jazari.catalog.labels import Label, institute_names
from jazari.portal.kinds import counted, in_order
from jazari.settings.home import Home
from jazari.territories import Territories, usable_for
from jazari.trust.directory import DirectoryEntry


@dataclass(frozen=True)
class Place:
    """A region with its institutes. ``mark`` is what stands for it on the map; ``shape`` its outline there, or none."""

    code: str
    mark: str
    names: Mapping[str, str]
    shape: str = ""
    middle: tuple[float, float] = (0, 0)
    institutes: list[dict[str, Any]] = field(default_factory=list)


def names_of(home: Home, code: str) -> dict[str, str]:
    """The names of a region by language; its code as a name where the territories do not know it."""
    return usable_for(home.path).name_of(code) or ({"und": code} if code else {})


def places(
    territories: Territories, entries: Sequence[DirectoryEntry], counts: Mapping[str, Mapping[str, int]]
) -> list[Place]:
    """Every region in order, then one without a code for members that name no region of these territories."""
    found = {region.code: _place(territories, region.code, region.names) for region in territories}
    elsewhere = Place("", "", {})
    own = institute_names(entry.namespace for entry in entries)
    for entry in entries:
        place = found.get(entry.region, elsewhere)
        place.institutes.append(member(entry, counts.get(entry.namespace, {}), own.get(entry.namespace)))
    return [*found.values(), *([elsewhere] if elsewhere.institutes else [])]


def _place(territories: Territories, code: str, names: Mapping[str, str]) -> Place:
    shape, mark = territories.shape_of(code), code.partition("-")[2]
    mark = str(int(mark)) if mark.isdecimal() else mark
    return Place(code, mark, names, shape.path, shape.middle) if shape else Place(code, mark, names)


def member(entry: DirectoryEntry, counts: Mapping[str, int], own: Label | None = None) -> dict[str, Any]:
    """A member as lists show it: ``offers`` in words; ``own``: the titles on its card."""
    return {
        "namespace": entry.namespace,
        "titles": titles_of(entry, own),
        "region": entry.region,
        "active": entry.status == "active",
        "offers": [counted(kind, count) for kind, count in in_order(counts)],
    }


def titles_of(entry: DirectoryEntry, own: Label | None) -> dict[str, str]:
    """What the board signed that a member is called; in other languages, what its own card says."""
    return {**(own if isinstance(own, Mapping) else {}), **entry.titles}
