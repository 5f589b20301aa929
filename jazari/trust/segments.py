"""The log on disk and on the wire: segments of whole zstd frames of canonical JSON lines.

The first line of a segment is its header: which segment it is, whose, how many records came before, and the
SHA-256 and length of the segment before it. All other lines are records. A segment that is *full* is sealed:
the next frame starts a new one. Everything is bounded before it is unpacked, because frames come from others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import zstandard

from jazari.core.canonical import NotCanonical, canonical_json
from jazari.trust.errors import BadRecord, BadSegment
from jazari.trust.records import MAX_RECORD_BYTES

SEAL_BYTES = 256 * 1024
"""A segment of this compressed length or more is full."""
SEAL_RECORDS = 1000
"""A segment of this many records or more is full."""
MAX_FRAME_BYTES = 4 * 1024 * 1024
"""Largest unpacked frame."""
MAX_SEGMENT_BYTES = 8 * 1024 * 1024
"""Largest segment as stored: anything longer is refused before it is read."""
FRAME_TARGET_BYTES = 512 * 1024
"""Writers start another frame past this many unpacked bytes, so that a segment stays small."""
_MAGIC = b"\x28\xb5\x2f\xfd"
_RAW, _RLE, _COMPRESSED = 0, 1, 2


@dataclass(frozen=True)
class Frame:
    """One zstd frame: its ``offset`` and ``length`` in the segment, and its lines without line feeds."""

    offset: int
    length: int
    lines: tuple[bytes, ...]


@dataclass(frozen=True)
class SegmentHeader:
    """The first line of a segment. ``previous_sha256`` is empty for segment 1."""

    namespace: str
    segment: int
    records_before: int
    previous_sha256: str = ""
    previous_length: int = 0

    def to_line(self) -> bytes:
        """The canonical line, with its line feed."""
        return canonical_json({"segment": self._json()}) + b"\n"

    def _json(self) -> dict[str, Any]:
        return {
            "namespace": self.namespace,
            "number": self.segment,
            "records_before": self.records_before,
            "previous": {"sha256": self.previous_sha256, "length": self.previous_length},
        }

    @classmethod
    def from_line(cls, line: bytes) -> SegmentHeader:
        """The header in ``line``; ``BadSegment`` unless it is one, in canonical form."""
        try:
            value = json.loads(line)["segment"]
            header = cls(
                value["namespace"],
                value["number"],
                value["records_before"],
                value["previous"]["sha256"],
                value["previous"]["length"],
            )
            if header.to_line() != line + b"\n":
                raise ValueError("not canonical")
        except (ValueError, TypeError, KeyError, RecursionError, NotCanonical) as error:
            raise BadSegment("A segment of the log does not start with its header.") from error
        return header


def is_full(length: int, records: int) -> bool:
    """Whether a segment of ``length`` bytes with ``records`` records is sealed."""
    return length >= SEAL_BYTES or records >= SEAL_RECORDS


def encode_frame(lines: Sequence[bytes]) -> bytes:
    """One zstd frame holding ``lines`` (each with its line feed), its unpacked size declared."""
    return zstandard.ZstdCompressor(level=9, write_checksum=True).compress(b"".join(lines))


def frames(data: bytes, offset: int = 0) -> Iterator[Frame]:
    """The frames of ``data``, which starts at ``offset`` of its segment; ``BadSegment`` for anything else.

    Lengths are read from the block headers, so nothing is unpacked before it is known to be bounded.
    """
    position = 0
    while position < len(data):
        length = _frame_length(data, position)
        yield Frame(offset + position, length, _lines(data[position : position + length]))
        position += length


def _frame_length(data: bytes, start: int) -> int:
    """The stored length of the zstd frame at ``start`` (RFC 8878, 3.1.1)."""
    try:
        parameters = zstandard.get_frame_parameters(data[start : start + 18])
        position = start + zstandard.frame_header_size(data[start : start + 18])
    except zstandard.ZstdError as error:
        raise BadSegment("The log is cut short or is not made of zstd frames: fetch it again.") from error
    if data[start : start + 4] != _MAGIC or parameters.dict_id:
        raise BadSegment("The log holds a zstd frame of a kind that Jazari does not write.")
    if not 0 < parameters.content_size <= MAX_FRAME_BYTES:
        raise BadSegment(f"A frame of the log unpacks to an unknown size or to more than {MAX_FRAME_BYTES:,} bytes.")
    position = _skip_blocks(data, position) + (4 if parameters.has_checksum else 0)
    if position > len(data):
        raise BadSegment("The log is cut short in the middle of a frame: fetch it again.")
    return position - start


def _skip_blocks(data: bytes, position: int) -> int:
    while True:
        if position + 3 > len(data):
            raise BadSegment("The log is cut short in the middle of a frame: fetch it again.")
        header = int.from_bytes(data[position : position + 3], "little")
        kind, size = header >> 1 & 3, header >> 3
        if kind not in (_RAW, _RLE, _COMPRESSED):
            raise BadSegment("The log holds a damaged zstd frame: fetch it again.")
        position += 3 + (1 if kind == _RLE else size)
        if header & 1:
            return position


def _lines(frame: bytes) -> tuple[bytes, ...]:
    try:
        text = zstandard.ZstdDecompressor().decompress(frame, max_output_size=MAX_FRAME_BYTES)
    except (zstandard.ZstdError, MemoryError) as error:
        raise BadSegment("The log holds a damaged zstd frame: fetch it again.") from error
    if not text.endswith(b"\n"):
        raise BadSegment("A frame of the log does not end with a whole line.")
    lines = tuple(text[:-1].split(b"\n"))
    if max(map(len, lines)) > MAX_RECORD_BYTES:
        raise BadRecord(f"A record is larger than {MAX_RECORD_BYTES:,} bytes: move content into a file.")
    return lines
