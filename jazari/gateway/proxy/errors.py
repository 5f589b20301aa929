"""What only the hot path meets."""

from __future__ import annotations

from jazari.gateway.errors import Later, ProviderFailed


class BodiesFull(Later):
    """The bodies of all requests together take as much memory as they may."""

    code = "gateway.bodies-full"


class ConnectionClosed(ProviderFailed):
    """The provider closed a kept connection just as it was used; nothing of an answer came. Its breaker ignores it."""

    code = "gateway.connection-closed"
    outcome = "connection closed"
