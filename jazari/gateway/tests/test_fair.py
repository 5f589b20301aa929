"""A provider's places go round between projects, whoever asks most, and none gets lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.errors import ProviderBusy
from jazari.gateway.fair import FairLimiter


def run(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scene())


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_waiting_projects_take_turns() -> None:
    async def scene() -> None:
        limiter, order = FairLimiter(1), []

        async def call(project: str) -> None:
            async with limiter.place(project, 10):
                order.append(project)

        await limiter.acquire("first", 10)
        tasks = [asyncio.create_task(call(project)) for project in ["greedy"] * 5 + ["b", "c"] + ["b"]]
        await settled()
        assert limiter.waiting == 8
        limiter.release()
        await asyncio.gather(*tasks)
        assert order == ["greedy", "b", "c", "greedy", "b", "greedy", "greedy", "greedy"]
        assert (limiter.busy, limiter.waiting) == (0, 0)

    run(scene)


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    async def scene() -> None:
        limiter = FairLimiter(1)
        await limiter.acquire("a", 10)
        waiting = asyncio.create_task(limiter.acquire("b", 10))
        await settled()
        limiter.release()
        with pytest.raises(ProviderBusy):
            await limiter.acquire("c", 0.01)
        await waiting
        assert limiter.busy == 1

    run(scene)


def test_who_waits_too_long_is_told_and_leaves_the_queue() -> None:
    async def scene() -> None:
        limiter = FairLimiter(1)
        await limiter.acquire("a", 10)
        with pytest.raises(ProviderBusy, match=r"in 0\.01 s"):
            await limiter.acquire("b", 0.01)
        assert (limiter.busy, limiter.waiting) == (1, 0)
        limiter.release()
        await limiter.acquire("b", 0.01)

    run(scene)


def test_a_full_queue_makes_room_for_the_project_that_waits_less() -> None:
    async def scene() -> None:
        limiter = FairLimiter(1, most_waiting=3)
        await limiter.acquire("a", 10)
        greedy = [asyncio.create_task(limiter.acquire("greedy", 10)) for _ in range(3)]
        await settled()
        with pytest.raises(ProviderBusy, match="Too many calls wait"):
            await limiter.acquire("greedy", 10)
        modest = asyncio.create_task(limiter.acquire("modest", 10))
        await settled()
        with pytest.raises(ProviderBusy):
            await greedy[2]
        assert limiter.waiting == 3
        with pytest.raises(ProviderBusy):
            await limiter.acquire("modest", 10)
        limiter.release()
        await settled()
        assert greedy[0].done()
        assert not modest.done()
        limiter.release()
        await modest
        greedy[1].cancel()

    run(scene)


def test_a_place_that_came_to_a_cancelled_caller_goes_on() -> None:
    async def scene() -> None:
        limiter = FairLimiter(1)
        await limiter.acquire("a", 10)
        leaves = asyncio.create_task(limiter.acquire("b", 10))
        stays = asyncio.create_task(limiter.acquire("c", 10))
        await settled()
        limiter.release()  # b has its turn, but did not run yet
        leaves.cancel()
        await stays
        assert (limiter.busy, limiter.waiting) == (1, 0)

    run(scene)


def test_a_call_that_fails_gives_its_place_back() -> None:
    async def scene() -> None:
        limiter = FairLimiter(1)
        with pytest.raises(ZeroDivisionError):
            async with limiter.place("a", 10):
                raise ZeroDivisionError
        assert limiter.busy == 0

    run(scene)


@given(st.integers(1, 4), st.integers(1, 10), st.integers(0, 2**32))
def test_no_place_is_lost_or_taken_twice(most: int, waiting: int, seed: int) -> None:
    async def scene() -> None:
        chance = random.Random(seed)
        limiter = FairLimiter(most, most_waiting=waiting)
        inside = 0
        ended: Counter[str] = Counter()

        async def call(project: str) -> None:
            nonlocal inside
            try:
                async with limiter.place(project, chance.choice([0.0, 0.001, 10])):
                    inside += 1
                    assert inside <= most
                    assert limiter.busy <= most
                    try:
                        for _ in range(chance.randrange(4)):
                            await asyncio.sleep(0)
                    finally:
                        inside -= 1
                ended["served"] += 1
            except ProviderBusy:
                ended["busy"] += 1

        tasks = []
        for _ in range(40):
            tasks.append(asyncio.create_task(call(chance.choice("abc"))))
            if chance.random() < 0.5:
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                chance.choice(tasks).cancel()
            assert limiter.waiting <= waiting
        results = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled = sum(isinstance(one, asyncio.CancelledError) for one in results)
        assert ended.total() + cancelled == 40
        assert (limiter.busy, limiter.waiting, inside) == (0, 0, 0)
        for _ in range(most):
            await limiter.acquire("a", 0.01)

    run(scene)
