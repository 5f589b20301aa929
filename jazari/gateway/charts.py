"""Bars for a chart that the server draws. Pure: only where each bar stands, and what its axis says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT = 720, 180
_BOTTOM = 20
"""Room below the bars for days."""
MOST_LABELS = 8


@dataclass(frozen=True)
class Bar:
    """One day in units of the picture; ``label`` is None where there is no room for it."""

    day: date
    x: float
    y: float
    width: float
    height: float
    label: bool


def bars(values: Sequence[tuple[date, int]]) -> list[Bar]:
    """A bar for each day, as high as its share of the largest value."""
    if not values:
        return []
    most = max(value for _day, value in values) or 1
    step = WIDTH / len(values)
    every = -(-len(values) // MOST_LABELS)
    room = HEIGHT - _BOTTOM
    found = []
    for i, (day, value) in enumerate(values):
        height = room * value / most
        found.append(
            Bar(
                day, round(i * step, 2), round(room - height, 2), round(step * 0.8, 2), round(height, 2), i % every == 0
            )
        )
    return found


def days(since: date, until: date) -> list[date]:
    """Every day from ``since`` to ``until``."""
    return [since + timedelta(days=n) for n in range((until - since).days + 1)]
