"""The Django app of studies."""

from __future__ import annotations

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    """Data sets and runs of this node."""

    name = "jazari.studies"
    label = "studies"
    default_auto_field = "django.db.models.BigAutoField"
