"""Blocks that end in time, or when others say so; and who is cancelled by somebody else stays cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from jazari.gateway.proxy.deadlines import Deadline, Interruptible

LONG = 20.0
"""Seconds that no test waits."""


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a test in the gateway's kind of event loop."""

    async def within_reason() -> None:
        async with asyncio.timeout(LONG):
            await work()

    uvloop.run(within_reason())


class Left(Exception):
    """What an interrupted block is left with here."""


def test_a_block_ends_in_time_and_the_next_has_its_own() -> None:
    async def work() -> None:
        deadline = Deadline()
        for _ in range(2):
            with pytest.raises(TimeoutError), deadline.within(0.02):
                await asyncio.sleep(LONG)
            with deadline.within(LONG):
                await asyncio.sleep(0.05)
        deadline.close()

    run(work)


def test_a_later_end_is_heeded_though_an_earlier_timer_runs() -> None:
    async def work() -> None:
        deadline = Deadline()
        with deadline.within(0.05):
            pass
        with deadline.within(LONG):
            await asyncio.sleep(0.15)  # the first block's timer has looked meanwhile
        with pytest.raises(TimeoutError), deadline.within(0.05):
            await asyncio.sleep(LONG)
        deadline.close()

    run(work)


def test_an_earlier_end_is_heeded_though_a_later_timer_runs() -> None:
    async def work() -> None:
        deadline = Deadline()
        with deadline.within(LONG):
            pass
        with pytest.raises(TimeoutError), deadline.within(0.02):
            await asyncio.sleep(LONG)
        deadline.close()

    run(work)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all_ends_it_as_soon_as_it_waits(seconds: float) -> None:
    async def work() -> None:
        deadline = Deadline()
        with pytest.raises(TimeoutError), deadline.within(seconds):
            await asyncio.sleep(LONG)

    run(work)


def test_all_blocks_together_end_with_the_whole() -> None:
    async def work() -> None:
        deadline = Deadline(0.1)
        with deadline.within(LONG):
            await asyncio.sleep(0.02)
        with pytest.raises(TimeoutError), deadline.within(LONG):
            await asyncio.sleep(LONG)
        assert deadline.is_over

    run(work)


def test_nothing_ends_between_blocks_or_once_it_is_closed() -> None:
    async def work() -> None:
        deadline = Deadline()
        with deadline.within(0.02):
            pass
        await asyncio.sleep(0.05)
        with deadline.within(0.02):
            deadline.close()
            await asyncio.sleep(0.05)

    run(work)


def test_others_end_a_block_with_its_error() -> None:
    async def work() -> None:
        block = Interruptible(Left)
        asyncio.get_running_loop().call_later(0.02, block.interrupt)
        with pytest.raises(Left), block:
            await asyncio.sleep(LONG)
        assert block.interrupted

    run(work)


def test_an_inner_block_does_not_take_the_outer_ones_end_for_its_own() -> None:
    async def work() -> None:
        block, deadline = Interruptible(Left), Deadline()
        asyncio.get_running_loop().call_later(0.02, block.interrupt)
        with pytest.raises(Left), block, deadline.within(LONG):
            await asyncio.sleep(LONG)
        deadline.close()

    run(work)


@pytest.mark.parametrize("both", [False, True], ids=["alone", "and interrupted"])
def test_who_is_cancelled_by_somebody_else_stays_cancelled(both: bool) -> None:
    async def waits(block: Interruptible, begun: asyncio.Event) -> None:
        with block:
            begun.set()
            await asyncio.sleep(LONG)

    async def work() -> None:
        begun = asyncio.Event()

        async def make() -> None:
            block = Interruptible(Left)
            if both:
                asyncio.get_running_loop().call_soon(block.interrupt)
            await waits(block, begun)

        task = asyncio.create_task(make())
        await asyncio.sleep(0)
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work)
