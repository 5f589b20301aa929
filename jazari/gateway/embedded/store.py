"""The models that a node keeps in ``HOME/models/``: each a GGUF file named by its hash, and a document with its name.

Adding copies: what runs is what was added, whatever becomes of the original. A file is checked again, by its hash,
whenever it is loaded (``check_content``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path

from jazari.core.errors import DiskFull
from jazari.core.files import locked, plain_os_errors, sync_folder, write_private
from jazari.gateway.embedded.errors import BadModelName, ModelChanged, ModelMissing, ModelNameTaken, NotAModel
from jazari.gateway.embedded.gguf import Gguf, read_header

FOLDER = Path("models")
"""Below the home of the node."""
SPARE_BYTES = 1 << 30
"""Of the disk, left free: a node with a full disk loses more than a model."""
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_PIECE = 1 << 20
_ADDING = ".adding-"


@dataclass(frozen=True)
class StoredModel:
    """A model of the store. ``size`` in bytes; ``licence``, ``title``: as the file says, "" if it does not.

    ``context_tokens``: what it was trained for, 0 if unknown; ``pools``: it is made for embeddings.
    """

    name: str
    sha256: str
    size: int
    architecture: str
    title: str
    licence: str
    context_tokens: int
    pools: bool

    def path(self, home: Path) -> Path:
        """Its file."""
        return home / FOLDER / f"{self.sha256}.gguf"


def add(home: Path, path: Path, name: str) -> StoredModel:
    """Copy the GGUF file at ``path`` into the store as ``name``; adding the same again is harmless.

    Raises `NotAModel` for anything but a regular file (no link) with a sound header, `ModelNameTaken` if ``name`` is
    another model, `BadModelName`, and ``DiskFull`` before anything is copied.
    """
    _check_name(name)
    folder = home / FOLDER
    with plain_os_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / ".lock", "another `jazari models` command"), _opened(path) as (source, size):
        read_header(source, size)
        source.seek(0)
        _check_space(folder, size)
        with _copied(folder, source) as (copy, digest):
            return _keep(home, name, copy, digest)


def models(home: Path) -> list[StoredModel]:
    """What the store holds, by name."""
    return [find(home, path.stem) for path in sorted((home / FOLDER).glob("*.json"))]


def find(home: Path, name: str) -> StoredModel:
    """The model called ``name``; ``ModelMissing``, or ``ModelChanged`` if its document is damaged."""
    path = _document(home, _check_name(name))
    if not path.exists():
        raise ModelMissing(f"There is no model {name} here: add its file with `jazari models add FILE --name {name}`.")
    with plain_os_errors(path):
        raw = path.read_bytes()
    try:
        found = StoredModel(**json.loads(raw))
    except (ValueError, TypeError):
        found = None
    if found is None or found.name != name or not re.fullmatch("[0-9a-f]{64}", str(found.sha256)):
        raise ModelChanged(f"{path} is damaged: remove it and add the model again.")
    return found


def check_content(home: Path, name: str) -> StoredModel:
    """The model called ``name``, its whole file hashed again. Raises `ModelMissing` or `ModelChanged`."""
    model = find(home, name)
    path = model.path(home)
    try:
        with _opened(path) as (file, _):
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except NotAModel:
        digest = ""
    if digest != model.sha256:
        raise ModelChanged(
            f"The file of the model {name} is gone or was changed since it was added: "
            f"`jazari models remove {name}`, then add it again from where you trust it."
        )
    return model


def remove(home: Path, name: str) -> StoredModel:
    """Take ``name`` out of the store, and its file unless another name uses it. Raises `ModelMissing`."""
    with locked(home / FOLDER / ".lock", "another `jazari models` command"):
        model = find(home, name)
        _document(home, name).unlink()
        if all(other.sha256 != model.sha256 for other in models(home)):
            model.path(home).unlink(missing_ok=True)
        sync_folder(home / FOLDER)
        return model


def _check_name(name: str) -> str:
    if len(name) > 64 or not _NAME.fullmatch(name):
        raise BadModelName(
            f"The name {name[:60]!r} is not valid: use small letters and digits, with single . _ - between, at most 64."
        )
    return name


def _document(home: Path, name: str) -> Path:
    return home / FOLDER / f"{name}.json"


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BufferedReader, int]]:
    """A regular file and its size; never through a link, and without waiting where it is a pipe."""
    if path.is_symlink():
        raise NotAModel(f"{path} is a link: name the file itself.")
    with plain_os_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise NotAModel(f"{path} is no file: name a model in the GGUF format.")
    with os.fdopen(descriptor, "rb") as file:
        yield file, status.st_size


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size + SPARE_BYTES > free:
        raise DiskFull(
            f"The model has {size:,} bytes and the disk of {folder} has {free:,} free, of which {SPARE_BYTES:,} must "
            "stay so: free some space and add it again."
        )


@contextmanager
def _copied(folder: Path, source: BufferedReader) -> Iterator[tuple[Path, str]]:
    """A durable copy below ``folder`` and its hash; gone after the block unless it was moved away."""
    for left in folder.glob(f"{_ADDING}*"):  # by a command that was killed; we hold the lock
        left.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=_ADDING)
    copy, digest = Path(name), hashlib.sha256()
    try:
        with plain_os_errors(copy), os.fdopen(descriptor, "wb") as target:
            while piece := source.read(_PIECE):
                digest.update(piece)
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        yield copy, digest.hexdigest()
    finally:
        copy.unlink(missing_ok=True)


def _keep(home: Path, name: str, copy: Path, digest: str) -> StoredModel:
    """Name the copy by its hash. Its header is read again: the original may have changed while it was copied."""
    with copy.open("rb") as file:
        model = _described(name, digest, copy.stat().st_size, read_header(file, copy.stat().st_size))
    if _document(home, name).exists() and find(home, name).sha256 != digest:
        raise ModelNameTaken(f"Another model is called {name} here: choose another name, or remove that one first.")
    with plain_os_errors(copy):
        copy.chmod(0o400)
        copy.replace(model.path(home))
        sync_folder(home / FOLDER)
    write_private(_document(home, name), json.dumps(asdict(model), ensure_ascii=False, indent=1).encode())
    return model


def _described(name: str, digest: str, size: int, header: Gguf) -> StoredModel:
    return StoredModel(
        name=name,
        sha256=digest,
        size=size,
        architecture=header.architecture,
        title=header.text("general.name"),
        licence=header.text("general.license"),
        context_tokens=header.context_tokens,
        pools=header.pools,
    )
