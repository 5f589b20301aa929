"""Dialling only what ``addresses`` allows.

``guarded_connector`` gives aiohttp both parts: a resolver that leaves out refused addresses, and the last word when a
socket is made, which also covers addresses written as numbers (aiohttp resolves only names).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from jazari.gateway.addresses import Reach, check_text
from jazari.gateway.errors import AddressRefused


class GuardedResolver(AbstractResolver):
    """Resolves as the system does, without what ``reach`` does not allow; ``AddressRefused`` if nothing is left."""

    def __init__(self, reach: Reach, inner: AbstractResolver | None = None) -> None:
        self._reach = reach
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses of ``host``."""
        if self._inner is None:
            self._inner = ThreadedResolver()
        found = await self._inner.resolve(host, port, family)
        refused: AddressRefused | None = None
        allowed: list[ResolveResult] = []
        for result in found:
            try:
                check_text(result["host"], self._reach)
                allowed.append(result)
            except AddressRefused as error:
                refused = error
        if refused is not None and not allowed:
            raise refused
        return allowed

    async def close(self) -> None:
        """Nothing is held open here."""
        if self._inner is not None:
            await self._inner.close()


def guarded_connector(
    reach: Reach, resolver: AbstractResolver | None = None, *, on_dial: Callable[[], None] | None = None, **options: Any
) -> aiohttp.TCPConnector:
    """A connector that dials only what ``reach`` allows; ``options`` as of aiohttp's. Make it inside the event loop.

    ``on_dial`` is called for each connection that is about to be made, in the context of the request that needs it.

    ``AddressRefused`` reaches the caller as it is, not inside one of aiohttp's errors. A redirect would be dialled by
    the same rules, but nobody decided on where it leads: ask with ``allow_redirects=False``.
    """

    def checked_socket(address: Any) -> socket.socket:
        family, kind, protocol, _name, where = address
        check_text(str(where[0]), reach)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        if on_dial is not None:
            on_dial()
        return made

    return aiohttp.TCPConnector(resolver=GuardedResolver(reach, resolver), socket_factory=checked_socket, **options)
