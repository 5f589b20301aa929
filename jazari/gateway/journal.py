"""The journal: append-only files of numbered, hash-chained lines, each written at once.

::

    {"at":"2026-11-26T09:00:00Z","body":{...},"kind":"receipt","n":7,"prev":"<hash of line 6>","hash":"<64 hex digits>"}

``hash`` is the SHA-256 of the line without its member ``hash``, which is canonical JSON. A segment begins with a
``snapshot`` line, whose body tells the state that all earlier lines give: to start, only the newest segment is read.
A line is in the kernel's hands when ``append`` returns (a killed process loses none); ``sync`` makes it survive power.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.core.files import locked, plain_os_errors, sync_folder, write_atomic
from jazari.gateway.errors import JournalDamaged, JournalUnwritable
from jazari.gateway.journal_lines import GENESIS, BadLine, Line, check_lines, line_bytes

SEGMENT_BYTES = 8 * 1024 * 1024
BALLAST_BYTES = 4 * 1024 * 1024
"""Room kept on the disk, given up so that calls under way can still be accounted for when it fills."""
SNAPSHOT = "snapshot"


def _open_segment(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)


def segments(folder: Path) -> list[Path]:
    """The journal's files, the oldest first; their names are the numbers of their first lines."""
    return sorted(folder.glob("[0-9]*.ndjson"))


