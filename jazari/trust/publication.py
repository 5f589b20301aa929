"""One publication as it travels from an institute to the Root: a single stream of bytes.

::

    JZPUB001 | length of header, 4 bytes big-endian | header, JSON | metadata | pieces of the log | files

The header names the sizes of all that follows, so everything is bounded before it is read. Files are hashed
while they are written to disk; nothing of a body is trusted because of its header.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors
from jazari.trust.blobs import CHUNK
from jazari.trust.chain import Piece
from jazari.trust.directory import check_namespace_value
from jazari.trust.errors import BadPublication, TooLarge
from jazari.trust.metadata import MAX_INSTITUTE_METADATA
from jazari.trust.records import Sha256

MAGIC = b"JZPUB001"
MEDIA_TYPE = "application/vnd.jazari.publication"


@dataclass(frozen=True)
class Limits:
    """What the Root takes in one publication; bytes unless said otherwise."""

    header: int = 1024 * 1024
    log: int = 64 * 1024 * 1024
    pieces: int = 256
    files: int = 1000
    file_bytes: int = 8 * 1024**3


class _Header(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True)

    namespace: str
    version: int = Field(ge=1)
    metadata: int = Field(ge=1)
    pieces: list[tuple[int, int, int]]
    files: list[tuple[Sha256, int]]


@dataclass(frozen=True)
class Receipt:
    """The Root's answer: ``metadata`` is the SHA-256 of the accepted metadata, ``snapshot`` its version."""

    namespace: str
    version: int
    metadata: str
    snapshot: int

    def to_json(self) -> dict[str, Any]:
        """The receipt as a JSON object."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Receipt:
        """The receipt in a JSON object; ``BadPublication`` if the answer is no receipt."""
        try:
            return cls(str(value["namespace"]), int(value["version"]), str(value["metadata"]), int(value["snapshot"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadPublication("The Root's answer is no receipt: publish again.") from error


@dataclass(frozen=True)
class Publication:
    """Signed ``metadata``, the ``pieces`` of log that it covers, and ``files`` by SHA-256 on this disk.

    ``received``: the files were hashed on the way in and may be moved away.
    """

    namespace: str
    version: int
    metadata: bytes
    pieces: tuple[Piece, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)
    received: bool = False

    @property
    def metadata_digest(self) -> str:
        """SHA-256 of the metadata, which a receipt repeats."""
        return hashlib.sha256(self.metadata).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        log = sum(len(piece.data) for piece in self.pieces)
        files = sum(path.stat().st_size for path in self.files.values())
        return len(MAGIC) + 4 + len(self._header()) + len(self.metadata) + log + files

    def chunks(self) -> Iterator[bytes]:
        """The body, in parts of at most about a megabyte."""
        header = self._header()
        yield MAGIC + len(header).to_bytes(4, "big") + header + self.metadata
        for piece in self.pieces:
            yield piece.data
        for path in self.files.values():
            with plain_os_errors(path), path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk

    def _header(self) -> bytes:
        value = {
            "namespace": self.namespace,
            "version": self.version,
            "metadata": len(self.metadata),
            "pieces": [[piece.segment, piece.offset, len(piece.data)] for piece in self.pieces],
            "files": [[sha256, path.stat().st_size] for sha256, path in self.files.items()],
        }
        return canonical_json(value)


class PublicationReceiver:
    """Takes a body in chunks of any size and writes its files into ``folder`` (new, on the Root's disk).

    ``write`` each chunk, then ``finish``. Raises ``TooLarge`` or ``BadPublication`` as early as possible;
    the caller removes ``folder`` afterwards, whatever happened.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._folder = folder
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._result: Publication | None = None
        self._parser = self._parse()
        self._wanted = next(self._parser)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self._buffer += chunk
        while len(self._buffer) >= self._wanted:
            if self._result is not None:
                if self._buffer:
                    raise BadPublication("The publication goes on after its end: send it again.")
                return
            part = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            try:
                self._wanted = self._parser.send(part)
            except StopIteration as end:
                self._result, self._wanted = end.value, 0

    def finish(self) -> Publication:
        """The publication; ``BadPublication`` if the body was cut short."""
        if self._result is None:
            raise BadPublication("The publication was cut short on its way: send it again.")
        return self._result

    def _parse(self) -> Generator[int, bytes, Publication]:
        start = yield len(MAGIC) + 4
        if not start.startswith(MAGIC):
            raise BadPublication("This is no publication of Jazari: send one that `jazari publish` made.")
        length = int.from_bytes(start[-4:], "big")
        self._limit(length, self._limits.header, "header")
        header = _header((yield length))
        self._check(header)
        metadata = yield header.metadata
        pieces = []
        for segment, offset, size in header.pieces:
            data = yield size
            pieces.append(Piece(segment, offset, data))
        files = {}
        for sha256, size in header.files:
            files[sha256] = yield from self._receive_file(sha256, size)
        return Publication(header.namespace, header.version, metadata, tuple(pieces), files, received=True)

    def _check(self, header: _Header) -> None:
        limits = self._limits
        self._limit(header.metadata, MAX_INSTITUTE_METADATA, "metadata")
        self._limit(len(header.pieces), limits.pieces, "number of log pieces")
        self._limit(sum(piece[2] for piece in header.pieces), limits.log, "log")
        self._limit(len(header.files), limits.files, "number of files")
        self._limit(sum(size for _, size in header.files), limits.file_bytes, "files")
        if len(dict(header.files)) != len(header.files):
            raise BadPublication("The publication brings a file twice: send it again.")

    def _limit(self, value: int, limit: int, what: str) -> None:
        if value > limit:
            raise TooLarge(f"The {what} of the publication is {value:,}, more than {limit:,}: publish less at once.")

    def _receive_file(self, sha256: str, size: int) -> Generator[int, bytes, Path]:
        path = self._folder / sha256
        digest, left = hashlib.sha256(), size
        with plain_os_errors(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            file = path.open("xb")
        with file:
            while left:
                part = yield min(left, CHUNK)
                digest.update(part)
                with plain_os_errors(path):
                    file.write(part)
                left -= len(part)
            with plain_os_errors(path):
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise BadPublication(f"The file {sha256[:12]} was damaged on its way: send the publication again.")
        return path


def _header(data: bytes) -> _Header:
    try:
        header = _Header.model_validate_json(data)
        check_namespace_value(header.namespace)
        sizes = [header.metadata, *(number for piece in header.pieces for number in piece)]
        if min([*sizes, *(size for _, size in header.files)]) < 0:
            raise ValueError("negative size")
    except (ValidationError, ValueError, json.JSONDecodeError) as error:
        raise BadPublication("The header of the publication is malformed: send it again.") from error
    return header
