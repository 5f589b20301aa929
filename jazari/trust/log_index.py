"""A local index of verified logs: where each record stands, in SQLite.

It is a cache: what it says was verified before, and all of it can be rebuilt from the segments. It makes the
cost of publishing, accepting and looking up independent of how much was published before.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from jazari.core.canonical import canonical_json
from jazari.core.errors import DiskFull, JazariError
from jazari.core.files import plain_os_errors
from jazari.trust.chain import LogState, Placed
from jazari.trust.errors import RepositoryDamaged
from jazari.trust.metadata import LogHead
from jazari.trust.records import FileRef

_SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
  namespace TEXT PRIMARY KEY, version INTEGER NOT NULL, segment INTEGER NOT NULL, length INTEGER NOT NULL,
  sha256 TEXT NOT NULL, records INTEGER NOT NULL, records_before INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
  namespace TEXT NOT NULL, number INTEGER NOT NULL, segment INTEGER NOT NULL, frame INTEGER NOT NULL,
  length INTEGER NOT NULL, line INTEGER NOT NULL, series TEXT NOT NULL, version INTEGER NOT NULL,
  content BLOB NOT NULL, PRIMARY KEY (namespace, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS records_by_series ON records (series, version);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_FORMAT = 1
_PLACE = "namespace, number, segment, frame, length, line"


@dataclass(frozen=True, order=True)
class Position:
    """Where a record stands: line ``line`` of the frame that takes ``length`` bytes of ``segment`` at ``frame``."""

    namespace: str
    number: int
    segment: int
    frame: int
    length: int
    line: int


def content_digest(card: dict[str, object], files: Iterable[FileRef]) -> bytes:
    """16 bytes that tell whether two versions say the same, whatever their number and date."""
    value = {"card": card, "files": [file.model_dump() for file in files]}
    return hashlib.sha256(canonical_json(value)).digest()[:16]


class LogIndex:
    """The index in the file ``path``; made anew when absent, unreadable or of another format."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with plain_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = self._connect()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError:
            self._remove()
            self._connection = self._connect()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def state(self, namespace: str) -> LogState:
        """Where the indexed log of ``namespace`` ends; an empty log of version 0 when it is unknown."""
        row = self._one(
            "SELECT version, segment, length, sha256, records, records_before FROM logs WHERE namespace = ?",
            namespace,
        )
        return LogState(LogHead(*row[:5]), row[5]) if row else LogState(LogHead(0))

    def namespaces(self) -> list[str]:
        """Every namespace that has a log here."""
        return [row[0] for row in self._connection.execute("SELECT namespace FROM logs ORDER BY namespace")]

    def last_version(self, series: str) -> int:
        """The newest version of ``series``, 0 if there is none."""
        row = self._one("SELECT max(version) FROM records WHERE series = ?", series)
        return int(row[0] or 0) if row else 0

    def last_content(self, series: str) -> bytes:
        """``content_digest`` of the newest version of ``series``, empty if there is none."""
        row = self._one("SELECT content FROM records WHERE series = ? ORDER BY version DESC LIMIT 1", series)
        return bytes(row[0]) if row else b""

    def find(self, series: str, version: int) -> Position | None:
        """Where a record stands, or None."""
        row = self._one(
            f"SELECT {_PLACE} FROM records WHERE series = ? AND version = ?",  # noqa: S608
            series,
            version,
        )
        return Position(*row) if row else None

    def positions(self, namespace: str, after: int = 0, kind: str | None = None) -> Iterator[Position]:
        """The places of all records after the ``after``-th, in log order; only those of type ``kind``."""
        query = f"SELECT {_PLACE} FROM records WHERE namespace = ? AND number > ?"  # noqa: S608
        values: list[object] = [namespace, after]
        if kind is not None:
            query += " AND series >= ? AND series < ?"
            values += [f"{namespace}/{kind}/", f"{namespace}/{kind}0"]  # "0" follows "/" in ASCII
        for row in self._connection.execute(query + " ORDER BY number", values):
            yield Position(*row)

    def add(self, namespace: str, state: LogState, placed: Iterable[Placed]) -> None:
        """In one transaction: the log now ends at ``state``, after these records."""
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (_row(namespace, item) for item in placed),
            )
            self._connection.execute(
                "INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?, ?)",
                (namespace, *astuple(state.head), state.records_before),
            )

    def cut(self, namespace: str, state: LogState) -> None:
        """Forget every record after the end that ``state`` names."""
        with self._transaction():
            self._connection.execute(
                "DELETE FROM records WHERE namespace = ? AND number > ?", (namespace, state.head.records)
            )
            self._connection.execute("DELETE FROM logs WHERE namespace = ?", (namespace,))
        if state.head.version:
            self.add(namespace, state, ())

    def fact(self, name: str) -> str:
        """A remembered text, empty if unknown."""
        row = self._one("SELECT value FROM facts WHERE name = ?", name)
        return str(row[0]) if row else ""

    def remember(self, name: str, value: str) -> None:
        """Keep a text for ``fact``."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._rollback()
            raise self._unusable(error) from error
        except BaseException:
            self._rollback()
            raise

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _unusable(self, error: sqlite3.DatabaseError) -> JazariError:
        # Extended codes have the plain one in their last byte; a quota shows as a failed write.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return DiskFull(f"The disk is full at {self.path}: free some space and run the same command again.")
        return RepositoryDamaged(f"The index {self.path} cannot be used: delete this file, it is rebuilt by itself.")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, _FORMAT):
                raise sqlite3.DatabaseError("another format")
            if found == 0:
                connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={_FORMAT};COMMIT;")
        except BaseException:
            connection.close()
            raise
        return connection

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _row(namespace: str, item: Placed) -> tuple[object, ...]:
    record = item.record
    return (
        namespace,
        item.number,
        item.segment,
        item.frame_offset,
        item.frame_length,
        item.line,
        record.series,
        record.version,
        content_digest(record.card, record.files),
    )
