"""The way to one provider, which a drill can cut: new attempts fail or hang, those that run are torn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

from jazari.gateway.errors import ProviderCut


class Mode(StrEnum):
    """How a provider is away: it refuses connections, or what is sent to it vanishes."""

    REFUSE = "refuse"
    BLACKHOLE = "blackhole"


class Way:
    """The way to the provider ``name``; ``mode`` is None while it is open. One event loop uses it."""

    def __init__(self, name: str) -> None:
        self.mode: Mode | None = None
        self._name = name
        self._running: set[asyncio.Timeout] = set()

    def sever(self, mode: Mode) -> None:
        """Cut it: attempts that run are torn now, new ones meet ``mode``."""
        self.mode = mode
        torn, self._running = self._running, set()
        now = asyncio.get_running_loop().time()
        for attempt in torn:
            attempt.reschedule(now)

    def mend(self) -> None:
        """Open it again, for attempts from now on."""
        self.mode = None

    @asynccontextmanager
    async def attempt(self, patience_seconds: float) -> AsyncIterator[None]:
        """Make one attempt inside the block; ``ProviderCut`` when the way is cut, or is cut while the attempt runs.

        ``patience_seconds`` is how long nobody knows better of an attempt that vanishes.
        """
        if self.mode is not None:
            if self.mode is Mode.BLACKHOLE:
                # Also when the way is mended meanwhile: what was sent is lost.
                await asyncio.sleep(patience_seconds)
            raise self._cut()
        try:
            async with asyncio.timeout(None) as scope:
                self._running.add(scope)
                try:
                    yield
                finally:
                    self._running.discard(scope)
        except TimeoutError:
            if scope.expired():
                raise self._cut() from None
            raise

    def _cut(self) -> ProviderCut:
        return ProviderCut(f"{self._name} is cut off by a drill.")
