"""Running blocking work (database, disk, signatures) beside the event loop, in few threads.

Few, because every thread that asks the database keeps a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """A few named threads, started when they are first needed."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self.restart()

    def restart(self) -> None:
        """Go on with new threads, which open connections of their own; work in the old ones is finished."""
        self.executor = ThreadPoolExecutor(self._size, thread_name_prefix=self._name)


QUICK = Pool(3, "exchange")
"""For heartbeats and questions: milliseconds each."""
SLOW = Pool(2, "publications")
"""For publications, which may take long: they must not hold up heartbeats."""


async def run(pool: Pool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The value of ``work(*args)``, computed in a thread of ``pool``."""
    return await asyncio.get_running_loop().run_in_executor(pool.executor, lambda: _fresh(work, *args, **kwargs))


def _fresh(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()
