"""Laying out new records as frames and segments: the counterpart of ``chain.LogCursor``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from jazari.trust.chain import LogState, Piece
from jazari.trust.metadata import LogHead
from jazari.trust.segments import (
    FRAME_TARGET_BYTES,
    SEAL_RECORDS,
    SegmentHeader,
    encode_frame,
    is_full,
)


class LogWriter:
    """Continues ``namespace``'s log from ``state``; ``stored`` are the bytes of its newest segment."""

    def __init__(self, namespace: str, state: LogState, stored: bytes) -> None:
        head = state.head
        self.namespace = namespace
        self._segment, self._length = head.segment, head.length
        self._records, self._before = head.records, state.records_before
        self._hash = hashlib.sha256(stored)
        self._pieces: list[Piece] = []

    def append(self, lines: Sequence[bytes]) -> None:
        """Add record lines (each with its line feed), in as few frames as the limits allow."""
        position = 0
        while position < len(lines):
            prefix = self._next_segment() if self._full else []
            room = SEAL_RECORDS - (self._records - self._before)
            taken = _fitting(lines, position, room)
            self._add_frame(encode_frame([*prefix, *lines[position : position + taken]]), taken)
            position += taken

    def result(self, version: int) -> tuple[LogState, list[Piece]]:
        """Where the log ends now, as ``version``, and the bytes to add to its segments."""
        digest = self._hash.hexdigest() if self._segment else ""
        head = LogHead(version, self._segment, self._length, digest, self._records)
        return LogState(head, self._before), self._pieces

    @property
    def _full(self) -> bool:
        return self._segment == 0 or is_full(self._length, self._records - self._before)

    def _next_segment(self) -> list[bytes]:
        previous = self._hash.hexdigest() if self._segment else ""
        header = SegmentHeader(self.namespace, self._segment + 1, self._records, previous, self._length)
        self._segment, self._length, self._before = header.segment, 0, self._records
        self._hash = hashlib.sha256()
        return [header.to_line()]

    def _add_frame(self, frame: bytes, records: int) -> None:
        if self._pieces and self._pieces[-1].segment == self._segment:
            last = self._pieces.pop()
            self._pieces.append(Piece(last.segment, last.offset, last.data + frame))
        else:
            self._pieces.append(Piece(self._segment, self._length, frame))
        self._hash.update(frame)
        self._length += len(frame)
        self._records += records


def _fitting(lines: Sequence[bytes], start: int, room: int) -> int:
    size, count = 0, 0
    for line in lines[start : start + room]:
        size += len(line)
        if count and size > FRAME_TARGET_BYTES:
            break
        count += 1
    return count
