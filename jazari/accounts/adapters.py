"""What allauth asks of us about accounts of this node."""

from __future__ import annotations

import base64
import hashlib
from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import get_language

from jazari.accounts.limits import client_address
from jazari.accounts.mails import node_name


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts of this node. E-mail addresses are compared in small letters."""

    def clean_email(self, email: str) -> str:
        """The address as it is kept."""
        return str(super().clean_email(email)).lower()

    def get_user_search_fields(self) -> list[Any]:
        """By what people are looked up."""
        return ["email"]

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whom rate limits count, and what the list of sessions shows."""
        address = client_address(request)
        if not address:
            raise PermissionDenied("The address of the caller is unknown.")
        return address

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Letters name this node, not the machine's address."""
        named = SimpleNamespace(name=node_name(get_language() or settings.LANGUAGE_CODE), domain="")
        super().send_mail(template_prefix, email, context | {"current_site": named})


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors. Their secrets are kept encrypted, so that a copy of the database opens nothing."""

    def encrypt(self, text: str) -> str:
        """``text`` under a key that stands in the node's keys folder and not in the database."""
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What ``encrypt`` was given."""
        return _fernet().decrypt(encrypted_text.encode()).decode()


def _fernet() -> Fernet:
    key = hashlib.sha256(b"second factors\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
