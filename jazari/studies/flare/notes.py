"""What the keeper says about a run that the coordinator cannot know, and that it is alive at all."""

from __future__ import annotations

import time
from pathlib import Path

ALIVE_SECONDS = 10.0
_LONGEST = 2000


def write_note(engine: Path, run: str, sentence: str) -> None:
    """Replace what is said about ``run``; an empty sentence takes it away."""
    path = _note(engine, run)
    if sentence:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sentence[:_LONGEST], encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def read_note(engine: Path, run: str) -> str:
    """The sentence about ``run``, or an empty one."""
    try:
        return _note(engine, run).read_text(encoding="utf-8")[:_LONGEST]
    except (OSError, ValueError):
        return ""


def beat(engine: Path) -> None:
    """Show that the keeper is alive."""
    (engine / "keeper.alive").touch()


def is_alive(engine: Path) -> bool:
    """Whether the keeper, and so the engine server, was alive within the last seconds."""
    try:
        age = time.time() - (engine / "keeper.alive").stat().st_mtime
    except OSError:
        return False
    # A clock set back makes the file look new: that only delays a warning.
    return age < ALIVE_SECONDS


def _note(engine: Path, run: str) -> Path:
    return engine / "jobs" / f"{run}.note"
