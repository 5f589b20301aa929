"""The files of a record, for somebody to open: copied out of the mirror, where they are stored by their hash."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jazari.catalog.errors import FileChanged, FolderInUse
from jazari.core.files import plain_os_errors
from jazari.trust.blobs import hash_file

if TYPE_CHECKING:
    from jazari.trust.reading import Reader
    from jazari.trust.records import FileRef, Record


def write_files(reader: Reader, record: Record, folder: Path) -> list[str]:
    """Write the files of the verified ``record`` into ``folder``, which is made or empty; their names.

    What is not here yet is fetched. Raises ``FolderInUse``, ``FileChanged``, or what ``Reader.file`` raises.
    """
    with plain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FolderInUse(f"{folder} is not empty: name another folder, so that nothing in it is replaced.")
    for file in record.files:
        _write(reader.file(record, file.name), file, record, folder / file.name)
    return [file.name for file in record.files]


def _write(kept: Path, file: FileRef, record: Record, target: Path) -> None:
    with plain_os_errors(target):
        shutil.copyfile(kept, target)
        if hash_file(target) != (file.sha256, file.size):
            target.unlink()
            raise FileChanged(
                f"{record.ref}: the file {file.name} on this disk is not what was signed: remove {kept} and try again."
            )
