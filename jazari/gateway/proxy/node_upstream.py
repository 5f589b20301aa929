"""Another institute's gateway as a provider: called with this node's identity, known by the certificate on its card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

from jazari.gateway.errors import ProviderFailed
from jazari.gateway.node_calls import Bound
from jazari.gateway.node_errors import ProviderDeclined
from jazari.gateway.proxy.connections import Connections
from jazari.gateway.proxy.upstream import PLAIN, Exchange, Label, Upstream

_DECLINED = (402, 403)
_WORTH_TELLING = (401, 409)
"""A wrong clock or key: what it says goes to this gateway's log, for its operator."""


Sign = Callable[[Bound, bytes], dict[str, str]]
"""Gives the headers of one call, of which the last argument is the body."""


class NodeUpstream(Upstream):
    """A gateway of protocol ``jazari``. No bearer secret: each request is signed for it alone."""

    def __init__(self, name: str, address: str, sign: Sign, session: Connections) -> None:
        super().__init__(name, address, {}, session)
        self._sign = sign

    def _dress(self, path: str, data: bytes, label: Label) -> dict[str, Any]:
        bound = Bound(label.to, path, str(label.data_class), label.relayed_for)
        options: dict[str, Any] = {"headers": {**PLAIN, **self._sign(bound, data)}}
        if label.certificate is not None:
            # aiohttp compares it as soon as the connection is made, before anything is sent.
            options["ssl"] = aiohttp.Fingerprint(bytes.fromhex(label.certificate))
        return options

    async def _check(self, exchange: Exchange, response: aiohttp.ClientResponse) -> None:
        if response.status in _DECLINED:
            raise ProviderDeclined(f"{self.name} declined ({response.status}): {await self._said(exchange, response)}")
        if response.status in _WORTH_TELLING:
            raise ProviderFailed(f"{self.name} answered with {response.status}: {await self._said(exchange, response)}")
        await super()._check(exchange, response)
