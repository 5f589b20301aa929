"""The two full-text engines: FTS5 on SQLite, tsvector on PostgreSQL; the same keys, the same hits.

Neither engine's own language rules are used. Items carry keys separated by spaces (see ``normalise`` for words and
``facets``); FTS5's ``ascii`` tokenizer splits at those spaces only, and PostgreSQL gets the keys as lexemes without
its parser. FTS5 knows an item by its ``place``, so that it walks hits from the newest on and stops when there are
enough; what is read of each hit stands in one index.

A later migration that makes SQLite rebuild the items' table (most alterations do) drops its triggers and
``catalog_listing``: end it with ``create_statements`` again.
"""

# ruff: noqa: S608  the statements are our own, no text of others is put into them

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection

from jazari.catalog.normalise import SHORTEST_BEGINNING

TABLE = "catalog_catalogitem"
SEARCH = "catalog_search"
LISTING = "catalog_listing"
WORDS = "catalog_catalogword"
MOST_COMPLETIONS = 16
_COLUMN_NAMES = ("search_title", "search_text", "search_facets")
_COLUMNS = ", ".join(_COLUMN_NAMES)
_NEW, _OLD = (", ".join(f"{row}.{name}" for name in ("place", *_COLUMN_NAMES)) for row in ("new", "old"))
_FORGET = f"INSERT INTO {SEARCH}({SEARCH}, rowid, {_COLUMNS}) VALUES ('delete', {_OLD});"
_LEARN = f"INSERT INTO {SEARCH}(rowid, {_COLUMNS}) VALUES ({_NEW});"

