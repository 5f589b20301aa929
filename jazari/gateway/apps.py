"""Django's handle on the gateway's tables."""

from __future__ import annotations

from django.apps import AppConfig


class GatewayApp(AppConfig):
    """Projects, their keys and what was granted to them."""

    name = "jazari.gateway"
    label = "gateway"
