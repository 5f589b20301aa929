"""The header of a GGUF file, read with bounds: what a model says of itself before anything of it is loaded.

Format: github.com/ggml-org/ggml, docs/gguf.md (versions 2 and 3, little-endian). A file from elsewhere may lie about
every length, so that nothing is allocated by a number that the file names.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from jazari.gateway.embedded.errors import NotAModel

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LARGEST_HEADER = 256 << 20
"""Bytes of metadata and tensor names; the largest vocabularies known take some 10 MB."""
MOST_KEYS, MOST_TENSORS, MOST_ITEMS = 4096, 100_000, 2_000_000
LONGEST_NAME, LONGEST_TEXT = 1024, 4 << 20
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9


@dataclass(frozen=True)
class Gguf:
    """What the header says. ``values``: numbers and texts by key; arrays are skipped."""

    version: int
    tensors: int
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        """``llama``, ``bert`` ..."""
        return self.text("general.architecture")

    @property
    def context_tokens(self) -> int:
        """How many tokens the model was trained for; 0 if it does not say."""
        found = self.values.get(f"{self.architecture}.context_length")
        return found if isinstance(found, int) and 0 < found < 1 << 31 else 0

    @property
    def pools(self) -> bool:
        """Whether it is made for embeddings: it says how to pool its tokens."""
        return bool(self.values.get(f"{self.architecture}.pooling_type"))

    def text(self, key: str) -> str:
        """A text for people: printable, at most 200 characters; "" if there is none."""
        found = self.values.get(key)
        return "".join(c for c in found[:200] if c.isprintable()) if isinstance(found, str) else ""


def read_header(file: BinaryIO, size: int) -> Gguf:
    """The header of the model in ``file``, which has ``size`` bytes. Raises `NotAModel`."""
    reader = _Reader(file)
    if reader.take(4) != MAGIC:
        raise NotAModel("This is no GGUF file: fetch the model in that format, as llama.cpp uses it.")
    version = reader.number("I")
    if version not in VERSIONS:
        raise NotAModel(f"This GGUF file has version {version}; known are {VERSIONS}: fetch another one.")
    tensors, keys = reader.number("Q"), reader.number("Q")
    if not 0 < tensors <= MOST_TENSORS or keys > MOST_KEYS:
        raise NotAModel(f"It names {tensors:,} tensors and {keys:,} properties, which no model has.")
    values = dict(_value(reader) for _ in range(keys))
    last = max(_offset(reader) for _ in range(tensors))
    if reader.read + last >= size:
        raise NotAModel("The file ends before its last tensor: it was cut while it was fetched, so fetch it again.")
    header = Gguf(version, tensors, {key: value for key, value in values.items() if value is not None})
    if not header.architecture:
        raise NotAModel("The file does not say its architecture (general.architecture): it is no model to run.")
    return header


class _Reader:
    """Takes bytes from the start of a file, never more than a header may have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.read = file, 0

    def take(self, length: int) -> bytes:
        if self.read + length > LARGEST_HEADER:
            raise NotAModel("The header of the file is longer than that of any model.")
        found = self._file.read(length)
        if len(found) != length:
            raise NotAModel("The file ends within its header: it was cut while it was fetched, so fetch it again.")
        self.read += length
        return found

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def text(self, longest: int) -> str:
        length = self.number("Q")
        if length > longest:
            raise NotAModel(f"A text in the header claims {length:,} bytes, which no model has.")
        return self.take(length).decode("utf-8", "replace")


def _value(reader: _Reader) -> tuple[str, Any]:
    key = reader.text(LONGEST_NAME)
    kind = reader.number("I")
    if kind == _ARRAY:
        _skip_array(reader)
        return key, None
    return key, _scalar(reader, kind)


def _scalar(reader: _Reader, kind: int) -> Any:
    if kind == _TEXT:
        return reader.text(LONGEST_TEXT)
    if kind not in _NUMBERS:
        raise NotAModel(f"A property in the header has the type {kind}, which GGUF does not know.")
    return reader.number(_NUMBERS[kind])


def _skip_array(reader: _Reader) -> None:
    kind, count = reader.number("I"), reader.number("Q")
    if count > MOST_ITEMS:
        raise NotAModel(f"A list in the header claims {count:,} entries, which no model has.")
    if kind in _NUMBERS:
        reader.take(count * struct.calcsize("<" + _NUMBERS[kind]))
        return
    if kind != _TEXT:
        raise NotAModel(f"A list in the header has entries of the type {kind}, which no model has.")
    skip: Callable[[int], Any] = reader.text
    for _ in range(count):
        skip(LONGEST_TEXT)


def _offset(reader: _Reader) -> int:
    """Where a tensor's data begin, in bytes after the header; its description is read past."""
    reader.text(LONGEST_NAME)
    dimensions = reader.number("I")
    if not 0 < dimensions <= 4:
        raise NotAModel(f"A tensor has {dimensions} dimensions, which no model has.")
    reader.take(8 * dimensions + 4)
    return int(reader.number("Q"))
