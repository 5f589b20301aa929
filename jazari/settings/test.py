"""Django settings of the tests: SQLite on disk, or PostgreSQL where ``DATABASE_URL`` says so."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from jazari.settings.common import *  # noqa: F403
from jazari.settings.common import MIDDLEWARE as _MIDDLEWARE
from jazari.settings.common import ROOT_URLCONF as _ROOT_URLCONF
from jazari.settings.database import database
from jazari.settings.home import Home
from jazari.settings.pages import *  # noqa: F403
from jazari.settings.pages import cookie_names

# Of a node's web process; tests of pages take the portal's (see ``jazari.testing.pages``).
# allauth does not start without its own.
MIDDLEWARE = [*_MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
ROOT_URLCONF = _ROOT_URLCONF

HOME: Home
"""Each test's own: see ``jazari.testing.pages``."""
DEBUG = False
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "for tests only, it protects nothing"  # noqa: S105
_FOLDER = Path(tempfile.gettempdir()) / "jazari-tests"
DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), _FOLDER / "db.sqlite3")}
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    # A file and not memory: threads and processes of the tests must see one database.
    _FOLDER.mkdir(exist_ok=True)
    DATABASES["default"]["TEST"] = {"NAME": str(_FOLDER / f"test-{os.getpid()}.sqlite3")}

SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = cookie_names("test", secure=False)
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast: it protects nothing here
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
