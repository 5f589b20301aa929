"""An institute's engine client whose job processes can be told to wait, so that faults come in mid-round.

``python -m jazari.studies.flare.tests.paced_site site ENGINE``: the ordinary processes, but the executor first
waits as ``ENGINE/pace.json`` says: ``{"pause_at": N}`` before round N and later ones, ``{"stalled": true}`` for good,
``{"stalled_at": "sums"}`` before that step.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from jazari.studies.flare import jobs, process, processes, wire
from jazari.studies.messages import Message, decode

PACE = "pace.json"


def _must_wait(engine: Path, message: Message) -> bool:
    try:
        pace = json.loads((engine / PACE).read_bytes())
    except (OSError, ValueError):
        return False
    held = bool(pace.get("stalled")) or pace.get("stalled_at") == message.step
    return held or 0 < pace.get("pause_at", 0) <= message.round


def _slow_down(engine: Path) -> None:
    from jazari.studies.flare.executor import ParticipantExecutor

    execute = ParticipantExecutor.execute

    def waiting(self: Any, task_name: str, shareable: Any, fl_ctx: Any, abort_signal: Any) -> Any:
        message = decode(wire.unpack(shareable[jobs.REQUEST]))
        while _must_wait(engine, message) and not abort_signal.triggered:
            time.sleep(0.02)
        return execute(self, task_name, shareable, fl_ctx, abort_signal)

    ParticipantExecutor.execute = waiting  # type: ignore[method-assign]


if __name__ == "__main__":
    # What this process starts for jobs is this module again.
    processes.MODULE = "jazari.studies.flare.tests.paced_site"
    if sys.argv[1] == "site-job":
        _slow_down(Path(sys.argv[2]))
    os._exit(process.main(sys.argv[1:]))
