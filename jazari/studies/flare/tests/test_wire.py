"""Packing and parts: what was packed comes back, and nothing else is unpacked."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from jazari.studies.errors import BadMessage
from jazari.studies.flare import wire
from jazari.studies.flare.wire import PACKED, PART_BYTES, Kind, Part
from jazari.studies.messages import MAGIC, Message, encode

_NUMBERS = np.random.Generator(np.random.PCG64(7))
SUMS = encode(Message("answer", "run-1", 2, {"counts": np.arange(20_000, dtype=np.int64) // 90}))
MASKED = encode(
    Message("answer", "run-1", 2, {"counts": _NUMBERS.integers(0, 2**64, 20_000, dtype=np.uint64, endpoint=False)})
)


def _frame(data: bytes, **options: object) -> bytes:
    return PACKED + zstandard.ZstdCompressor(**options).compress(data)  # type: ignore[arg-type]


def test_sums_become_smaller_and_masked_words_travel_as_they_are() -> None:
    assert len(wire.pack(SUMS)) < len(SUMS) / 10
    assert wire.pack(MASKED) == MASKED
    for message in (SUMS, MASKED):
        assert wire.unpack(wire.pack(message)) == message
        assert wire.pack(message) == wire.pack(message)


@given(st.binary(max_size=3000), st.integers(0, 40))
def test_what_is_packed_comes_back_and_is_never_larger(body: bytes, times: int) -> None:
    message = MAGIC + body * times
    packed = wire.pack(message)
    assert len(packed) <= len(message)
    assert wire.unpack(packed) == message


@given(st.binary(max_size=400))
def test_garbage_is_refused(garbage: bytes) -> None:
    for data in (garbage, PACKED + garbage):
        if not data.startswith(MAGIC):
            with pytest.raises(BadMessage):
                wire.unpack(data)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_gives_a_message_of_the_declared_size(place: int, change: int) -> None:
    packed = bytearray(wire.pack(SUMS))
    packed[place % len(packed)] ^= change
    try:
        message = wire.unpack(bytes(packed))
    except BadMessage:
        return
    assert message.startswith(MAGIC)


@given(st.integers(1, 200), st.binary(min_size=1, max_size=20))
def test_cut_off_and_trailing_bytes_are_refused(cut: int, more: bytes) -> None:
    packed = wire.pack(SUMS)
    for data in (packed[:-cut], packed + more, packed + packed[len(PACKED) :]):
        with pytest.raises(BadMessage):
            wire.unpack(data)


def test_a_bomb_is_refused_before_anything_is_allocated() -> None:
    bomb = _frame(MAGIC + bytes(200 * 2**20))
    assert len(bomb) < 40_000
    tracemalloc.start()
    with pytest.raises(BadMessage, match="more than is allowed"):
        wire.unpack(bomb)
    with pytest.raises(BadMessage, match="more than is allowed"):
        wire.unpack(wire.pack(SUMS), largest=len(SUMS) - 1)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_frame_that_lies_about_its_size_is_refused() -> None:
    honest = _frame(SUMS)
    size = len(SUMS).to_bytes(4, "little")
    for lie in (len(SUMS) - 8, len(SUMS) + 8):
        with pytest.raises(BadMessage):
            wire.unpack(honest.replace(size, lie.to_bytes(4, "little"), 1))


@pytest.mark.parametrize(
    "data",
    [
        _frame(SUMS, write_content_size=False),
        _frame(SUMS, dict_data=zstandard.train_dictionary(1024, [b"sample %d of text " % n * 20 for n in range(200)])),
        _frame(b"JZM"),
        _frame(MAGIC),
        _frame(b"another kind of thing" * 100),
        _frame(wire.pack(SUMS) + bytes(5000)),
    ],
    ids=["no size", "dictionary", "shorter than a message", "no use", "no message", "packed twice"],
)
def test_frames_that_we_do_not_write_are_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.unpack(data)


@given(st.integers(PART_BYTES + 1, 5 * PART_BYTES))
def test_parts_make_the_whole(size: int) -> None:
    data = bytes(size % 251 for _ in range(8)) * (size // 8) + bytes(size % 8)
    whole = wire.offer(data)
    pieces = [wire.read_part(wire.write_part(wire.data_part(data, whole, n))) for n in range(whole.count)]
    assert b"".join(piece.body for piece in pieces) == data
    assert {piece.of(Kind.OFFER) for piece in pieces} == {whole}


@given(st.binary(max_size=200))
def test_what_is_no_part_is_refused(garbage: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.read_part(garbage)


@pytest.mark.parametrize(
    "part",
    [
        Part(Kind.OFFER, 1, 2 * PART_BYTES, bytes(32)),
        Part(Kind.OFFER, 0, PART_BYTES, bytes(32)),
        Part(Kind.OFFER, 0, wire.LARGEST + 1, bytes(32)),
        Part(Kind.HELD, 3, 2 * PART_BYTES, bytes(32)),
        Part(Kind.WANT, 2, 2 * PART_BYTES, bytes(32)),
        Part(Kind.WANT, 0, 2 * PART_BYTES, bytes(32), b"x"),
        Part(Kind.DATA, 0, 2 * PART_BYTES, bytes(32), bytes(PART_BYTES - 1)),
        Part(Kind.DATA, 1, PART_BYTES + 5, bytes(32), bytes(6)),
    ],
)
def test_parts_out_of_bounds_are_refused(part: Part) -> None:
    with pytest.raises(BadMessage):
        wire.write_part(part)
