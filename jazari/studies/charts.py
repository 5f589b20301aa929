"""Charts as plain marks with their places, drawn by ``parts/chart.html`` as SVG; a table has the same figures.

Coordinates are texts already, so that no language's decimal comma gets into a drawing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 640.0, 72.0, 16.0, 12.0, 44.0
LINE_HEIGHT, BAR_HEIGHT, ROW_HEIGHT = 260.0, 240.0, 26.0
LONGEST_LABEL = 28
TICKS = 5
Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """One element: ``kind`` is ``line``, ``path``, ``dot``, ``bar`` or ``text``; ``at`` its places, by attribute."""

    kind: str
    at: dict[str, str]
    style: str = ""
    text: str = ""


@dataclass
class Chart:
    """A drawing of ``width`` x ``height`` units; ``title`` is what is read aloud."""

    title: str
    height: float = LINE_HEIGHT
    width: float = WIDTH
    marks: list[Mark] = field(default_factory=list)

    @property
    def box(self) -> str:
        """The ``viewBox``."""
        return f"0 0 {self.width:g} {self.height:g}"

    def line(self, start: Point, end: Point, style: str = "axis") -> None:
        """A straight line."""
        at = {"x1": _at(start[0]), "y1": _at(start[1]), "x2": _at(end[0]), "y2": _at(end[1])}
        self.marks.append(Mark("line", at, style))

    def text(self, place: Point, text: str, anchor: str = "middle") -> None:
        """A label; what is too long is cut, as the table has it whole."""
        cut = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
        self.marks.append(Mark("text", {"x": _at(place[0]), "y": _at(place[1]), "anchor": anchor}, text=cut))

    def dot(self, place: Point) -> None:
        """A point."""
        self.marks.append(Mark("dot", {"x": _at(place[0]), "y": _at(place[1])}, "mark"))

    def path(self, points: Sequence[Point], style: str = "line") -> None:
        """A line through points."""
        drawn = " L".join(f"{_at(x)} {_at(y)}" for x, y in points)
        self.marks.append(Mark("path", {"d": f"M{drawn}"}, style))

    def bar(self, corner: Point, size: Point) -> None:
        """A filled rectangle."""
        at = {"x": _at(corner[0]), "y": _at(corner[1]), "w": _at(max(size[0], 0.0)), "h": _at(max(size[1], 0.0))}
        self.marks.append(Mark("bar", at, "mark"))


def _at(value: float) -> str:
    return f"{value:.1f}"


@dataclass(frozen=True)
class Scale:
    """From values between ``low`` and ``high`` to places between ``start`` and ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def scale_for(values: Sequence[float], start: float, end: float) -> Scale:
    """A scale that holds all ``values`` and has a width even where they are all the same."""
    low, high = min(values), max(values)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1.0):
        spread = abs(low) / 2 or 1.0
        low, high = low - spread, high + spread
    return Scale(low, high, start, end)


def ticks(low: float, high: float) -> list[float]:
    """A few round numbers from ``low`` to ``high``."""
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    found: list[float] = []
    while (first + len(found)) * step <= high + step * 1e-9 and len(found) < 20:
        found.append((first + len(found)) * step)
    return found


def line_chart(
    title: str,
    series: Sequence[Sequence[Point]],
    labels: tuple[str, str],
    *,
    steps: bool = False,
    bounds: tuple[Point, Point] | None = None,
    diagonal: bool = False,
) -> Chart | None:
    """Lines with a dot at each point; the first is drawn full, the others dashed. None without two points.

    ``labels``: of the axes. ``bounds``: the least and largest x and y. ``steps``: a value holds until the next.
    """
    points = [point for one in series for point in one if all(map(math.isfinite, point))]
    if len(points) < 2:
        return None
    chart = Chart(title)
    extra = bounds or ()
    across = scale_for([x for x, _ in (*points, *extra)], LEFT, WIDTH - RIGHT)
    up = scale_for([y for _, y in (*points, *extra)], LINE_HEIGHT - BOTTOM, TOP)
    _frame(chart, across, up, labels)
    if diagonal:
        chart.line((across(0), up(0)), (across(1), up(1)), "other")
    for place, one in enumerate(series):
        drawn = [(across(x), up(y)) for x, y in one if math.isfinite(x) and math.isfinite(y)]
        if drawn:
            chart.path(_stairs(drawn) if steps else drawn, "line" if place == 0 else "other")
        for point in drawn if len(drawn) <= 60 and place == 0 else ():
            chart.dot(point)
    return chart


