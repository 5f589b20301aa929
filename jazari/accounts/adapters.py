"""What allauth asks of us about accounts of this node."""

from __future__ import annotations

import base64
import hashlib
from types import SimpleNamespace
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from jazari.accounts.limits import client_address
from jazari.accounts.mails import node_name
from jazari.core import clock


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

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not of somebody who came from their own node just now and has nothing here to be asked for."""
        required = bool(super().is_reauthentication_required(app=app, **kwargs))
        return required and not (_only_of_another_node(self.request.user) and _came_just_now(self.request))

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Of who has neither password nor second factor here: to sign in at their own node once more."""
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if found or not _only_of_another_node(user):
            return found
        there = SocialAccount.objects.filter(user=user).values_list("provider", flat=True)
        addresses = [reverse("openid_connect_login", args=(provider,)) for provider in there]
        return [{"id": "home", "description": _("Sign in again"), "url": address} for address in addresses]

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Letters name this node, not the machine's address."""
        named = SimpleNamespace(name=node_name(get_language() or settings.LANGUAGE_CODE), domain="")
        super().send_mail(template_prefix, email, context | {"current_site": named})


def _only_of_another_node(user: Any) -> bool:
    guest = user.is_authenticated and bool(user.home_issuer)
    return guest and not user.has_usable_password() and not is_mfa_enabled(user)


def _came_just_now(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    moments = [record["at"] for record in records if record.get("method") == "socialaccount"]
    return bool(moments) and clock.now().timestamp() - max(moments) < app_settings.REAUTHENTICATION_TIMEOUT


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
