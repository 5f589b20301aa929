"""The file behind a dataset record: exactly the bytes that were registered, or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jazari.core.files import plain_os_errors
from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import Schema
from jazari.studies.data.table import Table
from jazari.studies.errors import IncompatibleData, UnreadableData


def load_registered(path: Path, sha256: str, schema: Schema, key: bytes | None = None) -> Table:
    """The table in ``path``; raises ``IncompatibleData`` unless the file has this SHA-256 while it is read."""
    if not path.is_file():
        raise UnreadableData(f"The data file {path} is gone: put it back or register the data set again.")
    with plain_os_errors(path), path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    before = path.stat()
    if found != sha256:
        raise _changed(path)
    table = load_table(path, schema, key)
    after = path.stat()
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
        raise _changed(path)
    return table


def _changed(path: Path) -> IncompatibleData:
    return IncompatibleData(
        f"{path} is not the file that was registered: register it as a new version and propose a new study."
    )