_SQLITE_CREATE = (
    f"CREATE VIRTUAL TABLE {SEARCH} USING fts5({_COLUMNS}, content='{TABLE}', content_rowid='place', "
    "tokenize='ascii', detail='column', columnsize=0)",
    f"CREATE TRIGGER {SEARCH}_insert AFTER INSERT ON {TABLE} BEGIN {_LEARN} END",
    f"CREATE TRIGGER {SEARCH}_delete AFTER DELETE ON {TABLE} BEGIN {_FORGET} END",
    f"CREATE TRIGGER {SEARCH}_update AFTER UPDATE OF place, {_COLUMNS} ON {TABLE} BEGIN {_FORGET} {_LEARN} END",
    f"CREATE UNIQUE INDEX {LISTING} ON {TABLE} (place, facets, sort_titles)",
)
_SQLITE_DROP = (
    *(f"DROP TRIGGER IF EXISTS {SEARCH}_{event}" for event in ("insert", "delete", "update")),
    f"DROP TABLE IF EXISTS {SEARCH}",
    f"DROP INDEX IF EXISTS {LISTING}",
)
_POSTGRESQL_CREATE = tuple(
    statement
    for column in _COLUMN_NAMES
    for statement in (
        f"ALTER TABLE {TABLE} ADD COLUMN {column}_keys tsvector "
        f"GENERATED ALWAYS AS (array_to_tsvector(string_to_array({column}, ' '))) STORED",
        f"CREATE INDEX {TABLE}_{column}_keys ON {TABLE} USING gin ({column}_keys)",
    )
)
_POSTGRESQL_DROP = tuple(f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS {column}_keys" for column in _COLUMN_NAMES)

Asked = Sequence[Sequence[str]]
"""For each word or facet asked, the keys of which an item must have one."""
Column = Literal["search_title", "search_text"]


def create_statements(vendor: str) -> Sequence[str]:
    """What prepares full-text search on ``vendor`` (``sqlite`` or ``postgresql``)."""
    return {"sqlite": _SQLITE_CREATE, "postgresql": _POSTGRESQL_CREATE}[vendor]


def drop_statements(vendor: str) -> Sequence[str]:
    """What undoes ``create_statements``."""
    return {"sqlite": _SQLITE_DROP, "postgresql": _POSTGRESQL_DROP}[vendor]


def newest(words: Asked, facets: Asked, limit: int, column: Column = "search_text") -> list[int]:
    """The places of the newest ``limit`` items that have all ``words`` in ``column`` and all ``facets``, newest first.

    Both come from ``normalise.query_keys`` and ``facets.key``. Keys are letters and digits, so quoting them is enough
    to keep both engines' query syntax out, and they are passed as a parameter anyway.
    """
    if column == "search_title":
        words = [[title_key(key) for key in keys] for keys in words]
    asked = [(name, keys) for name, keys in ((column, words), ("search_facets", facets)) if keys]
    sql, parameters = (_postgresql if _is_postgresql() else _sqlite)(asked)
    ((text,),) = _rows(f"SELECT {_joined('place', 44)} FROM ({sql}) found", [*parameters, limit])
    return sorted(map(int, text.split(",")), reverse=True) if text else []


def title_key(key: str) -> str:
    """How ``key`` stands in a title: apart from the same word elsewhere, so that rare words of titles stay rare."""
    return f"t{key}"


def learn_words(texts: Iterable[str]) -> None:
    """Count the keys of new items, so that ``completions`` knows them. ``texts``: the ``search_text`` of each."""
    counts = Counter(key for text in texts for key in text.split(" ") if len(key) >= SHORTEST_BEGINNING)
    add = f"INSERT INTO {WORDS} (word, items) VALUES (%s, %s) "
    add += f"ON CONFLICT (word) DO UPDATE SET items = {WORDS}.items + excluded.items"
    with connection.cursor() as cursor:
        cursor.executemany(add, sorted(counts.items()))


def completions(beginning: str) -> list[str]:
    """The keys with ``beginning`` that stand in most items, at most ``MOST_COMPLETIONS``, the most frequent first."""
    if _is_postgresql():
        condition, parameters = "word LIKE %s", [f"{beginning}%"]
    else:
        condition, parameters = "word >= %s AND word < %s", [beginning, f"{beginning}\U0010ffff"]
    sql = f"SELECT word FROM {WORDS} WHERE {condition} ORDER BY items DESC, word LIMIT {MOST_COMPLETIONS}"
    return [word for (word,) in _rows(sql, parameters)]


@dataclass(frozen=True)
class Listing:
    """The facets of many items as one text, and what each is sorted by (see ``facets.sort_titles``), by place.

    Thousands of rows would cost more than what is in them: each column comes as one text.
    """

    facets: str
    titles: Mapping[int, str]


def listing_of(places: Sequence[int], *, titled: bool) -> Listing:
    """Of the items at ``places``; without titles unless ``titled``."""
    joined = _joined("i.facets", 31)
    if not titled:
        (facets,) = _at(places, joined)
        return Listing(facets or "", {})
    facets, numbers, titles = _at(places, f"{joined}, {_joined('i.place', 44)}, {_joined('i.sort_titles', 30)}")
    by_place = zip(map(int, numbers.split(",")), titles.split("\x1e"), strict=True) if numbers else ()
    return Listing(facets or "", dict(by_place))


def _joined(column: str, character: int) -> str:
    if _is_postgresql():
        return f"string_agg({column}::text, chr({character}))"
    return f"group_concat({column}, char({character}))"


def _is_postgresql() -> bool:
    return bool(connection.vendor == "postgresql")


def _at(places: Sequence[int], what: str) -> tuple[str, ...]:
    if _is_postgresql():
        (found,) = _rows(f"SELECT {what} FROM {TABLE} i WHERE i.place = ANY(%s)", [list(places)])
    else:
        # In one parameter: SQLite takes a limited number of them.
        items = f"json_each(%s) j CROSS JOIN {TABLE} i INDEXED BY {LISTING}"
        (found,) = _rows(f"SELECT {what} FROM {items} WHERE i.place = j.value", [json.dumps(list(places))])
    return tuple(found)


def _rows(sql: str, parameters: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _sqlite(asked: Sequence[tuple[str, Asked]]) -> tuple[str, list[str]]:
    if not asked:
        return f"SELECT place FROM {TABLE} INDEXED BY {LISTING} ORDER BY place DESC LIMIT %s", []
    sql = f"SELECT rowid AS place FROM {SEARCH} WHERE {SEARCH} MATCH %s ORDER BY rowid DESC LIMIT %s"
    return sql, [" AND ".join(f"{column} : ({_all_of(keys, 'OR', 'AND', _QUOTE)})" for column, keys in asked)]


def _postgresql(asked: Sequence[tuple[str, Asked]]) -> tuple[str, list[str]]:
    tests = " AND ".join(f"{column}_keys @@ %s::tsquery" for column, _ in asked) or "true"
    sql = f"SELECT place FROM {TABLE} WHERE {tests} ORDER BY place DESC LIMIT %s"
    return sql, [_all_of(keys, "|", "&", "'") for _, keys in asked]


_QUOTE = '"'


def _all_of(asked: Asked, either: str, both: str, quote: str) -> str:
    groups = ("(" + f" {either} ".join(f"{quote}{key}{quote}" for key in keys) + ")" for keys in asked)
    return f" {both} ".join(groups)
