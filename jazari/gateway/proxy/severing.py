"""The way to one provider, which a drill can cut: new attempts fail or hang, those that run are torn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

from jazari.gateway.errors import ProviderCut
from jazari.gateway.proxy.deadlines import Interruptible


class Mode(StrEnum):
    """How a provider is away: it refuses connections, or what is sent to it vanishes."""

    REFUSE = "refuse"
    BLACKHOLE = "blackhole"


class Way:
    """The way to the provider ``name``; ``mode`` is None while it is open. One event loop uses it."""

    def __init__(self, name: str) -> None:
        self.mode: Mode | None = None
        self._name = name
        self._running: set[Attempt] = set()

    def sever(self, mode: Mode) -> None:
        """Cut it: attempts that run are torn now, new ones meet ``mode``."""
        self.mode = mode
        torn, self._running = self._running, set()
        for attempt in torn:
            attempt.interrupt()

    def mend(self) -> None:
        """Open it again, for attempts from now on."""
        self.mode = None

    async def refuse_when_cut(self, patience_seconds: float) -> None:
        """Raise ``ProviderCut`` while it is cut; ``patience_seconds`` is how long nobody knows better of an attempt
        that vanishes."""
        if self.mode is None:
            return
        if self.mode is Mode.BLACKHOLE:
            # Also when the way is mended meanwhile: what was sent is lost.
            await asyncio.sleep(patience_seconds)
        raise self._cut()

    def attempt(self) -> Attempt:
        """Make one attempt inside the block; ``ProviderCut`` when the way is cut while it runs."""
        return Attempt(self._running, self._cut)

    def _cut(self) -> ProviderCut:
        return ProviderCut(f"{self._name} is cut off by a drill.")


class Attempt(Interruptible):
    """One attempt, among those that ``running`` holds while it runs."""

    __slots__ = ("_running",)

    def __init__(self, running: set[Attempt], error: Callable[[], Exception]) -> None:
        super().__init__(error)
        self._running = running

    def __enter__(self) -> Self:
        self._running.add(self)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.discard(self)
        super().__exit__(kind, error, trace)
