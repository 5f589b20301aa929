"""TOML files that people write for studies: proposals, descriptions, mappings. One way to read and refuse them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from jazari.core.files import plain_os_errors
from jazari.studies.errors import StudyError


def read_toml(path: Path, most_bytes: int, refused: type[StudyError], purpose: str) -> dict[str, Any]:
    """The document in ``path``; raises ``refused`` where it is larger than ``most_bytes`` or no TOML.

    ``purpose`` says in half a sentence what such a file holds, for whoever gave a wrong one.
    """
    with plain_os_errors(path), path.open("rb") as file:
        raw = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise refused(f"{path} is larger than {_size(most_bytes)}: {purpose}.")
    try:
        return tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused(f"{path} is not valid TOML: {error}; correct it.") from error


def _size(most_bytes: int) -> str:
    return f"{most_bytes >> 20} MiB" if most_bytes >= 2**20 else f"{most_bytes >> 10} KiB"
