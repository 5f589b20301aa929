"""What the machine refuses is said in a sentence, with the code of its kind; our own mistakes are not covered up."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from django.db import OperationalError

from jazari.cli.machine import machine_error
from jazari.core.errors import ExitCode


def _sqlite_error(statement: str, path: Path, before: str = "") -> OperationalError:
    """What Django raises for a statement that SQLite refuses."""
    connection = sqlite3.connect(path)
    try:
        connection.executescript(before)
        connection.execute(statement)
    except sqlite3.OperationalError as cause:
        error = OperationalError(str(cause))
        error.__cause__ = cause
        return error
    finally:
        connection.close()
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "core.disk-full", "/data/x"),
        (OSError(errno.EFBIG, "File too large"), "core.disk-full", "free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "core.unavailable", "permission denied"),
    ],
)
def test_the_operating_system(error: OSError, code: str, words: str) -> None:
    plain = machine_error(error)
    assert plain is not None
    assert (plain.code, plain.exit_code) == (code, ExitCode.UNAVAILABLE)
    assert words in str(plain)


def test_a_full_database(tmp_path: Path) -> None:
    before = "CREATE TABLE t (x); PRAGMA max_page_count=2;"
    error = _sqlite_error("INSERT INTO t VALUES (zeroblob(100000))", tmp_path / "full", before)
    plain = machine_error(error)
    assert plain is not None
    assert plain.code == "core.disk-full"


def test_a_database_that_another_holds(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "held", isolation_level=None)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN EXCLUSIVE")
    plain = machine_error(_sqlite_error("PRAGMA busy_timeout=0; ", tmp_path / "held", "PRAGMA busy_timeout=0;"
                                        "INSERT INTO t VALUES (1);"))  # fmt: skip
    holder.close()
    assert plain is not None
    assert (plain.code, plain.exit_code) == ("core.busy", ExitCode.CONFLICT)


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as raised:
        sqlite3.connect(tmp_path / "nowhere" / "db")
    cause = raised.value
    error = OperationalError(str(cause))
    error.__cause__ = cause
    plain = machine_error(error)
    assert plain is not None
    assert plain.code == "core.unavailable"


def test_a_database_server_that_is_away() -> None:
    error = OperationalError("connection refused")
    error.__cause__ = ConnectionError("refused")
    plain = machine_error(error)
    assert plain is not None
    assert "start its server" in str(plain)


def test_our_own_mistakes_stay_mistakes(tmp_path: Path) -> None:
    assert machine_error(_sqlite_error("SELECT * FROM nothing", tmp_path / "empty")) is None
    assert machine_error(ValueError("x")) is None
    assert machine_error(OSError("no number")) is None
