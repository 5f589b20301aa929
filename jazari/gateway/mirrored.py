"""The signed directory as this node's mirror has it: what was verified last, whether or not the Root answers now."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jazari.core.files import plain_os_errors
from jazari.trust.directory import DIRECTORY_TARGET, Directory


def known_directory(mirror: Path) -> Directory | None:
    """The directory in the mirror, None before the first sync; read again only after it changed."""
    path = mirror / "targets" / DIRECTORY_TARGET
    if not path.exists():
        return None
    with plain_os_errors(path):
        found = path.stat()
    return _read(path, found.st_mtime_ns, found.st_ino)


def is_member(institute: str, directory: Directory | None) -> bool:
    """Whether the board admitted ``institute`` and has not revoked it, as far as is known here."""
    entry = directory.entries.get(institute) if directory else None
    return entry is not None and entry.status == "active"


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int, _file: int) -> Directory:
    with plain_os_errors(path):
        return Directory.from_bytes(path.read_bytes())
