"""Connections to providers: kept ones for most attempts, and fresh ones for where a kept one was closed meanwhile.

A server may close a connection that is idle just as something is sent on it; nobody can know before. That says nothing
about the provider, so it has an error of its own.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from jazari.gateway.addresses import Reach
from jazari.gateway.proxy.connector import guarded_connector
from jazari.gateway.proxy.errors import ConnectionClosed

MOST_CONNECTIONS = 2_000
_CLOSED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)


@dataclass
class _Attempt:
    """Whether a connection is dialled for a request; if not, it goes out on a kept one."""

    dialled: bool = False


_current: ContextVar[_Attempt] = ContextVar("attempt")


class Connections:
    """Connections that go only to addresses that ``reach`` allows. Make and close it inside the event loop."""

    def __init__(self, reach: Reach) -> None:
        options: dict[str, Any] = {"limit": MOST_CONNECTIONS, "limit_per_host": 0, "on_dial": _note_dialling}
        self._kept = _session(guarded_connector(reach, **options))
        self._fresh = _session(guarded_connector(reach, force_close=True, **options))
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
        attempt = _Attempt(dialled=fresh)
        before = _current.set(attempt)
        try:
            return await (self._fresh if fresh else self._kept).post(url, **options)
        except aiohttp.ClientConnectorError:
            raise  # none was there: neither kept nor made
        except _CLOSED as error:
            if not attempt.dialled and not _has_begun(error):
                raise ConnectionClosed("The provider closed a kept connection just as it was used.") from None
            raise
        finally:
            _current.reset(before)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    # Neither proxies nor netrc of the shell: nothing goes elsewhere than gateway.toml says.
    # What is packed is not unpacked: a small answer could become a large one (see ``upstream``).
    return aiohttp.ClientSession(
        connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )


def _note_dialling() -> None:
    # A connector may dial in tasks of its own: they share what the variable holds.
    _current.get().dialled = True


def _has_begun(error: Exception) -> bool:
    """Whether part of an answer's head came: aiohttp gives what it has read of it instead of a text."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)
