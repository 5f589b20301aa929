"""Static files under an address that changes with them, so that browsers may keep them for good.

One digest stands for all of them: ``/static/<digest>/portal/css/jazari.css``. Style sheets name fonts relative to
themselves, which works below any prefix. A file is small; all are read once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from django.apps import apps
from django.conf import settings

_DIGITS = 12
_ALSO = frozenset({"allauth.account", "allauth.mfa"})
"""Packages whose scripts our pages use: passkeys, and addresses of e-mail."""


def static_files() -> Iterator[tuple[str, Path]]:
    """Every file in the ``static`` folders of our slices and of ``_ALSO``: its name below them, and where it is."""
    for config in apps.get_app_configs():
        folder = Path(config.path) / "static"
        ours = config.name.startswith("jazari.") or config.name in _ALSO
        if ours and folder.is_dir():
            yield from sorted(
                (file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file()
            )


@lru_cache(maxsize=1)
def digest() -> str:
    """Stands for the names and the contents of all static files."""
    found = hashlib.sha256()
    for name, file in static_files():
        found.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:_DIGITS]


def asset_url(name: str) -> str:
    """The address of a static file."""
    return f"{settings.STATIC_URL}{digest()}/{name}"
