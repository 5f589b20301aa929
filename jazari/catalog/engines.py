"""The two full-text engines: FTS5 on SQLite, tsvector on PostgreSQL; the same keys, the same hits.

Neither engine's own language rules are used. Items carry keys separated by spaces (see ``normalise``); FTS5's
``ascii`` tokenizer splits at those spaces only, and PostgreSQL gets the keys as lexemes without its parser.

A later migration that makes SQLite rebuild the items' table (most alterations do) drops its triggers: end it
with ``create_statements`` again.
"""

# ruff: noqa: S608  the statements are our own, no text of others is put into them

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.db.models.expressions import RawSQL

TABLE = "catalog_catalogitem"
SEARCH = "catalog_search"
_COLUMNS = "search_title, search_text"
MOST_CANDIDATES = 50_000
"""Of more matches than this only the newest indexed are looked at."""

_SQLITE_CREATE = (
    f"CREATE VIRTUAL TABLE {SEARCH} USING fts5({_COLUMNS}, content='{TABLE}', content_rowid='id', "
    "tokenize='ascii', detail='column', columnsize=0)",
    f"CREATE TRIGGER {SEARCH}_insert AFTER INSERT ON {TABLE} BEGIN "
    f"INSERT INTO {SEARCH}(rowid, {_COLUMNS}) VALUES (new.id, new.search_title, new.search_text); END",
    f"CREATE TRIGGER {SEARCH}_delete AFTER DELETE ON {TABLE} BEGIN "
    f"INSERT INTO {SEARCH}({SEARCH}, rowid, {_COLUMNS}) "
    "VALUES ('delete', old.id, old.search_title, old.search_text); END",
    f"CREATE TRIGGER {SEARCH}_update AFTER UPDATE OF id, {_COLUMNS} ON {TABLE} BEGIN "
    f"INSERT INTO {SEARCH}({SEARCH}, rowid, {_COLUMNS}) "
    "VALUES ('delete', old.id, old.search_title, old.search_text); "
    f"INSERT INTO {SEARCH}(rowid, {_COLUMNS}) VALUES (new.id, new.search_title, new.search_text); END",
)
_SQLITE_DROP = (
    *(f"DROP TRIGGER IF EXISTS {SEARCH}_{event}" for event in ("insert", "delete", "update")),
    f"DROP TABLE IF EXISTS {SEARCH}",
)
_POSTGRESQL_CREATE = tuple(
    statement
    for column in ("search_title", "search_text")
    for statement in (
        f"ALTER TABLE {TABLE} ADD COLUMN {column}_keys tsvector "
        f"GENERATED ALWAYS AS (array_to_tsvector(string_to_array({column}, ' '))) STORED",
        f"CREATE INDEX {TABLE}_{column}_keys ON {TABLE} USING gin ({column}_keys)",
    )
)
_POSTGRESQL_DROP = tuple(
    f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS {column}_keys" for column in ("search_title", "search_text")
)


def create_statements(vendor: str) -> Sequence[str]:
    """What prepares full-text search on ``vendor`` (``sqlite`` or ``postgresql``)."""
    return {"sqlite": _SQLITE_CREATE, "postgresql": _POSTGRESQL_CREATE}[vendor]


def drop_statements(vendor: str) -> Sequence[str]:
    """What undoes ``create_statements``."""
    return {"sqlite": _SQLITE_DROP, "postgresql": _POSTGRESQL_DROP}[vendor]


def matching_ids(asked: Sequence[Sequence[str]], *, title_only: bool = False) -> RawSQL:
    """The ids of items that have, for each word asked, one of its keys; a subquery for ``id__in``.

    ``asked`` comes from ``normalise.query_keys``. Keys are letters and digits, so quoting them is enough to
    keep both engines' query syntax out, and they are passed as a parameter anyway.
    """
    column = "search_title" if title_only else "search_text"
    if connection.vendor == "postgresql":
        tests = ["(" + " | ".join(f"'{key}'" for key in keys) + ")" for keys in asked]
        sql = f"SELECT id FROM {TABLE} WHERE {column}_keys @@ %s::tsquery ORDER BY id DESC LIMIT {MOST_CANDIDATES}"
        return RawSQL(sql, [" & ".join(tests)])  # noqa: S611
    tests = ["(" + " OR ".join(f'"{key}"' for key in keys) + ")" for keys in asked]
    sql = f"SELECT rowid FROM {SEARCH} WHERE {SEARCH} MATCH %s ORDER BY rowid DESC LIMIT {MOST_CANDIDATES}"
    return RawSQL(sql, [f"{column} : ({' AND '.join(tests)})"])  # noqa: S611
