"""A provider's places, shared fairly: at most so many calls at once, waiting ones served project by project in turn."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from jazari.gateway.errors import ProviderBusy


class FairLimiter:
    """At most ``most_at_once`` calls, at most ``most_waiting`` in the queue. For one event loop.

    Whoever asks more does not get more: each project that waits has one turn a round. When the queue is full, the
    last of the project that waits most makes room for a project that waits less.
    """

    def __init__(self, most_at_once: int, most_waiting: int = 1000) -> None:
        self._free = most_at_once
        self._most_waiting = most_waiting
        self.waiting = 0
        self.busy = 0
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def place(self, project: str, timeout_seconds: float) -> Place:
        """Hold one place inside the block; ``ProviderBusy`` if none comes free in time or the queue is full."""
        return Place(self, project, timeout_seconds)

    async def acquire(self, project: str, timeout_seconds: float) -> None:
        """Take a place, to be given back with ``release``."""
        if self._free and not self.waiting:
            self._take()
            return
        turn = self._enqueue(project)
        try:
            async with asyncio.timeout(timeout_seconds):
                await turn
        except TimeoutError:
            self._leave(project, turn)
            raise ProviderBusy(f"No place came free in {timeout_seconds:g} s: try again later.") from None
        except BaseException:
            self._leave(project, turn)
            raise

    def release(self) -> None:
        """Give one place back, to the next project in turn."""
        self.busy -= 1
        self._free += 1
        self._serve()

    def _take(self) -> None:
        self._free -= 1
        self.busy += 1

    def _serve(self) -> None:
        while self._free and self._queues:
            project, queue = next(iter(self._queues.items()))
            turn = queue.popleft()
            self.waiting -= 1
            if queue:
                self._queues.move_to_end(project)
            else:
                del self._queues[project]
            if not turn.done():
                self._take()
                turn.set_result(None)

    def _enqueue(self, project: str) -> asyncio.Future[None]:
        if self.waiting >= self._most_waiting:
            self._make_room(project)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(project, deque()).append(turn)
        self.waiting += 1
        return turn

    def _make_room(self, project: str) -> None:
        full = ProviderBusy("Too many calls wait for this provider: try again later.")
        longest = max(self._queues, key=lambda name: len(self._queues[name]), default="")
        own = len(self._queues.get(project, ()))
        if not longest or len(self._queues[longest]) <= own + 1:
            raise full
        last = self._queues[longest].pop()
        self.waiting -= 1
        if not last.done():
            last.set_exception(full)

    def _leave(self, project: str, turn: asyncio.Future[None]) -> None:
        """A caller that stops waiting: out of the queue, or, if its turn had come already, its place goes on."""
        queue = self._queues.get(project, deque())
        if turn in queue:
            queue.remove(turn)
            self.waiting -= 1
            if not queue:
                del self._queues[project]
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.release()


class Place:
    """One place at ``limiter`` for as long as the block runs."""

    def __init__(self, limiter: FairLimiter, project: str, timeout_seconds: float) -> None:
        self._limiter, self._project, self._timeout_seconds = limiter, project, timeout_seconds

    async def __aenter__(self) -> None:
        await self._limiter.acquire(self._project, self._timeout_seconds)

    async def __aexit__(self, *_: object) -> None:
        self._limiter.release()
