"""A file that tells the node's other processes that a drill has cut the registry. It counts until its time is over."""

from __future__ import annotations

import json
import time
from pathlib import Path

from jazari.core.files import plain_os_errors, write_atomic
from jazari.settings.home import Home


def _path(home: Home) -> Path:
    return home.run / "registry.cut"


def write_marker(home: Home, seconds: float) -> None:
    """Say that the registry is cut for so long from now."""
    write_atomic(_path(home), json.dumps({"until": time.time() + seconds}).encode())


def clear_marker(home: Home) -> None:
    """Say that it is not; harmless if it was not."""
    with plain_os_errors(_path(home)):
        _path(home).unlink(missing_ok=True)


def registry_is_cut(home: Home) -> bool:
    """Whether a drill keeps this node from reading what the network published, now."""
    try:
        until = json.loads(_path(home).read_bytes())["until"]
        return bool(time.time() < until)
    except (OSError, ValueError, KeyError, TypeError):
        return False
