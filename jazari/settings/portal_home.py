"""Where a node's portal listens, under which address people know it, and how it sends mail."""

from __future__ import annotations

import ipaddress
import os
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from jazari.core.files import plain_os_errors, write_private
from jazari.settings.errors import BadSetting
from jazari.settings.home import Home

MAIL_PASSWORD = "JAZARI_MAIL_PASSWORD"  # noqa: S105  the name of a variable
_LOOPBACK_NAMES = ("localhost",)


@dataclass(frozen=True)
class PortalConfig:
    """``host`` and ``port`` to listen on; ``origin`` is what people type: scheme, host name and port."""

    host: str
    port: int
    origin: str

    @classmethod
    def of(cls, home: Home) -> PortalConfig:
        """The portal of ``home``. Raises ``BadSetting`` where it would serve sign-in over the network in clear."""
        config = home.config
        origin = config.portal_origin.rstrip("/") or f"http://{_as_typed(config.portal_host)}:{config.portal_port}"
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            raise BadSetting(f"portal_origin is {origin[:80]!r}: write https://HOST or https://HOST:PORT.")
        if parts.scheme == "http" and not (_is_loopback(parts.hostname) and _is_loopback(config.portal_host)):
            raise BadSetting(
                "The portal would carry passwords in clear: let it listen on 127.0.0.1 behind a proxy with TLS, and "
                "set portal_origin to the proxy's https address."
            )
        return cls(config.portal_host, config.portal_port, origin)

    @property
    def is_secure(self) -> bool:
        """Whether people reach it over TLS."""
        return self.origin.startswith("https://")

    @property
    def host_name(self) -> str:
        """The origin's host without its port."""
        return str(urlsplit(self.origin).hostname)


def secret_key(home: Home) -> str:
    """What sessions and links are signed with; made at the first use, kept in ``keys/portal.secret``."""
    path = home.keys / "portal.secret"
    with plain_os_errors(path):
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48).encode())
        return path.read_text(encoding="ascii")


def mail_settings(home: Home) -> dict[str, Any]:
    """Django's mail settings: ``mail_server`` of jazari.toml, or else files in the home's ``mail/``."""
    config = home.config
    sender = config.mail_from or f"{home.namespace}@{PortalConfig.of(home).host_name}"
    if not config.mail_server:
        folder = home.path / "mail"
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(folder),
            "DEFAULT_FROM_EMAIL": sender,
        }
    parts = urlsplit(config.mail_server)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadSetting(f"mail_server is {config.mail_server[:80]!r}: write smtp://USER@HOST:587 or smtps://HOST.")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and not _is_loopback(parts.hostname),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": os.environ.get(MAIL_PASSWORD, ""),
        "EMAIL_TIMEOUT": 20,
        "DEFAULT_FROM_EMAIL": sender,
    }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES


def _as_typed(host: str) -> str:
    """``localhost`` for a loopback address: passkeys need a name."""
    return "localhost" if _is_loopback(host) else host
