"""This node's identity towards other institutes' gateways, with the publishing key that its file holds now."""

from __future__ import annotations

from jazari.federation.invitation import network_of
from jazari.federation.root_node import open_key
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.node_calls import Bound, NodeIdentity
from jazari.gateway.words import Protocol
from jazari.settings.home import Home
from jazari.trust.keys import key_id, public_key


class OwnIdentity:
    """Signs calls with the key of ``home``; ``renew`` takes the next one once it was rotated.

    Raises where the key cannot be opened: a gateway that could not sign would only fail later.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._file = self._seen()
        self._identity = self._read()

    def headers(self, bound: Bound, body: bytes) -> dict[str, str]:
        """As ``NodeIdentity.headers``, with the newest key."""
        return self._identity.headers(bound, body)

    @property
    def key_id(self) -> str:
        """Of the key that signs now."""
        return key_id(public_key(self._identity.signer))

    def renew(self) -> bool:
        """Read the key again if its file is another one; whether it was. May decrypt: not for the event loop.

        While the new key cannot be opened, which is raised, the old one stays.
        """
        now = self._seen()
        if now in (self._file, None):
            return False
        self._identity, self._file = self._read(), now
        return True

    def _read(self) -> NodeIdentity:
        return NodeIdentity(self._home.namespace, network_of(self._home).name, open_key(self._home.publishing_key))

    def _seen(self) -> tuple[int, int] | None:
        try:
            found = self._home.publishing_key.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def own_identity(home: Home, config: GatewayConfig) -> OwnIdentity | None:
    """This node's identity, where a provider is called with it; None where none is."""
    if not any(provider.protocol is Protocol.JAZARI for provider in config.provider.values()):
        return None
    return OwnIdentity(home)