class Journal:
    """The journal in one folder, held by one process; only ``sync`` may be called from another thread.

    ``number`` and ``head``: the number and the hash of the last line; ``replay``: the lines of the newest segment as
    they were found, for the one who keeps the state.
    """

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self.folder = folder
        self.number = 0
        self.head = GENESIS
        self.replay: list[Line] = []
        self._segment_bytes = self._roll_at = segment_bytes
        self._held = contextlib.ExitStack()
        self._swap = threading.Lock()
        self._descriptor = -1
        self._size = 0
        self._unsynced = False
        self._torn = False
        self._broken = False
        self._orphan: Path | None = None
        self._ballast = folder / "ballast"
        self._has_ballast = False
        self._next_try = 0.0
        self._moment = (0, "")

    @classmethod
    def open(cls, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> Journal:
        """Take the lock and find the end, made whole if a line was torn by a crash.

        Raises ``Busy`` if another process holds it, ``JournalDamaged`` if the newest segment is not what was written.
        """
        journal = cls(folder, segment_bytes)
        journal._held.enter_context(locked(folder / "lock", "Another gateway", 0.0))
        try:
            with plain_os_errors(folder):
                journal._find_end()
        except BaseException:
            journal._held.close()
            raise
        journal._has_ballast = journal._make_ballast()
        return journal

    def _find_end(self) -> None:
        while found := segments(self.folder):
            if self._continue(found[-1]):
                return
            # A first segment torn in its first line: nothing was ever accounted for.
            found[-1].unlink()
        self._begin("{}")
        self.replay = [line for line, _ in self._read(segments(self.folder)[-1])]

    def _read(self, path: Path) -> list[tuple[Line, int]]:
        found: list[tuple[Line, int]] = []
        first = int(path.stem)
        try:
            for item in check_lines(path.read_bytes(), first, GENESIS if first == 1 else None):
                found.append(item)
        except BadLine as error:
            raise JournalDamaged(
                f"Line {first + len(found)} of the journal, in {path}, is not what was written ({error}): keep a copy "
                "of the folder, compare it with the receipts in the audit trail, and restore it from a backup."
            ) from error
        return found

    def _continue(self, path: Path) -> bool:
        found = self._read(path)
        if not found:
            return False
        last, end = found[-1]
        self._descriptor, self._size = _open_segment(path), end
        if os.fstat(self._descriptor).st_size > end:
            os.ftruncate(self._descriptor, end)
            os.fsync(self._descriptor)
        self.number, self.head = last.n, last.hash
        self.replay = [line for line, _ in found]
        return True

    def _begin(self, body: str) -> None:
        """Start the next segment: it is there with its snapshot and written to, or not there at all."""
        number = self.number + 1
        data, digest = line_bytes(number, self._now(), SNAPSHOT, body, self.head)
        path = self.folder / f"{number:012d}.ndjson"
        self._finish_segment()
        try:
            write_atomic(path, data, 0o600)
            descriptor = _open_segment(path)
        except BaseException:
            self._orphan = path
            self._remove_orphan()
            raise
        with self._swap:
            old, self._descriptor = self._descriptor, descriptor
            self.number, self.head, self._size = number, digest, len(data)
            self._orphan, self._torn = None, False
        if old >= 0:
            with contextlib.suppress(OSError):
                os.close(old)

    def _finish_segment(self) -> None:
        """Make the segment durable while it is still the one that is written to."""
        if self._descriptor < 0:
            return
        try:
            os.fsync(self._descriptor)
        except OSError:
            self._broken = True  # as in ``sync``
            raise

    def _remove_orphan(self) -> bool:
        """Take back a segment that was not begun: a restart would read it alone. False: it may still be there."""
        if self._orphan is not None:
            try:
                self._orphan.unlink(missing_ok=True)
                sync_folder(self.folder)
            except OSError:
                return False
            self._orphan = None
        return True

    @property
    def full(self) -> bool:
        """Whether it is time to ``roll``."""
        return self._size >= self._roll_at

    def roll(self, snapshot: str) -> bool:
        """Begin a new segment with ``snapshot`` (canonical JSON); False: no room yet, try later."""
        try:
            with plain_os_errors(self.folder):
                self._begin(snapshot)
        except JazariError:
            self._roll_at = self._size + self._segment_bytes // 8
            return False
        self._roll_at = self._segment_bytes
        return True

    def append(self, kind: str, body: str, *, owed: bool = False) -> int:
        """Write one line of canonical JSON ``body`` and return its number.

        Raises ``JournalUnwritable`` where it cannot be, and then nothing was written. ``owed``: what must be accounted
        for because it happened; it may use the last room on the disk, which nothing new may.
        """
        if not self._remove_orphan() or (not owed and (self._broken or not self._has_room())):
            raise self._unwritable("the disk is full or fails")
        number = self.number + 1
        data, digest = line_bytes(number, self._now(), kind, body, self.head)
        try:
            self._write(data)
        except OSError as error:
            if not owed or not self._drop_ballast():
                raise self._unwritable(error.strerror or "it fails") from error
            return self.append(kind, body, owed=owed)
        self.number, self.head, self._size, self._unsynced = number, digest, self._size + len(data), True
        self._torn = False
        return number

    def _write(self, data: bytes) -> None:
        """Write a whole line; what an earlier failure left of one is cut off first."""
        if self._torn:
            os.ftruncate(self._descriptor, self._size)
        self._torn = True
        written = os.write(self._descriptor, data)
        while written < len(data):
            written += os.write(self._descriptor, data[written:])

    def sync(self) -> None:
        """Make all that was appended survive a loss of power. Blocks; callable from another thread.

        After a failure (``JournalUnwritable``) the kernel may have dropped lines: nothing new is taken until a restart.
        """
        if not self._unsynced:
            return
        with self._swap:
            descriptor = os.dup(self._descriptor)
            self._unsynced = False
        try:
            os.fsync(descriptor)
        except OSError as error:
            self._broken = True
            raise self._unwritable(error.strerror or "it fails") from error
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Make everything durable and release the lock."""
        try:
            self.sync()
        finally:
            os.close(self._descriptor)
            self._held.close()

    def _has_room(self) -> bool:
        if not self._has_ballast and time.monotonic() >= self._next_try:
            self._has_ballast = self._make_ballast()
            self._next_try = time.monotonic() + 1.0
        return self._has_ballast

    def _make_ballast(self) -> bool:
        try:
            descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            self._drop_ballast()
            return False
        return True

    def _drop_ballast(self) -> bool:
        had, self._has_ballast = self._has_ballast, False
        self._next_try = time.monotonic() + 1.0
        with contextlib.suppress(OSError):
            self._ballast.unlink()
        return had

    def _unwritable(self, reason: str) -> JournalUnwritable:
        return JournalUnwritable(
            f"The gateway cannot keep accounts in {self.folder} ({reason.lower()}), so it takes no call: free some "
            "space there, then try again."
        )

    def _now(self) -> str:
        moment = clock.now()
        second = int(moment.timestamp())
        if second != self._moment[0]:
            self._moment = (second, clock.timestamp(moment))
        return self._moment[1]
