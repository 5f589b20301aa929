"""Draw the portal's pictures again: ``python assets/make_drawings.py``; nothing but Python is needed.

All of them grow from one figure, the khatam: the eight-fold star of Moroccan zellij, two squares turned by 45 degrees.
The mark puts the hub of a wheel into it; the ornament is a wheel after those of al-Jazari's water clocks and water
raising machines (Book of Knowledge of Ingenious Mechanical Devices, 1206): twelve scoops, a ring of twelve hours.
"""

from __future__ import annotations

from math import cos, pi, sin
from pathlib import Path

PICTURES = Path(__file__).parents[1] / "jazari/portal/static/portal/img"
INNER = cos(pi / 4) / cos(pi / 8)
"""Radius of the star's inner corners where that of its tips is 1."""

Point = tuple[float, float]


def at(angle: float, radius: float, middle: Point) -> Point:
    """The point at ``angle`` (degrees, 0 to the right) and ``radius`` from ``middle``."""
    turn = angle * pi / 180
    return middle[0] + radius * cos(turn), middle[1] + radius * sin(turn)


def path(points: list[Point], *, close: bool = True) -> str:
    """Straight lines through ``points``."""
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points) + ("Z" if close else "")


def star(middle: Point, radius: float, turn: float = 0) -> str:
    """The outline of the eight-fold star."""
    return path([at(turn + 22.5 * k, radius * (INNER if k % 2 else 1), middle) for k in range(16)])


def squares(middle: Point, radius: float) -> str:
    """The two squares of the star, crossing."""
    return "".join(path([at(turn + 90 * k, radius, middle) for k in range(4)]) for turn in (0, 45))


def mark() -> str:
    """The sign of the network, for the header and the browser's tab: it carries its own ground."""
    middle = (16.0, 16.0)
    return _svg(
        32,
        '<rect width="32" height="32" rx="7" fill="#0b4a47"/>'
        f'<path d="{squares(middle, 12.4)}" fill="none" stroke="#f7efdf" stroke-width="2" stroke-linejoin="round"/>'
        '<circle cx="16" cy="16" r="3.6" fill="#e3a74c"/>',
    )


def zellij() -> str:
    """A tile that repeats on all sides: stars that touch by their tips, and the crosses between them."""
    size, middle = 64.0, (32.0, 32.0)
    corners = [(x, y) for x in (0.0, size) for y in (0.0, size)]
    lines = star(middle, 32) + star(middle, 26) + squares(middle, 17)
    lines += "".join(star(corner, 10, 22.5) for corner in corners)
    return _svg(64, f'<path d="{lines}" fill="none" stroke="#000" stroke-width="1.3" stroke-linejoin="round"/>')


def band() -> str:
    """A frieze, one star high: whole stars, and halves of the crosses between them."""
    stars = star((12, 12), 11.2)
    hole = star((12, 12), 4.6, 22.5)
    cross = "M24 3.2L27.4 6.6L24 10L20.6 6.6ZM24 14L27.4 17.4L24 20.8L20.6 17.4Z"
    wrapped = cross.replace("24", "0").replace("27.4", "3.4").replace("20.6", "-3.4")
    return _svg(24, f'<path fill-rule="evenodd" d="{stars}{hole}{cross}{wrapped}"/>')


def wheel() -> str:
    """The ornament: a wheel with twelve scoops, a ring of hours, eight pairs of spokes and a star at its hub."""
    middle = (200.0, 200.0)
    circles = [(168, 200, 200), (160, 200, 200), (128, 200, 200), (122, 200, 200), (24, 200, 200), (9, 200, 200)]
    hours = [(9.5, *at(30 * k + 15, 144, middle)) for k in range(12)]
    lines = "".join(path([at(30 * k, 128, middle), at(30 * k, 160, middle)], close=False) for k in range(12))
    for k in range(8):
        for side in (-1, 1):
            ends = (at(45 * k + 22.5 + side * 5.6, 63, middle), at(45 * k + 22.5 + side * 2.8, 122, middle))
            lines += path(list(ends), close=False)
    lines += squares(middle, 76) + star(middle, 40, 22.5) + "".join(_scoop(30 * k, middle) for k in range(12))
    rings = "".join(f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{_short(r)}"/>' for r, x, y in circles + hours)
    drawn = f'<path d="{lines}"/>{rings}'
    return _svg(400, f'<g fill="none" stroke="#000" stroke-width="2" stroke-linejoin="round">{drawn}</g>')


def _scoop(angle: float, middle: Point) -> str:
    """A cup on the rim that tips as the wheel turns."""
    foot, back, lip = at(angle - 5, 168, middle), at(angle - 3.5, 194, middle), at(angle + 8, 190, middle)
    front, foot_end = at(angle + 4.5, 176, middle), at(angle + 4, 168, middle)
    bottom = f"Q{_pair(front)} {_pair(foot_end)}"
    return f"M{_pair(foot)}L{_pair(back)}L{_pair(lip)}{bottom}"


def _pair(point: Point) -> str:
    return f"{_short(point[0])} {_short(point[1])}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _svg(size: int, content: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}">{content}</svg>\n'


if __name__ == "__main__":
    for drawing in (mark, zellij, band, wheel):
        (PICTURES / f"{drawing.__name__}.svg").write_text(drawing(), encoding="utf-8")
