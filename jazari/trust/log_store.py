"""Logs in a folder: segment files under ``<folder>/<namespace>/log/`` and their index.

Bytes are appended in place. Bytes past the end that the index (or signed metadata) names are left over from
an unfinished step: nobody reads them and the next append writes over them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from jazari.core.errors import Unavailable
from jazari.core.files import plain_os_errors, sync_folder
from jazari.trust.chain import LogCursor, LogState, Piece, Placed
from jazari.trust.errors import NotContinuous, RecordMissing, RepositoryDamaged, TrustError
from jazari.trust.log_index import LogIndex, Position
from jazari.trust.metadata import LogHead, log_path
from jazari.trust.records import Record
from jazari.trust.segments import MAX_SEGMENT_BYTES, SegmentHeader, frames


class LogStore:
    """The logs under ``folder`` with the index in the file ``index``."""

    def __init__(self, folder: Path, index: Path) -> None:
        self.folder = folder
        self.index = LogIndex(index)
        self._frame = lru_cache(maxsize=4)(self._read_frame)

    def segment_path(self, namespace: str, segment: int) -> Path:
        """The file of a segment."""
        return self.folder / log_path(namespace, segment)

    def stored(self, namespace: str, segment: int, length: int) -> bytes:
        """The first ``length`` bytes of a segment, fewer if the file is shorter."""
        if segment == 0:
            return b""
        path = self.segment_path(namespace, segment)
        if not path.exists():
            return b""
        with plain_os_errors(path), path.open("rb") as file:
            return file.read(length)

    def cursor(self, namespace: str, state: LogState | None = None) -> LogCursor:
        """A cursor at the end of the indexed log (or at ``state``)."""
        state = state or self.index.state(namespace)
        stored = self.stored(namespace, state.head.segment, state.head.length)
        return LogCursor(namespace, state, stored, self.index.last_version)

    def write(self, namespace: str, pieces: Iterable[Piece]) -> None:
        """Put ``pieces`` in their segment files, durably; they count only once the index names them."""
        for piece in pieces:
            path = self.segment_path(namespace, piece.segment)
            with plain_os_errors(path):
                self._write_piece(path, piece)

    def _write_piece(self, path: Path, piece: Piece) -> None:
        new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if not new else "x+b") as file:
            if file.seek(0, os.SEEK_END) < piece.offset:
                raise RepositoryDamaged(f"{path} is shorter than it was: restore it, or remove this copy.")
            file.seek(piece.offset)
            file.truncate()
            file.write(piece.data)
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(path.parent)

    def pieces(self, namespace: str, start: LogHead, end: LogHead) -> Iterator[Piece]:
        """The stored bytes between two ends of a log, one piece a segment."""
        for segment in range(max(start.segment, 1), end.segment + 1):
            offset = start.length if segment == start.segment else 0
            limit = end.length if segment == end.segment else None
            data = self._tail(namespace, segment, offset, limit)
            if data:
                yield Piece(segment, offset, data)

    def catch_up(self, namespace: str, head: LogHead) -> LogState:
        """Bring the index to ``head``, which is trusted, from the segment files; usually nothing is to do."""
        state = self.index.state(namespace)
        if state.head == head:
            return state
        if state.head.same_content(head):
            self.index.add(namespace, renamed(state, head), ())
            return renamed(state, head)
        if not self._continues(state.head, head):
            state = LogState(LogHead(0))
            self.index.cut(namespace, state)
        return self._follow(namespace, state, head)

    def _continues(self, old: LogHead, new: LogHead) -> bool:
        return (old.segment, old.length) <= (new.segment, new.length) and old.records <= new.records

    def _follow(self, namespace: str, state: LogState, head: LogHead) -> LogState:
        cursor = self.cursor(namespace, state)
        placed: list[Placed] = []
        for piece in self.pieces(namespace, state.head, head):
            placed += cursor.feed(piece)
            if len(placed) > 20_000:
                self.index.add(namespace, cursor.state(0), placed)
                placed = []
        reached = cursor.finish(head)
        self.index.add(namespace, reached, placed)
        return reached

    def _tail(self, namespace: str, segment: int, offset: int, limit: int | None) -> bytes:
        path = self.segment_path(namespace, segment)
        with plain_os_errors(path), path.open("rb") as file:
            file.seek(offset)
            return file.read(MAX_SEGMENT_BYTES + 1 if limit is None else limit - offset)

    def cut(self, namespace: str, head: LogHead) -> LogState:
        """Make ``head``, an earlier end of the same log, its end; ``NotContinuous`` if it never was one."""
        stored = self.stored(namespace, head.segment, head.length)
        before, inside = _count(stored)
        state = LogState(head, before)
        digest = hashlib.sha256(stored).hexdigest() if stored else ""
        if (len(stored), digest, before + inside) != (head.length, head.sha256, head.records):
            raise NotContinuous(f"The log of {namespace} never ended where it was frozen: fetch it again.")
        self.index.cut(namespace, state)
        self._frame.cache_clear()
        return state

    def find(self, record_ref: str) -> Record:
        """The record called ``record_ref``; ``RecordMissing`` if there is none."""
        series, _, version = record_ref.rpartition("@")
        position = self.index.find(series, int(version)) if version.isdigit() else None
        if position is None:
            raise RecordMissing(f"There is no record {record_ref[:120]}: check its name, or sync first.")
        return self.read(position)

    def records(self, namespace: str, after: int = 0, kind: str | None = None) -> Iterator[Record]:
        """The records of a log after the ``after``-th, in order; only those of type ``kind`` if given."""
        for position in self.index.positions(namespace, after, kind):
            yield self.read(position)

    def read(self, position: Position) -> Record:
        """The record at ``position``."""
        lines = self._frame(position.namespace, position.segment, position.frame, position.length)
        return Record.from_line(lines[position.line])

    def _read_frame(self, namespace: str, segment: int, offset: int, length: int) -> tuple[bytes, ...]:
        path = self.segment_path(namespace, segment)
        try:
            with plain_os_errors(path), path.open("rb") as file:
                file.seek(offset)
                return next(iter(frames(file.read(length)))).lines
        except (StopIteration, TrustError, Unavailable) as error:
            self.index.remember(_damage(namespace), "found")
            raise RepositoryDamaged(
                f"{path} is damaged: run `jazari sync`, which fetches it again; at the Root, restore it from a backup."
            ) from error

    def is_damaged(self, namespace: str) -> bool:
        """Whether the log is known to be damaged on this disk: cut short, or found so when it was read."""
        head = self.index.state(namespace).head
        if head.segment == 0:
            return False
        path = self.segment_path(namespace, head.segment)
        short = not path.is_file() or path.stat().st_size < head.length
        return short or bool(self.index.fact(_damage(namespace)))

    def mended(self, namespace: str) -> None:
        """Forget the damage: every segment has its hash again."""
        self.index.remember(_damage(namespace), "")
        self._frame.cache_clear()


def _damage(namespace: str) -> str:
    return f"damaged:{namespace}"


def renamed(state: LogState, head: LogHead) -> LogState:
    """``state`` under the version of ``head``, which has the same content."""
    return LogState(head, state.records_before)


def _count(segment: bytes) -> tuple[int, int]:
    """How many records come before this segment, and how many it holds."""
    if not segment:
        return 0, 0
    parts = list(frames(segment))
    header = SegmentHeader.from_line(parts[0].lines[0])
    return header.records_before, sum(len(part.lines) for part in parts) - 1
