"""What the machine refuses, wherever it comes up, in words that a person can act on."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from jazari.core.errors import Busy, DiskFull, JazariError, Unavailable
from jazari.core.files import plain_os_errors

_AGAIN = "then run the same command again; nothing is lost"


def machine_error(error: BaseException) -> JazariError | None:
    """``error`` as one of ours if the operating system or the database refused something; None for a defect."""
    if isinstance(error, OSError) and error.errno:
        return _system_error(error)
    database = sys.modules.get("django.db.utils")
    if database is not None and isinstance(error, database.OperationalError):
        return _database_error(error)
    return None


def _system_error(error: OSError) -> JazariError:
    # A write that fails does not say where.
    try:
        with plain_os_errors(Path(str(error.filename or "this machine"))):
            raise error
    except JazariError as plain:
        return plain


def _database_error(error: BaseException) -> JazariError | None:
    cause = error.__cause__
    if not isinstance(cause, sqlite3.Error):
        return Unavailable(f"The node's database does not answer: start its server, {_AGAIN}.")
    # Extended codes have the plain one in their last byte; a quota shows as a failed write.
    code = cause.sqlite_errorcode & 0xFF if hasattr(cause, "sqlite_errorcode") else sqlite3.SQLITE_ERROR
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return DiskFull(f"The disk is full at the node's database: free some space, {_AGAIN}.")
    if code == sqlite3.SQLITE_BUSY:
        return Busy(f"Another process holds the node's database: wait for it or stop it, {_AGAIN}.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return Unavailable(f"The node's database cannot be opened for writing: check its permissions, {_AGAIN}.")
    return None
