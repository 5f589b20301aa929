"""A provider's secret comes from the environment or from a private file of the node, never from a setting or table."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path, PurePosixPath

from jazari.core.files import PRIVATE, plain_os_errors
from jazari.gateway.errors import SecretUnusable

LARGEST = 16_384
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


def check_secret_place(place: str) -> str:
    """``place`` if it is ``env:NAME`` or ``file:PATH`` with a path below the home; ``ValueError`` otherwise.

    The refused text is not repeated: it may be the secret itself.
    """
    where, _colon, name = place.partition(":")
    if where == "env" and _VARIABLE.fullmatch(name):
        return place
    path = PurePosixPath(name)
    inside = bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    if where == "file" and inside:
        return place
    raise ValueError("write env:NAME, or file:PATH with a path below the home of the node")


def read_secret(home: Path, place: str) -> str:
    """The secret at ``place``; ``SecretUnusable`` where there is none, or others may read it."""
    where, _colon, name = check_secret_place(place).partition(":")
    if where == "env":
        return _plain(os.environ.get(name, ""), f"the environment variable {name}")
    path = home / name
    if not path.resolve().is_relative_to(home.resolve()):
        raise SecretUnusable(f"{path} leads out of the home of the node: put the secret itself there.")
    return _plain(_private_text(path), str(path))


def _private_text(path: Path) -> str:
    # The file that is opened is the one that is judged; a pipe must not make the gateway wait for a writer.
    if not path.exists():
        raise SecretUnusable(f"There is no {path}: write the secret into it, readable by its owner only.")
    with plain_os_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretUnusable(f"{path} is no file: write the secret into a file.")
        if stat.S_IMODE(status.st_mode) & ~PRIVATE & 0o777:
            raise SecretUnusable(f"Others may read {path}: run `chmod 600 {path}` and change the secret.")
        raw = file.read(LARGEST + 1)
    return raw.decode("latin-1").removesuffix("\n").removesuffix("\r") if len(raw) <= LARGEST else ""


def _plain(secret: str, what: str) -> str:
    if not _HEADER_VALUE.fullmatch(secret):
        raise SecretUnusable(f"The secret in {what} is missing or is not one line of printable ASCII: set it.")
    return secret
