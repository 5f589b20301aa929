"""Which processes serve a home: written by its supervisor, read by whoever shows the node's state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jazari.settings.home import Home


def state_file(home: Home) -> Path:
    """Where the supervisor writes which processes it runs."""
    return home.run / "processes.json"


def engine_restart(home: Home) -> Path:
    """The file whose appearance asks the supervisor to start the engine again, e.g. with a new certificate."""
    return home.run / "restart-engine"


def birth(pid: int) -> str:
    """When process ``pid`` started, in kernel ticks; "" if there is none. With the pid it names a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def read_state(home: Home) -> dict[str, Any]:
    """What the supervisor of ``home`` last wrote (``supervisor``, ``processes``); empty if none runs."""
    try:
        state: dict[str, Any] = json.loads(state_file(home).read_text())
        supervisor = state["supervisor"]
        return state if birth(supervisor["pid"]) == supervisor["birth"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def read_duties(home: Home) -> dict[str, Any]:
    """What the worker of ``home`` last said about its duties (runs, problem); empty if it never ran."""
    try:
        return dict(json.loads((home.run / "worker.alive").read_text())["duties"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
