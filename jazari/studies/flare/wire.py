"""How a message of a study travels between the Root and an institute: packed, and in parts when it is large.

::

    the message itself            "JZM2" ...             when packing would not make it smaller
    packed message                "JZZ1" | one zstd frame that declares what it unpacks to
    part of a transfer            "JZP1" | kind, 1 byte | index, 4 | size, 8 | SHA-256, 32 | body

Numbers are big-endian. Nothing is allocated for a message before its declared size is known to be allowed, and
what unpacks to another size, or is followed by anything, is refused. Equal messages are packed to equal bytes by
one version of zstd, so a transfer that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum

import zstandard

from jazari.studies import messages
from jazari.studies.errors import BadMessage

PACKED = b"JZZ1"
PART = b"JZP1"
LEVEL = 3
PART_BYTES = 128 * 1024
"""Four seconds at 256 kbit/s: what a cut may cost."""
LARGEST = messages.MAX_BYTES + len(PACKED) + 18
"""No packed message is larger: one that packing enlarges travels as it is."""
_WINDOW_BYTES = 8 * 2**20
_FIELDS = struct.Struct(">BIQ32s")
_HEADER = len(PART) + _FIELDS.size


def pack(message: bytes) -> bytes:
    """The bytes that travel for a message: itself, or packed where that is smaller."""
    packed = PACKED + zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(message)
    return packed if len(packed) < len(message) else message


def unpack(data: bytes, largest: int = messages.MAX_BYTES) -> bytes:
    """The message in ``data``, at most ``largest`` bytes; raises ``BadMessage`` for what ``pack`` cannot have made."""
    data = bytes(data)
    if not data.startswith(PACKED):
        _require(data.startswith(messages.MAGIC) and len(data) <= largest, "it does not start as one")
        return data
    frame = data[len(PACKED) :]
    size = _declared_size(frame)
    _require(len(data) < size <= largest, "it unpacks to more than is allowed, or packing was no use")
    try:
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
        message = unpacker.decompress(frame, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise _no_message("it cannot be unpacked") from error
    _require(len(message) == size and message.startswith(messages.MAGIC), "it unpacks to something else")
    return message


def _declared_size(frame: bytes) -> int:
    try:
        found = zstandard.get_frame_parameters(frame[:18])
    except zstandard.ZstdError as error:
        raise _no_message("it is not packed with zstd") from error
    known = found.content_size not in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR)
    _require(known and not found.dict_id and found.window_size <= _WINDOW_BYTES, "it does not say what it unpacks to")
    return int(found.content_size)


def digest(data: bytes) -> bytes:
    """SHA-256 of packed bytes: the name of a transfer."""
    return hashlib.sha256(data).digest()


class Kind(IntEnum):
    """What a part says. Whoever has a large message offers it; the other side says what it holds or wants."""

    OFFER = 1  # there is a message of this size and digest
    HELD = 2  # the first ``index`` parts of it are here
    WANT = 3  # send part ``index``
    DATA = 4  # part ``index``, which is ``body``


@dataclass(frozen=True)
class Part:
    """One piece of a transfer of ``size`` bytes with SHA-256 ``digest``; parts are counted from 0."""

    kind: Kind
    index: int
    size: int
    digest: bytes
    body: bytes = b""

    @property
    def count(self) -> int:
        """How many parts the whole message has."""
        return -(-self.size // PART_BYTES)

    def of(self, kind: Kind, index: int = 0, body: bytes = b"") -> Part:
        """Another piece of the same transfer."""
        return Part(kind, index, self.size, self.digest, body)


def offer(data: bytes) -> Part:
    """Announces packed bytes that are too large for one piece."""
    return Part(Kind.OFFER, 0, len(data), digest(data))


def data_part(data: bytes, whole: Part, index: int) -> Part:
    """Part ``index`` of packed bytes."""
    return whole.of(Kind.DATA, index, data[index * PART_BYTES : (index + 1) * PART_BYTES])


def is_large(data: bytes) -> bool:
    """Whether packed bytes travel in parts."""
    return len(data) > PART_BYTES


def is_part(data: bytes) -> bool:
    """Whether ``data`` claims to be a piece of a transfer."""
    return data.startswith(PART)


def write_part(part: Part) -> bytes:
    """The bytes of a piece; raises ``BadMessage`` for what ``read_part`` would refuse."""
    raw = PART + _FIELDS.pack(part.kind, part.index, part.size, part.digest) + part.body
    return raw if read_part(raw) == part else b""


def read_part(raw: bytes) -> Part:
    """A piece of a transfer; raises ``BadMessage`` for anything that ``write_part`` cannot have written."""
    _require(is_part(raw) and len(raw) >= _HEADER, "it is no part of one")
    kind, index, size, name = _FIELDS.unpack(raw[len(PART) : _HEADER])
    _require(kind in list(Kind), "it is a part of an unknown kind")
    part = Part(Kind(kind), index, size, name, bytes(raw[_HEADER:]))
    _require(PART_BYTES < size <= LARGEST, "it is a part of something too large or too small")
    _require(index < part.count or (part.kind == Kind.HELD and index == part.count), "it has no such part")
    _require(part.kind != Kind.OFFER or index == 0, "it has no such part")
    expected = min(PART_BYTES, size - index * PART_BYTES) if part.kind == Kind.DATA else 0
    _require(len(part.body) == expected, "its part has another length")
    return part


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise _no_message(problem)


def _no_message(problem: str) -> BadMessage:
    return BadMessage(f"This is no message of a study: {problem}; ask the sender for its version.")
