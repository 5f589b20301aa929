"""A web application on loopback in a thread of its own, whose door can be shut and opened at the same port."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self

from aiohttp import web

HOST = "127.0.0.1"
START_SECONDS = 10.0
# Calls that never end are part of the act: do not wait for them.
STOP_SECONDS = 0.05


def use_fast_loop() -> None:
    """Serve with uvloop where it is installed, so that a benchmark measures others more than the stand-in."""
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


class Served:
    """Serves what ``application`` makes, from ``__enter__`` to ``__exit__``; ``port`` 0 takes a free one."""

    def __init__(self, application: Callable[[], web.Application], port: int = 0) -> None:
        self._application, self.port = application, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="provider", daemon=True)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a path."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def shut(self) -> None:
        """Refuse new connections and tear down those that are open; the port stays this server's."""
        self._wait(self._shut())

    def open(self) -> None:
        """Accept connections again, at the same port."""
        self._wait(self._open())

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _start(self) -> None:
        # Cancellation tells the handler at once that its client left.
        self._runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=STOP_SECONDS
        )
        await self._runner.setup()
        await self._open()

    async def _open(self) -> None:
        if self._runner is None or self._site is not None:
            return
        self._site = web.TCPSite(self._runner, HOST, self.port, reuse_address=True, backlog=1024)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def _shut(self) -> None:
        if self._runner is None or self._site is None:
            return
        await self._site.stop()
        self._site = None
        for connection in list(self._runner.server.connections if self._runner.server else ()):
            connection.force_close()

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
