"""Files that survive a crash: whole or not there, and one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jazari.core.errors import Busy, DiskFull, Unavailable

PRIVATE = 0o600
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def plain_os_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into sentences that name the path."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            sentence = f"The disk is full at {path}: free some space and run the same command again."
            raise DiskFull(sentence) from error
        reason = (error.strerror or str(error)).lower()
        raise Unavailable(f"{path} cannot be used ({reason}): check the path and its permissions.") from error


def sync_folder(folder: Path) -> None:
    """Make renames and new names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace ``path`` by ``data`` in one durable step; after a crash it is the old or the new whole."""
    with plain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_private(path: Path, data: bytes) -> None:
    """``write_atomic`` for secrets: readable by the owner only."""
    write_atomic(path, data, PRIVATE)


def is_private(path: Path) -> bool:
    """Whether nobody but the owner may read ``path``."""
    return stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


@contextmanager
def locked(path: Path, holder: str, timeout_seconds: float = 10.0) -> Iterator[None]:
    """Hold the advisory lock ``path`` (released by the kernel if we die).

    Raises ``Busy``, naming ``holder`` (what usually holds it), after ``timeout_seconds``.
    """
    with plain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        _acquire(descriptor, path, holder, time.monotonic() + timeout_seconds)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, holder: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                sentence = f"{holder} is using {path.parent}: wait for it or stop it, then try again."
                raise Busy(sentence) from None
            time.sleep(0.02)