def _stairs(points: Sequence[Point]) -> list[Point]:
    merged = [points[0]]
    for (_, y), point in pairwise(points):
        merged += [(point[0], y), point]
    return merged


def _frame(chart: Chart, across: Scale, up: Scale, labels: tuple[str, str]) -> None:
    floor = up.start
    chart.line((across.start, floor), (across.end, floor))
    chart.line((across.start, floor), (across.start, up.end))
    for value in ticks(across.low, across.high):
        chart.line((across(value), floor), (across(value), floor + 4))
        chart.text((across(value), floor + 17), f"{value:.6g}")
    for value in ticks(up.low, up.high):
        chart.line((across.start - 4, up(value)), (across.start, up(value)))
        chart.text((across.start - 8, up(value) + 4), f"{value:.4g}", "end")
    chart.text(((across.start + across.end) / 2, floor + 36), labels[0])
    chart.text((across.start + 6, up.end + 10), labels[1], "start")


def interval_chart(
    title: str, rows: Sequence[tuple[str, float, float, float]], label: str, *, around: float = 0.0
) -> Chart | None:
    """One row for each (name, low, middle, high), with a dashed line at ``around``. None without rows."""
    if not rows:
        return None
    chart = Chart(title, TOP + ROW_HEIGHT * len(rows) + BOTTOM)
    floor = chart.height - BOTTOM
    across = scale_for([around, *(value for _, *values in rows for value in values)], 230.0, WIDTH - RIGHT)
    chart.line((across.start, floor), (across.end, floor))
    chart.line((across(around), TOP), (across(around), floor), "other")
    for value in ticks(across.low, across.high):
        chart.line((across(value), floor), (across(value), floor + 4))
        chart.text((across(value), floor + 17), f"{value:.4g}")
    chart.text(((across.start + across.end) / 2, floor + 36), label)
    for place, (name, low, middle, high) in enumerate(rows):
        y = TOP + ROW_HEIGHT * (place + 0.5)
        chart.text((across.start - 12, y + 4), name, "end")
        chart.path([(across(low), y), (across(high), y)])
        chart.dot((across(middle), y))
    return chart


def bar_chart(title: str, bars: Sequence[tuple[str, float]], labels: tuple[str, str]) -> Chart | None:
    """A bar for each (name, value at least 0). None where there is nothing to show."""
    if not bars or max(value for _, value in bars) <= 0:
        return None
    chart = Chart(title, BAR_HEIGHT)
    floor = BAR_HEIGHT - BOTTOM
    up = Scale(0.0, max(value for _, value in bars), floor, TOP)
    width = (WIDTH - LEFT - RIGHT) / len(bars)
    every = max(1, -(-len(bars) // 10))
    for place, (name, value) in enumerate(bars):
        x = LEFT + width * place
        chart.bar((x + width * 0.05, up(max(value, 0.0))), (width * 0.9, floor - up(max(value, 0.0))))
        if place % every == 0:
            chart.text((x + width / 2, floor + 17), name)
    chart.line((LEFT, floor), (WIDTH - RIGHT, floor))
    chart.line((LEFT, floor), (LEFT, TOP))
    for value in ticks(0.0, up.high):
        chart.text((LEFT - 8, up(value) + 4), f"{value:.4g}", "end")
    chart.text(((LEFT + WIDTH - RIGHT) / 2, floor + 36), labels[0])
    chart.text((LEFT + 6, TOP + 10), labels[1], "start")
    return chart
