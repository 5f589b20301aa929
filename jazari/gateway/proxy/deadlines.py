"""Blocks of a task that others may end, and how long they may take: decided anew for every piece of an answer.

``asyncio.timeout`` sets a timer for each block. Here a block only writes down when it ends at the latest: the timer
that an earlier block left running looks then, and is set again if that is not yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

_NEVER = float("inf")
_TICK = 0.001
"""Seconds between two moments of the event loop's clock."""


class Interruptible:
    """Blocks of the task that makes it, which others may end with ``interrupt``: then ``error`` leaves them."""

    __slots__ = ("_before", "_error", "_task", "interrupted")

    def __init__(self, error: Callable[[], Exception] = TimeoutError) -> None:
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._error = error
        self._before = 0
        self.interrupted = False

    def interrupt(self) -> None:
        """End the block that runs; harmless to repeat."""
        if not self.interrupted:
            self.interrupted = True
            self._task.cancel()

    def __enter__(self) -> Self:
        self.interrupted = False
        self._before = self._task.cancelling()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # As asyncio.timeout does: a task that somebody else has cancelled as well stays cancelled.
        if self.interrupted and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise self._error() from None


class Deadline(Interruptible):
    """Bounds blocks of one task, one after the other: each by its own time, all by ``whole_seconds`` from now on.

    ``with deadline.within(seconds):`` raises ``TimeoutError``. ``close`` it when no block comes any more.
    """

    __slots__ = ("_due", "_end", "_loop", "_timer", "_wakes")

    def __init__(self, whole_seconds: float = _NEVER) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + whole_seconds
        self._due = self._wakes = _NEVER
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """Whether no block has any time left."""
        return self._loop.time() + _TICK >= self._end

    def within(self, seconds: float) -> Self:
        """The next block may take ``seconds``."""
        return self.until(self._loop.time() + seconds)

    def until(self, moment: float) -> Self:
        """The next block may take until ``moment`` of the event loop's clock."""
        self._due = min(moment, self._end)
        if self._due < self._wakes:
            self._set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._due = _NEVER
        if self.interrupted:
            super().__exit__(kind, error, trace)

    def close(self) -> None:
        """Look at no clock any more."""
        self._due = _NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes = self._due
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer, self._wakes = None, _NEVER
        if self._loop.time() + _TICK >= self._due:
            self.interrupt()
        elif self._due < _NEVER:
            self._set()
