"""Django settings of a real node, from ``JAZARI_HOME`` and ``DATABASE_URL``."""

from __future__ import annotations

import os
import secrets

from jazari.settings.common import *  # noqa: F403
from jazari.settings.database import database
from jazari.settings.environment import read_path
from jazari.settings.home import Home

HOME = Home.open(read_path("JAZARI_HOME"))
DEBUG = False
ALLOWED_HOSTS = ["*"]  # the certificate is pinned, no page builds a link from the Host header
DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), HOME.database)}
# New at every start: no session or cookie is signed with it; Django insists on having one.
SECRET_KEY = secrets.token_hex(32)
