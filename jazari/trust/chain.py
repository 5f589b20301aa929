"""Following a log: the rules that make it append-only, with no input or output.

A ``LogCursor`` stands at the end of what is already trusted and takes the bytes that come next. It refuses
whatever does not continue: the Root uses it to accept, readers to sync, verifiers to check a whole history.

1. Bytes go on exactly where the log ended; a full segment takes no more, one that is not full is not left.
2. A new segment starts with a header that names the one before it by number, length and SHA-256.
3. Every record is canonical, names this institute, and is the next version of its series.
4. At the end, segment, length, hash and record count are those that were signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from jazari.trust.errors import BadSegment, ForeignRecord, NotContinuous
from jazari.trust.metadata import LogHead
from jazari.trust.records import Record
from jazari.trust.segments import MAX_SEGMENT_BYTES, Frame, SegmentHeader, frames, is_full

LastVersion = Callable[[str], int]
"""The newest known version of a series, 0 if it is unknown."""


@dataclass(frozen=True)
class LogState:
    """Where a log ends, and how many records came before its newest segment."""

    head: LogHead
    records_before: int = 0

    @property
    def full(self) -> bool:
        """Whether the newest segment is sealed (or there is none), so that the next frame starts one."""
        in_segment = self.head.records - self.records_before
        return self.head.segment == 0 or is_full(self.head.length, in_segment)


@dataclass(frozen=True)
class Piece:
    """Bytes of ``segment`` from ``offset`` on: whole frames."""

    segment: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Placed:
    """A record and where it stands: the ``number``-th of its log (from 1), line ``line`` of a frame."""

    number: int
    record: Record
    segment: int
    frame_offset: int
    frame_length: int
    line: int


class LogCursor:
    """The end of ``namespace``'s log at ``state``; ``stored`` are the bytes of its newest segment."""

    def __init__(
        self, namespace: str, state: LogState, stored: bytes = b"", last_version: LastVersion = lambda _s: 0
    ) -> None:
        head = state.head
        if len(stored) != head.length:
            raise NotContinuous(
                f"The stored log of {namespace} has {len(stored)} bytes in segment {head.segment} where "
                f"{head.length} are expected: remove this copy and fetch it again."
            )
        self.namespace = namespace
        self._segment, self._length = head.segment, head.length
        self._records, self._before = head.records, state.records_before
        self._hash = hashlib.sha256(stored)
        self._last_version = last_version
        self._new_versions: dict[str, int] = {}

    @property
    def full(self) -> bool:
        """Whether the next frame must start a new segment."""
        return self._segment == 0 or is_full(self._length, self._records - self._before)

    def feed(self, piece: Piece) -> list[Placed]:
        """Take the next bytes and return their records; raises and is useless after bad ones."""
        if piece.offset + len(piece.data) > MAX_SEGMENT_BYTES:
            raise BadSegment(f"Segment {piece.segment} is longer than {MAX_SEGMENT_BYTES:,} bytes.")
        self._start(piece)
        placed: list[Placed] = []
        for frame in frames(piece.data, piece.offset):
            if frame.offset and self.full:
                raise NotContinuous(f"Segment {self._segment} of {self.namespace} goes on after it was full.")
            placed += self._frame(frame)
            self._hash.update(piece.data[frame.offset - piece.offset :][: frame.length])
            self._length += frame.length
        return placed

    def state(self, version: int) -> LogState:
        """Where the log ends now, as ``version`` of its metadata would name it."""
        head = LogHead(version, self._segment, self._length, self._digest(), self._records)
        return LogState(head, self._before)

    def finish(self, head: LogHead) -> LogState:
        """The state reached, which must be what ``head`` names."""
        reached = self.state(head.version)
        if reached.head != head:
            raise NotContinuous(
                f"The log of {self.namespace} ends otherwise than its signature says (segment "
                f"{self._segment}, {self._length} bytes, {self._records} records)."
            )
        return reached

    def _digest(self) -> str:
        return self._hash.hexdigest() if self._segment else ""

    def _start(self, piece: Piece) -> None:
        if (piece.segment, piece.offset) == (self._segment, self._length) and not self.full:
            return
        if (piece.segment, piece.offset) != (self._segment + 1, 0) or not self.full:
            raise NotContinuous(
                f"The log of {self.namespace} goes on at segment {piece.segment}, byte {piece.offset}, but "
                f"it ended at segment {self._segment}, byte {self._length}."
            )

    def _frame(self, frame: Frame) -> list[Placed]:
        first = 0
        if frame.offset == 0:
            self._open_segment(SegmentHeader.from_line(frame.lines[0]))
            first = 1
        return [
            self._place(frame, number, Record.from_line(line))
            for number, line in enumerate(frame.lines[first:], start=first)
        ]

    def _open_segment(self, header: SegmentHeader) -> None:
        expected = SegmentHeader(self.namespace, self._segment + 1, self._records, self._digest(), self._length)
        if header != expected:
            raise NotContinuous(
                f"Segment {self._segment + 1} of {self.namespace} does not continue segment {self._segment}: "
                "its first line names another one."
            )
        self._segment, self._length, self._before = header.segment, 0, self._records
        self._hash = hashlib.sha256()

    def _place(self, frame: Frame, line: int, record: Record) -> Placed:
        if record.namespace != self.namespace:
            raise ForeignRecord(f"{record.ref} stands in the log of {self.namespace}: it is not accepted.")
        known = self._new_versions.get(record.series) or self._last_version(record.series)
        if record.version != known + 1:
            raise NotContinuous(
                f"{record.ref} is not the next version of {record.series}, whose newest is {known}: "
                "published versions never change."
            )
        self._new_versions[record.series] = record.version
        self._records += 1
        return Placed(self._records, record, self._segment, frame.offset, frame.length, line)
