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

QUICK = ThreadPoolExecutor(max_workers=3, thread_name_prefix="exchange")
"""For heartbeats and questions: milliseconds each."""
SLOW = ThreadPoolExecutor(max_workers=2, thread_name_prefix="publications")
"""For publications, which may take long: they must not hold up heartbeats."""


async def run(executor: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The value of ``work(*args)``, computed in a thread of ``executor``."""
    return await asyncio.get_running_loop().run_in_executor(executor, lambda: _fresh(work, *args, **kwargs))


def _fresh(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()
