"""What a benchmark takes and gives back."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEART_DATA = Path(__file__).parents[1].parent / "shared" / "data" / "heart-disease"


@dataclass(frozen=True)
class Options:
    """``smoke``: the smallest size that still runs every step, to see that it works; its figures mean nothing.

    ``heart_data``: the folder of the four hospitals' files. ``flare_seeds``: how many of the twenty splits go
    through the whole network (the others through the same recipe and guard in this process). ``largest``: the most
    institutes that ``secure_scale`` simulates. ``litellm``: the program that ``gateway`` is compared with, if any.
    """

    smoke: bool = False
    heart_data: Path = HEART_DATA
    flare_seeds: int = 20
    largest: int = 1000
    litellm: Path | None = None


@dataclass(frozen=True)
class Finding:
    """One line of the table. ``met``: whether ``target`` is reached; None where there is no target."""

    measure: str
    value: str
    target: str = ""
    met: bool | None = None


@dataclass
class Outcome:
    """``measured``: every figure, for the JSON file; ``findings``: the lines of the table; ``notes``: sentences.

    ``tables``: further tables as (title, header, rows). ``skipped``: why nothing was measured.
    """

    measured: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[tuple[str, list[str], list[list[str]]]] = field(default_factory=list)
    skipped: str = ""


def at_most(measure: str, value: float, limit: float, unit: str, digits: int = 2) -> Finding:
    """A finding whose target is an upper limit."""
    return Finding(measure, f"{value:,.{digits}f} {unit}", f"at most {limit:g} {unit}", value <= limit)


def at_least(measure: str, value: float, limit: float, unit: str, digits: int = 2) -> Finding:
    """A finding whose target is a lower limit."""
    return Finding(measure, f"{value:,.{digits}f} {unit}".strip(), f"at least {limit:g} {unit}".strip(), value >= limit)


def median(values: Iterable[float]) -> float:
    """The median; ``statistics.StatisticsError`` for none."""
    return float(statistics.median(values))


def spread(values: Iterable[float], digits: int = 2) -> str:
    """The median with the smallest and largest value: ``0.21 (0.18 to 0.40)``."""
    found = sorted(values)
    return f"{median(found):.{digits}f} ({found[0]:.{digits}f} to {found[-1]:.{digits}f})"


class Clock:
    """Seconds spent in named steps."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the seconds of the block to ``name``."""
        started = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - started)
