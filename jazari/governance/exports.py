"""The audit trail as a file, for an auditor who has no access to the node: one JSON entry per line."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path

from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors, sync_folder
from jazari.core.spreadsheets import csv_lines
from jazari.governance.errors import BadAuditFile
from jazari.governance.rules import Entry

_LONGEST_LINE = 1_000_000
_FIELDS: dict[str, tuple[type, ...]] = {item.name: (str,) for item in fields(Entry)}
_FIELDS["event_id"] = (str, type(None))
_FIELDS["seq"] = (int,)


def write_export(entries: Iterable[Entry], path: Path) -> int:
    """Write ``entries`` to ``path``, whole or not at all; how many there were."""
    count = 0
    with plain_os_errors(path):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for count, line in enumerate(ndjson_lines(entries), 1):  # noqa: B007  the last number is the count
                    file.write(line)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    return count


def ndjson_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The same lines one by one, for who writes no file."""
    for entry in entries:
        yield canonical_json(asdict(entry)) + b"\n"


def as_table(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The same as a table for spreadsheets: for reading, not for verifying."""
    names = [item.name for item in fields(Entry)]
    return csv_lines(names, ([getattr(entry, name) for name in names] for entry in entries))


def read_export(path: Path) -> Iterator[Entry]:
    """The entries in an exported file; ``BadAuditFile`` names the line that is none."""
    with plain_os_errors(path), path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            yield _entry(line, f"{path}, line {number}")


def _entry(line: bytes, where: str) -> Entry:
    try:
        value = json.loads(line)
        if set(value) != set(_FIELDS) or not all(type(value[name]) in kinds for name, kinds in _FIELDS.items()):
            raise ValueError("not the fields of an entry")
        return Entry(**value)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadAuditFile(f"{where} is no entry of an exported audit trail: export it again.") from error
