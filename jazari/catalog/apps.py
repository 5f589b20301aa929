"""Django's handle on the catalogue: once the apps are ready, its card types are known and it follows the network."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """The catalogue."""

    name = "jazari.catalog"
    label = "catalog"

    def ready(self) -> None:
        """Register the catalogue's card types, and index whatever a synchronisation brings."""
        from jazari.catalog.cards import register
        from jazari.catalog.indexing import follow_network
        from jazari.core.events import subscribe
        from jazari.federation.network_events import NetworkSynced

        register()
        subscribe(NetworkSynced, follow_network)
