"""Django settings of the tests: SQLite on disk, or PostgreSQL where ``DATABASE_URL`` says so."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from jazari.settings.common import *  # noqa: F403
from jazari.settings.database import database

DEBUG = False
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "for tests only, it protects nothing"  # noqa: S105
_FOLDER = Path(tempfile.gettempdir()) / "jazari-tests"
DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), _FOLDER / "db.sqlite3")}
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    # A file and not memory: threads and processes of the tests must see one database.
    _FOLDER.mkdir(exist_ok=True)
    DATABASES["default"]["TEST"] = {"NAME": str(_FOLDER / f"test-{os.getpid()}.sqlite3")}
