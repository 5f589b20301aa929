"""This node as a provider of identity: what other portals learn about our people, and the key that signs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import PrivateKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils.translation import gettext_lazy as _

from jazari.accounts.models import Person
from jazari.core.files import locked, plain_os_errors, write_private
from jazari.settings.home import Home
from jazari.settings.portal_home import PortalConfig
from jazari.settings.runtime import this_home

KEY_BITS = 3072


class IdentityAdapter(DefaultOIDCAdapter):  # type: ignore[misc]
    """Tells a subject and, with consent, a name. Roles, addresses and anything else stay here."""

    scope_display = {  # noqa: RUF012  allauth declares it so
        "openid": _("Know that you are the same person as before"),
        "profile": _("Know your name"),
    }

    def get_issuer(self) -> str:
        """The portal's address as people type it."""
        return PortalConfig.of(this_home()).origin

    def get_claims(
        self,
        purpose: str,  # noqa: ARG002  allauth names it
        user: Person,
        client: Any,
        scopes: Iterable[str],
        email: str | None = None,  # noqa: ARG002
        **_kwargs: Any,
    ) -> dict[str, Any]:
        """``sub``, and ``name`` where the person granted it."""
        claims = {"sub": self.get_user_sub(client, user)}
        return claims | ({"name": user.name} if "profile" in scopes and user.name else {})

    def list_private_keys(self, *, did_activate: Any = None, is_active: Any = None) -> list[PrivateKey]:  # noqa: ARG002
        """The one key of this node."""
        return [PrivateKey(pem=signing_key(this_home()))]

    def populate_server_metadata(self, data: dict[str, Any]) -> None:
        """Only what is offered: codes for portals that have a secret and use PKCE."""
        data |= {
            "grant_types_supported": ["authorization_code"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile"],
        }
        data.pop("device_authorization_endpoint", None)


def signing_key(home: Home) -> str:
    """The key that signs identities, in PEM; made at the first use, private to this node's account."""
    path = home.keys / "identity.pem"
    with plain_os_errors(path):
        if not path.exists():
            with locked(home.run / "identity.lock", "Another process of this node", 30.0):
                if not path.exists():
                    write_private(path, _new_key())
        return path.read_text(encoding="ascii")


def _new_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
