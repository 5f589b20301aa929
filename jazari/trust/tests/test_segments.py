"""Segments and chains: whatever an institute publishes, the log is followed exactly or refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from jazari.core.identifiers import RecordRef
from jazari.trust.chain import LogCursor, LogState, Piece
from jazari.trust.errors import BadRecord, BadSegment, ForeignRecord, NotContinuous, TrustError
from jazari.trust.log_writer import LogWriter
from jazari.trust.metadata import LogHead
from jazari.trust.records import Draft, make_record
from jazari.trust.segments import (
    MAX_FRAME_BYTES,
    MAX_SEGMENT_BYTES,
    SEAL_BYTES,
    SEAL_RECORDS,
    SegmentHeader,
    encode_frame,
    frames,
    is_full,
)

MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
EMPTY = LogState(LogHead(1))


def line(number: int, version: int = 1, namespace: str = "dakhla", text: str = "") -> bytes:
    ref = RecordRef(namespace, "dataset", f"r-{number}", version)
    return make_record(ref, Draft("dataset", f"r-{number}", {"text": text}), MOMENT, ()).to_line()


def write(groups: list[list[bytes]], state: LogState = EMPTY) -> tuple[LogState, dict[int, bytes]]:
    """The log that results from one publication a group."""
    segments: dict[int, bytes] = {}
    for group in groups:
        writer = LogWriter("dakhla", state, segments.get(state.head.segment, b""))
        writer.append(group)
        state, pieces = writer.result(state.head.version + 1)
        for piece in pieces:
            assert len(segments.get(piece.segment, b"")) == piece.offset
            segments[piece.segment] = segments.get(piece.segment, b"") + piece.data
    return state, segments


def follow(segments: dict[int, bytes], head: LogHead) -> int:
    cursor = LogCursor("dakhla", LogState(LogHead(0)))
    found = [item for number, data in sorted(segments.items()) for item in cursor.feed(Piece(number, 0, data))]
    cursor.finish(head)
    return len(found)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 700), max_size=6))
def test_however_it_was_published_a_log_is_followed_whole(sizes: list[int]) -> None:
    groups, total = [], 0
    for size in sizes:
        groups.append([line(number) for number in range(total, total + size)])
        total += size
    state, segments = write(groups)
    assert state.head.records == total
    assert follow(segments, state.head) == total
    full = -(-total // SEAL_RECORDS)
    assert state.head.segment == (full if total else 0)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_byte_of_a_log_can_change(position: int, change: int) -> None:
    state, segments = write([[line(1), line(2)], [line(3)]])
    data = bytearray(segments[1])
    data[position % len(data)] ^= change
    with pytest.raises(TrustError):
        follow({1: bytes(data)}, state.head)


@given(st.integers(1, 400))
def test_a_truncated_segment_is_refused(cut: int) -> None:
    state, segments = write([[line(1)], [line(2)]])
    with pytest.raises(TrustError):
        follow({1: segments[1][: -min(cut, len(segments[1]))]}, state.head)


def test_large_records_seal_a_segment_by_bytes() -> None:
    import random

    random.seed(1)
    lines = [line(number, text=random.randbytes(100_000).hex()) for number in range(8)]
    state, segments = write([lines])
    assert len(segments) > 1
    assert all(SEAL_BYTES <= len(data) < MAX_SEGMENT_BYTES for data in list(segments.values())[:-1])
    assert follow(segments, state.head) == 8


def test_a_sealed_segment_takes_no_more() -> None:
    _, segments = write([[line(number) for number in range(SEAL_RECORDS)]])
    longer = segments[1] + encode_frame([line(5000)])
    with pytest.raises(NotContinuous, match="after it was full"):
        LogCursor("dakhla", LogState(LogHead(0))).feed(Piece(1, 0, longer))


def test_a_segment_that_is_not_full_is_not_left() -> None:
    state, segments = write([[line(1)]])
    header = SegmentHeader("dakhla", 2, 1, state.head.sha256, state.head.length)
    cursor = LogCursor("dakhla", state, segments[1])
    with pytest.raises(NotContinuous):
        cursor.feed(Piece(2, 0, encode_frame([header.to_line(), line(2)])))


@pytest.mark.parametrize(
    "header",
    [
        SegmentHeader("fes", 2, 1000, "right", 0),
        SegmentHeader("dakhla", 3, 1000, "right", 0),
        SegmentHeader("dakhla", 2, 999, "right", 0),
        SegmentHeader("dakhla", 2, 1000, "0" * 64, 0),
        SegmentHeader("dakhla", 2, 1000, "right", 1),
    ],
)
def test_a_new_segment_names_the_one_before(header: SegmentHeader) -> None:
    """A sealed segment that was changed cannot be continued: its successor names it by hash."""
    state, segments = write([[line(number) for number in range(SEAL_RECORDS)]])
    named = SegmentHeader(
        header.namespace,
        header.segment,
        header.records_before,
        state.head.sha256 if header.previous_sha256 == "right" else header.previous_sha256,
        state.head.length + header.previous_length,
    )
    right = named == SegmentHeader("dakhla", 2, 1000, state.head.sha256, state.head.length)
    assert not right
    with pytest.raises(NotContinuous, match="does not continue"):
        LogCursor("dakhla", state, segments[1]).feed(Piece(2, 0, encode_frame([named.to_line(), line(5000)])))


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([line(1)], NotContinuous),  # published already
        ([line(2, 2)], NotContinuous),  # version 1 is missing
        ([line(2), line(2)], NotContinuous),
        ([line(3, namespace="fes")], ForeignRecord),
        ([b"{}\n"], BadRecord),
        ([b"\n"], BadRecord),
        ([b'{"segment":{}}\n'], BadRecord),
    ],
)
def test_records_follow_the_rules_of_their_log(lines: list[bytes], error: type[TrustError]) -> None:
    state, segments = write([[line(1)]])
    known = {"dakhla/dataset/r-1": 1}
    cursor = LogCursor("dakhla", state, segments[1], lambda series: known.get(series, 0))
    with pytest.raises(error):
        cursor.feed(Piece(1, len(segments[1]), encode_frame(lines)))


@pytest.mark.parametrize("piece", [Piece(1, 0, b""), Piece(1, 5, b""), Piece(2, 0, b""), Piece(0, 0, b"")])
def test_bytes_go_on_where_the_log_ended(piece: Piece) -> None:
    state, segments = write([[line(1)]])
    with pytest.raises(NotContinuous):
        LogCursor("dakhla", state, segments[1]).feed(Piece(piece.segment, piece.offset, encode_frame([line(2)])))


def test_stored_bytes_must_be_whole() -> None:
    state, segments = write([[line(1)]])
    with pytest.raises(NotContinuous, match="fetch it again"):
        LogCursor("dakhla", state, segments[1][:-1])


def test_the_end_is_what_was_signed() -> None:
    state, segments = write([[line(1)]])
    head = state.head
    for wrong in (
        LogHead(head.version, head.segment, head.length, head.sha256, 2),
        LogHead(head.version, head.segment, head.length, "0" * 64, 1),
        LogHead(head.version, 2, head.length, head.sha256, 1),
    ):
        with pytest.raises(NotContinuous, match="ends otherwise"):
            follow(segments, wrong)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    """32 GB of zeros in a few kilobytes: the declared size is checked, and so is the true one."""
    honest = zstandard.ZstdCompressor().compress(b"\n" * (MAX_FRAME_BYTES + 1))
    with pytest.raises(BadSegment, match="unpacks to"):
        list(frames(honest))
    blocks = b"".join(((128 * 1024 << 3) | 0b010).to_bytes(3, "little") + b"\n" for _ in range(1000))
    last = ((1 << 3) | 0b011).to_bytes(3, "little") + b"\n"
    liar = b"\x28\xb5\x2f\xfd" + bytes([0b10_1_0_0_0_00]) + (1000).to_bytes(4, "little") + blocks + last
    with pytest.raises(BadSegment, match="damaged"):
        list(frames(liar))


def test_a_frame_without_declared_size_is_refused() -> None:
    writer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    data = writer.compress(b"{}\n") + writer.flush()
    with pytest.raises(BadSegment, match="unknown size"):
        list(frames(data))


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"\x28\xb5\x2f\xfd",
        b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd",  # a skippable frame hides bytes that nobody reads
        zstandard.ZstdCompressor().compress(b"no line feed"),
        zstandard.ZstdCompressor().compress(b"\n")[:-1],
    ],
)
def test_what_is_no_frame_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(BadSegment):
        list(frames(data))


def test_a_frame_made_with_a_dictionary_is_refused() -> None:
    trained = zstandard.train_dictionary(1024, [f"sample {n} of some text".encode() * 20 for n in range(200)])
    data = zstandard.ZstdCompressor(dict_data=trained).compress(b"sample 5 of some text\n")
    with pytest.raises(BadSegment):
        list(frames(data))


@given(st.binary(max_size=300))
def test_garbage_never_passes_for_frames(data: bytes) -> None:
    try:
        found = list(frames(data))
    except (BadSegment, BadRecord):
        return
    assert not data or sum(frame.length for frame in found) == len(data)


@pytest.mark.parametrize("text", [b"{}", b"[]", b'{"segment":{}}', b"x", b'{"segment": {}}'])
def test_a_segment_starts_with_its_header(text: bytes) -> None:
    with pytest.raises(BadSegment):
        SegmentHeader.from_line(text)


def test_fullness() -> None:
    assert is_full(SEAL_BYTES, 1)
    assert is_full(1, SEAL_RECORDS)
    assert not is_full(SEAL_BYTES - 1, SEAL_RECORDS - 1)
