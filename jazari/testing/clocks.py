"""Machines whose clock is wrong: their commands and nodes are real, only the time that they read is moved."""

from __future__ import annotations

from pathlib import Path

from jazari.testing.commands import Commands

DAY = 86_400.0
_FOLDER = Path(__file__).parent / "other_clock"


def with_clock(seconds: float) -> Commands:
    """Commands, and what they serve, on a machine whose clock is so many seconds ahead (or, below 0, behind)."""
    return Commands({"JAZARI_TEST_CLOCK_SECONDS": str(seconds)}, first_path=str(_FOLDER))
