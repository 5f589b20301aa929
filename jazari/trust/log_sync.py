"""Bringing one log from a source to a head that is signed: only the missing bytes, verified before use.

Segments are fetched from the newest back to the last known one, since each names the one before it by hash;
then the whole new part is followed forwards by ``LogStore.catch_up``, which checks every rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from jazari.trust.chain import LogState, Piece
from jazari.trust.downloads import download_range
from jazari.trust.errors import BadDownload, HistoryRewritten, NotContinuous
from jazari.trust.log_store import LogStore
from jazari.trust.metadata import LogHead, log_path
from jazari.trust.segments import MAX_SEGMENT_BYTES, SegmentHeader, frames
from jazari.trust.sources import Source


def sync_log(logs: LogStore, source: Source, namespace: str, head: LogHead, *, may_shorten: bool = False) -> LogState:
    """Make ``head`` the end of ``namespace``'s log in ``logs``.

    ``may_shorten``: the board froze the log, so an earlier end than the known one is right. Otherwise a
    signed head that does not continue the known log raises ``HistoryRewritten``.
    """
    state = logs.index.state(namespace)
    if _behind(head, state.head):
        if not may_shorten:
            raise _rewritten(namespace)
        return _shorten(logs, source, namespace, head)
    if not state.head.same_content(head):
        _Fetch(logs, source, namespace).run(state.head, head)
    try:
        return logs.catch_up(namespace, head)
    except NotContinuous as error:
        raise HistoryRewritten(f"{error} Nothing of it was taken over; tell the Root's team.") from error


def mend_log(logs: LogStore, source: Source, namespace: str) -> None:
    """Fetch again what this disk lost or spoilt of the known log; only bytes with the known hashes are taken."""
    _Fetch(logs, source, namespace).run(LogHead(0), logs.index.state(namespace).head)
    logs.mended(namespace)


def _behind(head: LogHead, known: LogHead) -> bool:
    return (head.segment, head.length) < (known.segment, known.length)


def _rewritten(namespace: str) -> HistoryRewritten:
    return HistoryRewritten(
        f"{namespace} signed a log that drops or changes what it published before: its known records remain, "
        "nothing new was taken over; tell the Root's team."
    )


def _shorten(logs: LogStore, source: Source, namespace: str, head: LogHead) -> LogState:
    try:
        return logs.cut(namespace, head)
    except NotContinuous:
        # What we hold is another history than the one the board vouches for: take the board's.
        logs.index.cut(namespace, LogState(LogHead(0)))
        return sync_log(logs, source, namespace, head)


@dataclass(frozen=True)
class _Fetch:
    """Fetching the missing segments of one log; lengths are those of whole segments, in bytes."""

    logs: LogStore
    source: Source
    namespace: str

    def run(self, known: LogHead, head: LogHead) -> None:
        """Put everything between ``known`` and ``head`` into the segment files, each hash checked."""
        length, sha256 = head.length, head.sha256
        for segment in range(head.segment, known.segment, -1):
            data = self._segment(segment, length, sha256)
            length, sha256 = self._previous(segment, data)
        if known.segment:
            self._tail(known, length, sha256)

    def _segment(self, segment: int, length: int, sha256: str) -> bytes:
        """The segment of this hash: from an earlier, interrupted sync if it is here, else fetched and kept."""
        self._check_length(segment, length)
        stored = self.logs.stored(self.namespace, segment, length)
        if hashlib.sha256(stored).hexdigest() == sha256:
            return stored
        data = self._download(segment, (0, length), _has_hash(b"", sha256))
        self.logs.write(self.namespace, [Piece(segment, 0, data)])
        return data

    def _tail(self, known: LogHead, length: int, sha256: str) -> None:
        """What follows the known bytes in the segment that was the newest one."""
        self._check_length(known.segment, length)
        if length <= known.length:
            if (length, sha256) != (known.length, known.sha256):
                raise _rewritten(self.namespace)
            return
        # Ours must be what it was, before anybody is said to have changed it.
        stored = self._segment(known.segment, known.length, known.sha256)
        try:
            data = self._download(known.segment, (known.length, length), _has_hash(stored, sha256))
        except BadDownload:
            # Whose fault is it? If the whole segment has the signed hash, its author changed what we know.
            self._download(known.segment, (0, length), _has_hash(b"", sha256))
            raise _rewritten(self.namespace) from None
        self.logs.write(self.namespace, [Piece(known.segment, known.length, data)])

    def _download(self, segment: int, span: tuple[int, int], right: Callable[[bytes], bool]) -> bytes:
        target = self.logs.segment_path(self.namespace, segment)
        part = target.with_name(f"{target.name}.{span[0]}.part")
        path = f"targets/{log_path(self.namespace, segment)}"
        return download_range(self.source, path, span, part, right)

    def _previous(self, segment: int, data: bytes) -> tuple[int, str]:
        header = SegmentHeader.from_line(next(iter(frames(data))).lines[0])
        if (header.namespace, header.segment) != (self.namespace, segment):
            raise _rewritten(self.namespace)
        return header.previous_length, header.previous_sha256

    def _check_length(self, segment: int, length: int) -> None:
        if not 0 < length <= MAX_SEGMENT_BYTES:
            raise BadDownload(f"Segment {segment} of {self.namespace} has an impossible size: nothing was fetched.")


def _has_hash(prefix: bytes, sha256: str) -> Callable[[bytes], bool]:
    start = hashlib.sha256(prefix)

    def right(data: bytes) -> bool:
        digest = start.copy()
        digest.update(data)
        return digest.hexdigest() == sha256

    return right
