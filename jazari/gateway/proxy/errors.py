"""What only the hot path meets."""

from __future__ import annotations

from jazari.gateway.errors import BadQuestion, Later, ProviderFailed


class BodiesFull(Later):
    """The bodies of all requests together take as much memory as they may."""

    code = "gateway.bodies-full"


class ImageAddressRefused(BadQuestion):
    """An image given by its address, which every provider that may answer would fetch from inside the own network."""

    code = "gateway.image-address"


class ConnectionClosed(ProviderFailed):
    """The provider closed a kept connection just as it was used; nothing of an answer came. Its breaker ignores it."""

    code = "gateway.connection-closed"
    outcome = "connection closed"
