"""Where a repository is read from: a folder (a mirror, a USB stick), or a Root over HTTPS (``http_source``).

A source only carries bytes and is never trusted; ``bytes_read`` counts them. ``SourceFetcher`` lets
``tuf.ngclient`` read through it, with target downloads that resume where they were cut.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
)

from jazari.core.files import plain_os_errors
from jazari.trust.errors import SourceUnavailable
from jazari.trust.tuf_updater import FetcherInterface

CHUNK = 256 * 1024
ATTEMPTS = 5
"""How often a download that makes progress is taken up again."""


class SourceMissing(SourceUnavailable):
    """The source answers, and has no such file."""

    code = "trust.source-missing"

    def __init__(self, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.status = status


class Source(ABC):
    """A repository somewhere: ``metadata/...`` and ``targets/...`` under one base."""

    def __init__(self) -> None:
        self.bytes_read = 0

    @abstractmethod
    def _open(self, path: str, start: int) -> Iterator[bytes]:
        """The bytes of ``path`` from ``start`` on; ``SourceMissing`` or ``SourceUnavailable``."""

    def open(self, path: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of ``path`` from ``start`` on, at most ``length`` of them; they may end early."""
        left = length
        chunks = self._range(path, start, length) if left is None or left > 0 else iter(())
        for chunk in chunks:
            part = chunk if left is None else chunk[:left]
            self.bytes_read += len(part)
            yield part
            if left is not None:
                left -= len(part)
                if left <= 0:
                    return

    def _range(self, path: str, start: int, length: int | None) -> Iterator[bytes]:
        del length
        return self._open(path, start)


class FolderSource(Source):
    """A repository in a folder on this machine."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _open(self, path: str, start: int) -> Iterator[bytes]:
        file_path = self.path / path
        if ".." in Path(path).parts or not file_path.is_file():
            raise SourceMissing(f"{file_path} does not exist: check that this is a whole mirror.")
        with plain_os_errors(file_path), file_path.open("rb") as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                yield chunk


class SourceFetcher(FetcherInterface):
    """Lets ``tuf.ngclient`` read from ``source``; URLs are ``prefix`` and a path.

    Targets are downloaded through a ``.part`` file in ``parts``, which survives a cut and is removed when
    its content turns out to be wrong.
    """

    def __init__(self, source: Source, prefix: str = "source:", parts: Path | None = None) -> None:
        self._source = source
        self._prefix = prefix
        self._parts = parts

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self._stream(url, 0)

    def _stream(self, url: str, start: int) -> Iterator[bytes]:
        try:
            yield from self._source.open(url.removeprefix(self._prefix), start)
        except SourceMissing as error:
            raise DownloadHTTPError(str(error), error.status) from error
        except SourceUnavailable as error:
            raise DownloadError(str(error)) from error

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Metadata: whole or not at all, never resumed, since another version may lie there now."""
        with super().download_file(url, max_length) as file:
            return bytes(file.read())

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """A target: resumed from its ``.part`` file, which goes away unless the transfer was cut."""
        if self._parts is None:
            with super().download_file(url, max_length) as file:
                yield file
            return
        self._parts.mkdir(parents=True, exist_ok=True)
        part = self._parts / f"{hashlib.sha256(url.encode()).hexdigest()}.part"
        self._fill(url, part, max_length)
        try:
            with part.open("rb") as file:
                yield file
        finally:
            part.unlink(missing_ok=True)

    def _fill(self, url: str, part: Path, max_length: int) -> None:
        with part.open("ab") as file:
            if file.tell() > max_length:
                file.truncate(0)
                file.seek(0)
            for chunk in self._stream(url, file.tell()):
                file.write(chunk)
                if file.tell() > max_length:
                    part.unlink()
                    raise DownloadLengthMismatchError(f"{url} is longer than the {max_length} bytes signed")
