"""A private PostgreSQL server for tests: one folder, one Unix socket, no network, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_ACCOUNT = "postgres"
# Nothing here must survive a crash, so the server need not wait for the disk.
_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "40",
    "shared_buffers": "32MB",
}


def server_programs() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``, the newest version's; None when not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(versions, key=lambda path: int(path.parent.name.split(".")[0]), default=None)


@dataclass(frozen=True)
class Server:
    """A running server: ``socket`` is the folder of its Unix socket."""

    socket: Path

    def url(self, name: str) -> str:
        """``DATABASE_URL`` of the database ``name``."""
        return f"postgresql://{_ACCOUNT}@/{name}?host={quote(str(self.socket))}"

    def execute(self, statement: str) -> None:
        """Run one statement as superuser, outside a transaction (for CREATE and DROP DATABASE)."""
        import psycopg

        with psycopg.connect(host=str(self.socket), user=_ACCOUNT, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server in a fresh folder and stop it at the end. Needs ``server_programs``."""
    programs = server_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL's server programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="jazari-pg-"))
    try:
        _give_to_server(folder)
        initdb: list[str | Path] = [programs / "initdb", "-D", folder / "data", "-U", _ACCOUNT]
        _run([*initdb, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], folder)
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        control: list[str | Path] = [programs / "pg_ctl", "-D", folder / "data", "-w"]
        _run([*control, "-l", folder / "log", "-o", f"{options} -k {folder}", "start"], folder)
        try:
            yield Server(folder)
        finally:
            _run([*control, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give_to_server(folder: Path) -> None:
    # PostgreSQL refuses to run as root.
    if os.geteuid() == 0:
        account = pwd.getpwnam(_ACCOUNT)
        os.chown(folder, account.pw_uid, account.pw_gid)


def _run(command: Sequence[str | Path], folder: Path) -> None:
    prefix = ["runuser", "-u", _ACCOUNT, "--"] if os.geteuid() == 0 else []
    # Output goes to a file: the server inherits it, and a pipe would stay open as long as the server runs.
    with (folder / "commands.log").open("ab") as log:
        done = subprocess.run(
            [*prefix, *map(str, command)], cwd=folder, stdout=log, stderr=log, check=False, timeout=60
        )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(folder / 'commands.log').read_text()[-2000:]}")
