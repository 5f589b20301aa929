"""Pytest fixtures: a fresh, migrated database of each kind, really committed, for one test.

``any_database`` runs a test on SQLite and on PostgreSQL (marked ``postgresql``): the way to put both under
one contract. Django's default connection points there during the test, in every thread; other processes
get there by ``DATABASE_URL`` = ``database.url``.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jazari.testing.postgresql import Server, running_server, server_programs

_numbers = itertools.count(1)


@dataclass(frozen=True)
class DatabaseForTest:
    """``vendor`` is ``sqlite`` or ``postgresql``; ``url`` is what ``DATABASE_URL`` should say."""

    vendor: str
    url: str


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A private server; the test skips where PostgreSQL is not installed, but fails where CI=true."""
    require_server_programs()
    with running_server() as server:
        yield server


def require_server_programs() -> None:
    """Skip the test without PostgreSQL, or fail it where CI=true."""
    if server_programs() is not None:
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail("PostgreSQL's server programs are missing and CI=true says that these tests must run")
    pytest.skip("PostgreSQL's server programs are not installed")


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server: Server, django_db_blocker: Any) -> str:
    name = "jazari_template"
    postgresql_server.execute(f"CREATE DATABASE {name}")
    with django_db_blocker.unblock(), default_database(postgresql_server.url(name)):
        _migrate()
    return name


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    path = tmp_path_factory.mktemp("template") / "db.sqlite3"
    with django_db_blocker.unblock(), default_database(_sqlite_url(path)):
        _migrate()
    return path


@pytest.fixture
def sqlite_database(_sqlite_template: Path, tmp_path: Path, django_db_blocker: Any) -> Iterator[DatabaseForTest]:
    """A fresh SQLite file."""
    path = tmp_path / "test-db.sqlite3"
    shutil.copyfile(_sqlite_template, path)
    with django_db_blocker.unblock(), default_database(_sqlite_url(path)):
        yield DatabaseForTest("sqlite", _sqlite_url(path))


@pytest.fixture
def postgresql_database(
    postgresql_server: Server, _postgresql_template: str, django_db_blocker: Any
) -> Iterator[DatabaseForTest]:
    """A fresh PostgreSQL database."""
    name = f"jazari_{os.getpid()}_{next(_numbers)}"
    postgresql_server.execute(f"CREATE DATABASE {name} TEMPLATE {_postgresql_template}")
    url = postgresql_server.url(name)
    with django_db_blocker.unblock(), default_database(url):
        yield DatabaseForTest("postgresql", url)
    postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def any_database(request: pytest.FixtureRequest) -> DatabaseForTest:
    """Each kind of database in turn."""
    database: DatabaseForTest = request.getfixturevalue(f"{request.param}_database")
    return database


@contextmanager
def default_database(url: str) -> Iterator[None]:
    """Point Django's default connection at ``url`` inside the block."""
    from django.db import connections

    from jazari.settings.database import database

    before, connection = connections.settings["default"], connections["default"]
    chosen = connections.configure_settings({"default": database(url, Path("unused"))})["default"]
    # A kept connection would hold the database that the test wants to drop.
    connections.settings["default"] = chosen | {"CONN_MAX_AGE": 0}
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"] = before
        connections["default"] = connection


def _sqlite_url(path: Path) -> str:
    return f"sqlite:////{str(path).lstrip('/')}"


def _migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def _flush_may_empty_what_is_append_only() -> Iterator[None]:
    """Let ``django_db(transaction=True)`` clean up: its flush must pass the append-only triggers."""
    from django.db.backends.base.operations import BaseDatabaseOperations

    flush = BaseDatabaseOperations.execute_sql_flush

    def without_triggers(self: Any, statements: Iterable[str]) -> None:
        from jazari.gateway import triggers as of_grants
        from jazari.governance import triggers as of_the_trail

        wrapper = self.connection
        with closing(wrapper.cursor()) as cursor:
            tables = wrapper.introspection.table_names(cursor)
            guarded = [one for one in (of_grants, of_the_trail) if one.TABLE in tables]
            for one in guarded:
                for statement in one.drop_statements(wrapper.vendor):
                    cursor.execute(statement)
        flush(self, statements)
        with closing(wrapper.cursor()) as cursor:
            for one in guarded:
                for statement in one.create_statements(wrapper.vendor):
                    cursor.execute(statement)

    BaseDatabaseOperations.execute_sql_flush = without_triggers  # type: ignore[assignment,method-assign]
    yield
    BaseDatabaseOperations.execute_sql_flush = flush  # type: ignore[method-assign]
