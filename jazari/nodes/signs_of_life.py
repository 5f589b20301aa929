"""A file that an event loop touches while it turns: the supervisor kills a process that hangs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

SECONDS = 2.0


@contextlib.asynccontextmanager
async def show_life(path: Path) -> AsyncIterator[None]:
    """Touch ``path`` every two seconds inside the block."""
    task = asyncio.create_task(_touch_forever(path))
    try:
        yield
    finally:
        task.cancel()


async def _touch_forever(path: Path) -> None:
    while True:
        with contextlib.suppress(OSError):
            path.touch()
        await asyncio.sleep(SECONDS)
