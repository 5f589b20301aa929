"""Django's handle on the catalogue: its own card types are known once the apps are ready."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "jazari.catalog"
    label = "catalog"

    def ready(self) -> None:
        """Register the catalogue's card types."""
        from jazari.catalog.cards import register

        register()
