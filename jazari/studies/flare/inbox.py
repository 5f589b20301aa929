"""Parts of one large message as they come in, kept on disk: what is here need not be sent again.

::

    <folder>/<SHA-256>     the parts so far, in order; one file, since one transfer goes on at a time

A file that is complete but has another digest is thrown away, and so is every other one when a new transfer
begins: a sender cannot make the receiver keep more than one message.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from jazari.core.files import PRIVATE, locked, plain_os_errors, sync_folder
from jazari.studies.errors import BadMessage
from jazari.studies.flare import wire
from jazari.studies.flare.wire import Part

LOCK_SECONDS = 60.0
_log = logging.getLogger("jazari.engine.parts")


class Inbox:
    """The parts in ``folder``; usable from several processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def held(self, whole: Part) -> int:
        """How many parts of this transfer are here, counted from the first."""
        try:
            size = self._path(whole).stat().st_size
        except FileNotFoundError:
            return 0
        return whole.count if size == whole.size else min(size // wire.PART_BYTES, whole.count - 1)

    def add(self, part: Part) -> int:
        """Keep a part durably and return how many are held; one that comes again or too early changes nothing.

        Raises ``BadMessage``, and forgets all parts, if they are complete and not what was announced.
        """
        with locked(self._folder / "lock", "Another process that receives parts", LOCK_SECONDS):
            held = self.held(part)
            if part.index != held or held == part.count:
                return held
            self._forget_others(part)
            self._write(part)
            if part.index + 1 == part.count:
                self._check(part)
            return part.index + 1

    def keep(self, part: Part) -> int:
        """As ``add``, but parts that make another message than was announced are only logged: 0 are held then."""
        try:
            return self.add(part)
        except BadMessage as error:
            _log.warning("%s", error)
            return 0

    def whole(self, whole: Part) -> bytes:
        """The complete message; raises ``BadMessage`` if it is not what was announced."""
        self._check(whole)
        return self._read(whole)

    def forget(self) -> None:
        """Delete what is here."""
        with locked(self._folder / "lock", "Another process that receives parts", LOCK_SECONDS):
            self._forget_others(None)

    def _write(self, part: Part) -> None:
        path = self._path(part)
        with plain_os_errors(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
            try:
                os.truncate(descriptor, part.index * wire.PART_BYTES)
                os.pwrite(descriptor, part.body, part.index * wire.PART_BYTES)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(self._folder)

    def _check(self, whole: Part) -> None:
        if wire.digest(self._read(whole)) != whole.digest:
            self._path(whole).unlink(missing_ok=True)
            raise BadMessage("The parts of a message do not make the one that was announced: it is sent again.")

    def _read(self, whole: Part) -> bytes:
        with plain_os_errors(self._path(whole)):
            return self._path(whole).read_bytes()

    def _forget_others(self, kept: Part | None) -> None:
        for path in self._folder.iterdir():
            if path.name != "lock" and (kept is None or path != self._path(kept)):
                path.unlink(missing_ok=True)

    def _path(self, whole: Part) -> Path:
        return self._folder / whole.digest.hex()
