"""Connections to providers: kept ones for most attempts, and fresh ones for where a kept one was closed meanwhile.

A server may close a connection that is idle just as something is sent on it; nobody can know before. That says nothing
about the provider, so it has an error of its own.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self

import aiohttp

from jazari.gateway.addresses import Reach
from jazari.gateway.proxy.connector import guarded_connector
from jazari.gateway.proxy.errors import ConnectionClosed

MOST_CONNECTIONS = 2_000
_CLOSED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)


@dataclass
class _Connection:
    """What is known of the connection of one attempt."""

    was_used: bool = False


class Connections:
    """Connections that go only to addresses that ``reach`` allows. Make and close it inside the event loop."""

    def __init__(self, reach: Reach) -> None:
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_use)
        self._kept = _session(guarded_connector(reach, limit=MOST_CONNECTIONS, limit_per_host=0), tracing)
        alone = guarded_connector(reach, limit=MOST_CONNECTIONS, limit_per_host=0, force_close=True)
        self._fresh = _session(alone)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for session in (self._kept, self._fresh):
            await self._stack.enter_async_context(session)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def post(self, url: str, *, fresh: bool, **options: Any) -> aiohttp.ClientResponse:
        """As aiohttp's ``post``; ``fresh``: on a connection that nobody used before, and that nobody will after.

        Raises ``ConnectionClosed`` where a kept one was closed before anything of an answer came.
        """
        if fresh:
            return await self._fresh.post(url, **options)
        connection = _Connection()
        try:
            return await self._kept.post(url, trace_request_ctx=connection, **options)
        except _CLOSED as error:
            if connection.was_used and not _has_begun(error):
                raise ConnectionClosed("The provider closed a kept connection just as it was used.") from None
            raise


def _session(connector: aiohttp.TCPConnector, *tracing: aiohttp.TraceConfig) -> aiohttp.ClientSession:
    # Neither proxies nor netrc of the shell: nothing goes elsewhere than gateway.toml says.
    # What is packed is not unpacked: a small answer could become a large one (see ``upstream``).
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trace_configs=list(tracing),
    )


async def _note_use(_session: aiohttp.ClientSession, context: SimpleNamespace, _what: Any) -> None:
    context.trace_request_ctx.was_used = True


def _has_begun(error: Exception) -> bool:
    """Whether part of an answer's head came: aiohttp gives what it has read of it instead of a text."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)
