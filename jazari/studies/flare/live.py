"""What the keeper needs to see of a running job, left in a small file by the job's controller."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from jazari.core.canonical import canonical_json


@dataclass(frozen=True)
class Live:
    """One job of a run: the round it asks for, who fetched the request, and since when (seconds, epoch).

    ``moved``: when the last part of a large message was sent (seconds, epoch); 0 before.
    """

    job: str = ""
    round: int = 0
    asked: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    since: float = 0.0
    moved: float = 0.0


def write_live(engine: Path, run: str, live: Live) -> None:
    """Replace what is known. Not synced to disk: after a crash the job that wrote it is gone as well."""
    path = _path(engine, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_bytes(canonical_json({**live.__dict__, "asked": list(live.asked), "fetched": list(live.fetched)}))
    draft.replace(path)


def read_live(engine: Path, run: str) -> Live:
    """What is known; an empty ``Live`` before the job has asked anything."""
    try:
        found = json.loads(_path(engine, run).read_bytes())
        asked, fetched = tuple(found["asked"]), tuple(found["fetched"])
        return Live(found["job"], found["round"], asked, fetched, found["since"], found["moved"])
    except (OSError, ValueError, KeyError, TypeError):
        return Live()


def _path(engine: Path, run: str) -> Path:
    return engine / "jobs" / f"{run}.live.json"
