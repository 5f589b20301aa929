"""How a client on this machine knows the node's own gateway: where it speaks TLS, by the node's certificate alone."""

from __future__ import annotations

import ssl

from jazari.core.files import plain_os_errors
from jazari.gateway.configuration import GatewayConfig
from jazari.settings.home import Home
from jazari.trust.http_source import pinned_tls


def client_tls(home: Home, config: GatewayConfig) -> ssl.SSLContext | None:
    """What a client checks; None where the gateway speaks plain HTTP."""
    if not config.uses_tls:
        return None
    with plain_os_errors(home.tls_certificate):
        return pinned_tls(home.tls_certificate.read_text())
