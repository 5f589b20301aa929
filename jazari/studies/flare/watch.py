"""Housekeeping at an institute's client: no job lives on without the Root, and old job folders go."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jazari.studies.flare import kit, pins
from jazari.studies.flare.process import job_folders

CHECK_SECONDS = 2.0
CUT_OFF_SECONDS = 200.0
KEPT_FOLDERS = 10
_log = logging.getLogger("jazari.engine.watch")


class Watch:
    """Ends this institute's jobs when the Root has been out of reach for long, or access has ended.

    The Root's keeper has given such a job up by then (``kit.LOST_SECONDS``) and will send a new one.
    """

    def __init__(self, engine: Path, client_engine: Any, is_connected: Callable[[], bool]) -> None:
        self._engine, self._client, self._is_connected = engine, client_engine, is_connected
        self._own = kit.own_pin(engine)
        self._board = pins.PinBoard(engine)
        self._last_seen = time.monotonic()

    def start(self) -> None:
        """Watch from now on, in a thread of its own."""
        threading.Thread(target=self._forever, name="watch", daemon=True).start()

    def look(self, now: float) -> None:
        """One look at ``now`` (seconds, monotonic)."""
        named = self._own in self._board.current.institutes.values()
        if named and self._is_connected():
            self._last_seen = now
        elif not named or now - self._last_seen > CUT_OFF_SECONDS:
            for job in self._client.get_all_job_ids():
                _log.warning("Ending job %s: %s", job, "no access" if not named else "the Root is out of reach")
                self._client.abort_app(job)

    def _forever(self) -> None:
        while True:
            try:
                self.look(time.monotonic())
            except Exception:
                _log.exception("The watch could not look")
            time.sleep(CHECK_SECONDS)


def tidy(engine: Path) -> None:
    """Delete the folders of all jobs but the last few, whose logs an operator may want to read."""
    workspace = kit.kit_folder(engine)
    found = [workspace / name for name in job_folders(workspace)]
    found.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in found[KEPT_FOLDERS:]:
        shutil.rmtree(folder, ignore_errors=True)
