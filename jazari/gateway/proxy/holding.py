"""A bound on the memory that the bodies of all requests take together; ``http.LARGEST_BODY`` bounds each alone."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from jazari.gateway.proxy.errors import BodiesFull

MOST_HELD = 256_000_000
"""Bytes as they came; what is read from them takes some times as much while it is in use."""


class Bodies:
    """The bytes of all bodies that are ``held`` now, never more than ``most``. One event loop uses it."""

    def __init__(self, most: int = MOST_HELD) -> None:
        self._most = most
        self.held = 0

    def hold(self) -> Hold:
        """One request's share, given back when the block ends, however it does."""
        return Hold(self)

    def take(self, size: int) -> None:
        """Count ``size`` bytes more; ``BodiesFull`` where they do not fit, and nothing is counted."""
        self.check(size)
        self.held += size

    def check(self, size: int) -> None:
        """Raise ``BodiesFull`` if ``size`` bytes more do not fit now."""
        if self.held + size > self._most:
            raise BodiesFull("The gateway holds as many requests as its memory is meant for: send it again in a while.")

    def give_back(self, size: int) -> None:
        """Count ``size`` bytes less."""
        self.held -= size


class Hold:
    """What one request holds."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def expect(self, size: int) -> None:
        """Raise ``BodiesFull`` now if a body of ``size`` bytes does not fit; what is announced takes no room yet."""
        self._bodies.check(size)

    def add(self, size: int) -> None:
        """``size`` bytes have come; raises ``BodiesFull``."""
        self._bodies.take(size)
        self._size += size

    def release(self) -> None:
        """Nothing of it is held any more; harmless to repeat."""
        size, self._size = self._size, 0
        self._bodies.give_back(size)
