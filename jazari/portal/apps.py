"""The Django app of the pages' frame and the home page."""

from __future__ import annotations

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """The frame of pages and the home page."""

    name = "jazari.portal"
    label = "portal"

    def ready(self) -> None:
        """Tamazight, before any page is rendered."""
        from jazari.portal.languages import teach_django

        teach_django()
