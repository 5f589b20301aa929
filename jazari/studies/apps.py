"""Django's handle on studies: its card types are known once the apps are ready."""

from __future__ import annotations

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    """Data sets and runs of this node."""

    name = "jazari.studies"
    label = "studies"

    def ready(self) -> None:
        """Register the card types of studies."""
        from jazari.studies.card_types import register

        register()
