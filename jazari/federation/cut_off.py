"""A file that tells the node's processes what a drill has cut off: the registry or the Root. It counts for its time.

Cut off from the Root, a node exchanges nothing with it: its clients and its reader ask here. A study engine's own
connection is none of theirs and goes on.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from jazari.core.files import plain_os_errors, write_atomic
from jazari.settings.home import Home

REGISTRY, ROOT = "registry", "root"
"""What a drill can cut besides a provider: what the network publishes, or all that is exchanged with the Root."""
SENTENCE = "A drill has cut this node off from the Root for a while: try again when it is over; nothing is lost."


def _path(home: Home) -> Path:
    return home.run / "drill.cut"


def write_cut(home: Home, what: str, seconds: float) -> None:
    """Say that ``what`` is cut for so long from now."""
    write_atomic(_path(home), json.dumps({"what": what, "until": time.time() + seconds}).encode())


def clear_cut(home: Home) -> None:
    """Say that nothing is; harmless if nothing was."""
    with plain_os_errors(_path(home)):
        _path(home).unlink(missing_ok=True)


def what_is_cut(home: Home) -> str:
    """What a drill keeps this node's processes from now: ``REGISTRY``, ``ROOT``, or nothing (empty)."""
    try:
        said = json.loads(_path(home).read_bytes())
        return str(said["what"]) if time.time() < said["until"] else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
