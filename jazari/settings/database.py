"""Django's DATABASES entry: SQLite in the home by default, PostgreSQL by ``DATABASE_URL``."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jazari.settings.errors import BadSetting

BUSY_SECONDS = 20
KEPT_SECONDS = 60
"""How long a thread keeps its connection."""
_SQLITE_OPTIONS = {
    "timeout": BUSY_SECONDS,
    # Deferred transactions fail with "locked" when two processes write (measured: 1,361 of 2,000).
    "transaction_mode": "IMMEDIATE",
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}; PRAGMA foreign_keys=ON;"
    ),
}


def database(url: str, default: Path) -> dict[str, Any]:
    """The settings for ``url`` (``sqlite:///PATH``, ``postgresql://...``), or for SQLite at ``default``."""
    if not url:
        return _sqlite(str(default))
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and parts.path:
        # As SQLAlchemy and dj-database-url: three slashes are relative, four absolute.
        return _sqlite(unquote(parts.path[1:]))
    if parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1:
        return _postgresql(url)
    raise BadSetting("DATABASE_URL is not usable: write postgresql://USER:PASSWORD@HOST:PORT/NAME.")


def _sqlite(name: str) -> dict[str, Any]:
    engine = "django.db.backends.sqlite3"
    return {"ENGINE": engine, "NAME": name, "OPTIONS": dict(_SQLITE_OPTIONS), "CONN_MAX_AGE": KEPT_SECONDS}


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    try:
        port = str(parts.port or "")
    except ValueError as error:
        raise BadSetting("The port in DATABASE_URL is not a number: correct it.") from error
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # A Unix socket is given as ?host=/folder, as libpq does.
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": options.pop("port", port),
        "OPTIONS": options,
        "CONN_MAX_AGE": KEPT_SECONDS,
        "CONN_HEALTH_CHECKS": True,
    }
