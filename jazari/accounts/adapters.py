"""What allauth asks of us."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts of this node. E-mail addresses are compared in small letters."""

    def clean_email(self, email: str) -> str:
        """The address as it is kept."""
        return str(super().clean_email(email)).lower()

    def get_user_search_fields(self) -> list[Any]:
        """By what people are looked up."""
        return ["email"]
