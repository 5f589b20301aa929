"""The file behind a dataset record: exactly the bytes that were registered, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from jazari.core.files import plain_os_errors
from jazari.studies.agreement import StudyText
from jazari.studies.data.loading import load_table
from jazari.studies.data.mapped import harmonised
from jazari.studies.data.mapping import ColumnMapping
from jazari.studies.data.schema import Schema
from jazari.studies.data.table import Table
from jazari.studies.errors import IncompatibleData, UnreadableData


def load_registered(
    path: Path, sha256: str, schema: Schema, texts: Collection[str] = (), key: bytes | None = None
) -> Table:
    """The table in ``path``; raises ``IncompatibleData`` unless the file has this SHA-256 while it is read."""
    if not path.is_file():
        raise UnreadableData(f"The data file {path} is gone: put it back or register the data set again.")
    with plain_os_errors(path), path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    before = path.stat()
    if found != sha256:
        raise _changed(path)
    table = load_table(path, schema, texts, key)
    after = path.stat()
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
        raise _changed(path)
    return table


def _changed(path: Path) -> IncompatibleData:
    return IncompatibleData(
        f"{path} is not the file that was registered: register it as a new version and propose a new study."
    )


def studied(table: Table, study: StudyText, mapping: ColumnMapping | None) -> Table:
    """The registered ``table`` as the study's variables; raises ``IncompatibleData`` or ``BadData``.

    ``mapping`` has passed ``check_mapping``.
    """
    if table.rows > study.largest_rows:
        raise IncompatibleData(
            f"The data here have more rows than the {study.largest_rows} that the study allows for: "
            "ask its proposer for a new study."
        )
    return harmonised(table, mapping, study.variables)
