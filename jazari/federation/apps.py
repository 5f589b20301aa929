"""Django's name for this slice."""

from __future__ import annotations

from django.apps import AppConfig


class FederationConfig(AppConfig):
    name = "jazari.federation"
    label = "federation"
