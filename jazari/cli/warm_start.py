"""The `jazari` command in a process of its own that begins with the libraries loaded: for those who type many.

Loading takes a command most of its time; a demo types a hundred, a network of tests thousands. A server with nothing
but libraries and models of cards in it forks one process for each command (``multiprocessing``'s ``forkserver``);
whatever depends on a home, on settings or on the environment is loaded in the command's own process, as ever.
"""

from __future__ import annotations

import importlib
import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple, cast

MAIN = "jazari.nodes.main"  # of a higher slice, so by its name
LOADED = (
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "django.forms",
    "django.http",
    "django.template.loader",
    "django.urls",
    "httpx",
    "pydantic.type_adapter",
    "pydantic.types",
    "securesystemslib.signer",
    "tuf.api.metadata",
    "typer.main",
    "jazari.catalog.cards",
    "jazari.gateway.card_types",
    "jazari.governance.cards",
    MAIN,
    "jazari.nodes.wiring",
    "jazari.studies.agreement",
    "jazari.studies.cards",
    "jazari.studies.portable.card",
    "jazari.trust.directory",
)
"""Nothing that reads a home, settings or the environment when it is loaded."""
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(LOADED))
_one_at_a_time = threading.Lock()
"""A start also asks how the processes of other threads ended, which can be read only once: the other then reads 255."""


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


def run(arguments: Sequence[str], environment: Mapping[str, str], timeout: float) -> Ended:
    """Run `jazari ARGUMENTS` to its end; ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
    with tempfile.TemporaryDirectory(prefix="jazari-command-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _context.Process(
            target=_command, args=(list(arguments), dict(environment), str(Path.cwd()), str(out), str(err))
        )
        with _one_at_a_time:
            process.start()
        in_time = wait([process.sentinel], timeout)
        with _one_at_a_time:
            if not in_time:
                process.kill()
            process.join()
        if not in_time:
            raise subprocess.TimeoutExpired(["jazari", *arguments], timeout)
        return Ended(cast(int, process.exitcode), _text(out), _text(err))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _command(arguments: list[str], environment: dict[str, str], folder: str, out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for descriptor, path, mode in ((0, os.devnull, "rb"), (1, out, "wb"), (2, err, "wb")):
        with Path(path).open(mode) as file:
            os.dup2(file.fileno(), descriptor)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", 0, closefd=False), encoding="utf-8", write_through=True)
    sys.argv = ["jazari", *arguments]
    importlib.import_module(MAIN).main(arguments)
