"""Django's handle on the gateway: its tables, and its card types, which are known once the apps are ready."""

from __future__ import annotations

from django.apps import AppConfig


class GatewayApp(AppConfig):
    """Projects, their keys and what was granted to them."""

    name = "jazari.gateway"
    label = "gateway"

    def ready(self) -> None:
        """Register the card types of the gateway."""
        from jazari.gateway.card_types import register

        register()
