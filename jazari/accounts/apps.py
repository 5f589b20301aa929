"""The Django app of people, roles and sign-in."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Names the app, and listens to what happens to accounts."""

    name = "jazari.accounts"
    label = "accounts"

    def ready(self) -> None:
        """People are told what happens to their accounts."""
        from jazari.accounts.notices import listen

        listen()
