"""Django's name for this slice."""

from __future__ import annotations

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """What a Root keeps in its database about enrolments, presence and nonces."""

    name = "jazari.federation"
    label = "federation"
