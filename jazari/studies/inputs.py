"""The published files that a study's recipe reads at an institute, kept by their content in ``engine/inputs/``.

A study names them by SHA-256 in its parameters, so that the agreement binds every byte. The institute's worker fetches
and verifies them; the engine's processes, which have no way to the network's records, open them by that name and hash
them again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from jazari.core.files import plain_os_errors, write_atomic
from jazari.studies.agreement import StudyText
from jazari.studies.errors import BadModel, ModelNotFound
from jazari.studies.operations import Here
from jazari.studies.portable.files import read_limited
from jazari.studies.recipes.base import InputFile
from jazari.studies.recipes.registry import input_files

FOLDER = "inputs"


def fetch_inputs(here: Here, text: StudyText) -> Path:
    """Put the files that ``text`` names into this institute's folder of inputs; that folder.

    Raises ``ModelNotFound`` when a record is not here, ``BadModel`` when its file is another one than agreed, or what
    the line to the Root raises.
    """
    folder = here.engine_folder / FOLDER
    for wanted in input_files(text):
        if not _is_there(folder / wanted.sha256, wanted.sha256):
            keep_input(folder, _fetch(here, wanted))
    return folder


def keep_input(folder: Path, data: bytes) -> Path:
    """Keep ``data`` in a folder of inputs, under its SHA-256."""
    path = folder / hashlib.sha256(data).hexdigest()
    write_atomic(path, data)
    return path


def _is_there(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with plain_os_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _fetch(here: Here, wanted: InputFile) -> bytes:
    record = here.records.get(wanted.record)
    if record is None:
        raise ModelNotFound(f"The study uses {wanted.record}, which is not here: run `jazari sync`.")
    file = record.file(wanted.name)
    if file is None or file.sha256 != wanted.sha256:
        raise BadModel(f"The file {wanted.name} of {wanted.record} is not the one that the study names: refuse it.")
    data = read_limited(here.file(record, wanted.name))
    if hashlib.sha256(data).hexdigest() != wanted.sha256:
        raise BadModel(f"The file {wanted.name} of {wanted.record} was altered on this disk: run `jazari sync`.")
    return data
