"""Where passphrases come from: a file, the environment, or the person at the terminal, in this order."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from jazari.cli.errors import PassphraseMissing, PassphraseUnusable
from jazari.core.files import plain_os_errors

VARIABLE = "JAZARI_PASSPHRASE"
LONGEST = 4096

PassphraseFileOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help=f"File whose first line is the passphrase (else ${VARIABLE}, else asked)."),
]
PlainOption = Annotated[
    bool, typer.Option("--plain", help="Keep the key without passphrase, readable by its owner only.")
]


def read_passphrase(file: Path | None, purpose: str, *, variable: str = VARIABLE) -> bytes:
    """The passphrase for ``purpose`` (e.g. ``the board key of Amina``), UTF-8.

    Raises ``PassphraseMissing`` where nobody can be asked, ``PassphraseUnusable`` for an empty one.
    """
    if file is not None:
        return _checked(_first_line(file), f"The passphrase file {file}")
    if os.environ.get(variable):
        return os.environ[variable].encode()
    return _checked(_ask(purpose, variable), "The passphrase")


def new_passphrase(file: Path | None, plain: bool, purpose: str, *, variable: str = VARIABLE) -> bytes | None:
    """The passphrase for a new key, typed twice when a person is asked; None when ``plain``."""
    if plain:
        return None
    first = read_passphrase(file, purpose, variable=variable)
    asked = file is None and not os.environ.get(variable)
    if asked and getpass.getpass("Type it again: ").encode() != first:
        raise PassphraseUnusable("The two passphrases differ: run the command again and type the same twice.")
    return first


def passphrase_reader(file: Path | None, purpose: str, *, variable: str = VARIABLE) -> Callable[[], bytes]:
    """A function for ``load_signer`` that asks only when the key turns out to be encrypted."""
    return lambda: read_passphrase(file, purpose, variable=variable)


def _first_line(file: Path) -> bytes:
    with plain_os_errors(file), file.open("rb") as stream:
        return stream.readline(LONGEST).rstrip(b"\r\n")


def _ask(purpose: str, variable: str) -> bytes:
    if not sys.stdin.isatty():
        raise PassphraseMissing(f"A passphrase is needed for {purpose}: give --passphrase-file FILE or set {variable}.")
    return getpass.getpass(f"Passphrase for {purpose}: ").encode()


def _checked(passphrase: bytes, what: str) -> bytes:
    if not passphrase:
        raise PassphraseUnusable(f"{what} is empty: give one with at least one character, or use --plain.")
    return passphrase
