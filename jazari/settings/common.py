"""Django settings that every profile shares."""

from __future__ import annotations

INSTALLED_APPS = [
    "jazari.federation",
    "jazari.governance",
    "jazari.catalog",
    "jazari.studies",
    "jazari.gateway",
]
"""Without ``ninja``: it would only bring a documentation page, which we do not serve, into every process."""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "fr"
ROOT_URLCONF = "jazari.nodes.urls"
MIDDLEWARE: list[str] = ["django.middleware.security.SecurityMiddleware"]
TEMPLATES: list[dict[str, object]] = []
# Uploads do not pass through Django's parsers: the exchange reads its own streams, with its own limits.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
LOGGING_CONFIG = None
