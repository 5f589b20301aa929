"""Making Django ready for one node in this process."""

from __future__ import annotations

import os
from pathlib import Path

from jazari.core.files import locked
from jazari.settings.errors import BadSetting
from jazari.settings.home import Home

MIGRATION_SECONDS = 300.0


NODE = "jazari.settings.node"
PAGES = "jazari.settings.portal"
"""The settings of the process that serves pages, and of commands that look after people."""


def setup(home: Home, *, migrate: bool = False, profile: str = NODE) -> None:
    """Configure Django for ``home``, once per process; ``migrate`` brings the database up to date.

    ``profile`` is the settings module: a node's, or ``PAGES`` with people and sessions besides.

    Where Django is configured already (tests, or the same home again), that configuration stays; another
    home in the same process raises ``BadSetting``.
    """
    import django
    from django.conf import settings

    if not settings.configured:
        os.environ["JAZARI_HOME"] = str(home.path)
        # Whatever the shell has exported belongs to another Django project: a node has settings of its own.
        os.environ["DJANGO_SETTINGS_MODULE"] = profile
    if not is_ready():
        django.setup()
    configured: Home | None = getattr(settings, "HOME", None)
    if configured is not None and configured.path != home.path:
        raise BadSetting(f"This process serves {configured.path}: use another process for {home.path}.")
    if migrate and not _is_current():
        from django.core.management import call_command

        # The web process and the worker start together: one migrates, the other finds nothing left to do.
        with locked(home.run / "migrate.lock", "Another process of this node", MIGRATION_SECONDS):
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)


def _is_current() -> bool:
    """Whether every migration that is installed was applied: one query, where `migrate` takes many."""
    from django.apps import apps
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    installed = {
        (config.label, file.stem)
        for config in apps.get_app_configs()
        for file in (Path(config.path) / "migrations").glob("[0-9]*.py")
    }
    return installed <= MigrationRecorder(connection).applied_migrations().keys()


def is_ready() -> bool:
    """Whether ``setup`` was done in this process, so that the database can be used."""
    from django.apps import apps

    return apps.ready


def this_home() -> Home:
    """The home that this process serves; Django must be set up for one."""
    from django.conf import settings

    home: Home = settings.HOME
    return home
