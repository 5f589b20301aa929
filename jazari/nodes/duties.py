"""What a duty of the worker is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jazari.settings.home import Home


@dataclass(frozen=True)
class Duty:
    """Something that a node does again and again.

    ``run`` gets the home and returns whether it changed something that other duties care about; it must
    end by itself within a few minutes and be harmless to repeat. ``after``: also run at once when one of these
    duties changed something. ``longest_delay_seconds``: at most so long between attempts while it fails.
    ``waits``: it spends its time waiting and may be cut off when the worker stops.
    """

    name: str
    every_seconds: float
    run: Callable[[Home], bool]
    after: tuple[str, ...] = ()
    longest_delay_seconds: float = 120.0
    waits: bool = False
