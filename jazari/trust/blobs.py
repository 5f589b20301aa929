"""Files of records, kept by their SHA-256 under ``<folder>/blobs/sha256/``: whole, verified, or not there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

from jazari.core.files import plain_os_errors, sync_folder
from jazari.trust.errors import BadDownload
from jazari.trust.metadata import blob_path

CHUNK = 1024 * 1024


def has_blob(folder: Path, sha256: str, size: int) -> bool:
    """Whether the file is kept in ``folder`` with this size; its content was verified when it was kept."""
    path = folder / blob_path(sha256)
    return path.is_file() and path.stat().st_size == size


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 in hexadecimal and size in bytes of a file."""
    digest, size = hashlib.sha256(), 0
    with plain_os_errors(path), path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def keep_copy(folder: Path, source: Path) -> tuple[str, int]:
    """Copy ``source`` into ``folder``; returns its SHA-256 and size."""
    parent = folder / "blobs"
    with plain_os_errors(source), source.open("rb") as stream, plain_os_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=parent, prefix=".new.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                sha256, size = _copy(stream, file)
            _put(Path(name), folder / blob_path(sha256))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return sha256, size


def keep_verified(folder: Path, source: Path, sha256: str, size: int, *, move: bool) -> None:
    """Keep ``source`` as the file ``sha256``: moved if its content is verified already, else copied.

    Raises ``BadDownload`` if a copy turns out to be another content.
    """
    if has_blob(folder, sha256, size):
        return
    if move:
        target = folder / blob_path(sha256)
        with plain_os_errors(target):
            _put(source, target)
    elif keep_copy(folder, source) != (sha256, size):
        raise BadDownload(f"{source} changed while it was published: publish it again.")


def _copy(stream: IO[bytes], file: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        file.write(chunk)
        size += len(chunk)
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    return digest.hexdigest(), size


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    sync_folder(target.parent)
