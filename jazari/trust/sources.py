"""Where a repository is read from: a Root over HTTPS, or a folder (a mirror, a USB stick).

A source only carries bytes and is never trusted; ``bytes_read`` counts them. ``SourceFetcher`` lets
``tuf.ngclient`` read through it, with target downloads that resume where they were cut.
"""

from __future__ import annotations

import hashlib
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
)

from jazari.core.files import plain_os_errors
from jazari.trust.errors import SourceUnavailable
from jazari.trust.tuf_types import FetcherInterface

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


class HttpSource(Source):
    """A repository behind ``base_url``. ``tls_certificate_pem`` pins the server by its certificate."""

    def __init__(self, base_url: str, tls_certificate_pem: str | None = None, timeout_seconds: float = 30.0) -> None:
        super().__init__()
        self._base = base_url if not base_url or base_url.endswith("/") else base_url + "/"
        self._client = httpx.Client(
            verify=pinned_tls(tls_certificate_pem) if tls_certificate_pem else True,
            timeout=httpx.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _open(self, path: str, start: int) -> Iterator[bytes]:
        return self._range(path, start, None)

    def _range(self, path: str, start: int, length: int | None) -> Iterator[bytes]:
        url = self._base + path
        end = "" if length is None else str(start + length - 1)
        headers = {"Range": f"bytes={start}-{end}"} if start or length is not None else {}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                yield from _body(response, url, start)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise SourceUnavailable(
                f"{url} cannot be read ({_reason(error)}): check the connection and try again."
            ) from error


def _body(response: httpx.Response, url: str, start: int) -> Iterator[bytes]:
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        return
    if response.status_code >= 500:
        raise SourceUnavailable(f"{url} answers with error {response.status_code}: try again later.")
    if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        sentence = f"{url} does not exist there (HTTP {response.status_code}): check the address."
        raise SourceMissing(sentence, response.status_code)
    skip = start
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise SourceUnavailable(f"{url} sent another part than was asked for: try again later.")
        skip = 0
    for chunk in response.iter_raw():
        if skip < len(chunk):
            yield chunk[skip:]
        skip = max(0, skip - len(chunk))


def pinned_tls(certificate_pem: str) -> ssl.SSLContext:
    """A TLS context that accepts the holder of ``certificate_pem`` and nobody else.

    The certificate is the identity, so the host name is not compared: nodes move and are reached by address.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=certificate_pem)
    except (ssl.SSLError, ValueError) as error:
        raise SourceUnavailable(
            "The Root's web certificate in network.json is not PEM: ask for a new network.json."
        ) from error
    return context


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:160].rstrip(".")


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
