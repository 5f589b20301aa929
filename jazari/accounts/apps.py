"""The Django app of people, roles and sign-in."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, roles and sign-in."""

    name = "jazari.accounts"
    label = "accounts"
