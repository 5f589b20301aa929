"""After any number of calls the gateway holds no more than before: nothing is kept for a call that is over."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml

KEYS = [key(f"key{number}", project=f"project{number % 4}") for number in range(8)]
AT_ONCE = 16
ROUND = 2_500
MOST_MORE_OBJECTS = 2_000
"""What containers in pools and caches may differ by between two moments; a leak of one a call is 7,500."""


@pytest.fixture
def address() -> Iterator[str]:
    """A provider in a process of its own, whose memory is not looked at."""
    command = [sys.executable, "-m", "jazari.testing.providers.openai_like", "0", "--words", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


async def calls(gateway: GatewayUnderTest, number: int) -> None:
    """Whole and streamed answers, and refusals of every kind that a call can end in."""
    bodies: list[dict[str, Any]] = [
        {"model": "chat", "messages": [{"role": "user", "content": "x"}], "stream": stream} for stream in (False, True)
    ]
    left = iter(range(number))
    async with aiohttp.ClientSession() as web:

        async def client() -> None:
            for one in left:
                headers = {"authorization": f"Bearer {KEYS[one % len(KEYS)][0]}"}
                if one % 10 == 9:
                    headers["jazari-data-class"] = "secret"
                async with web.post(f"{gateway.url}/chat/completions", json=bodies[one % 2], headers=headers) as answer:
                    await answer.read()

        await asyncio.gather(*(client() for _ in range(AT_ONCE)))


def chores(gateway: GatewayUnderTest) -> None:
    """What the running gateway does every second and every minute."""

    async def do() -> None:
        ledger = gateway.live.ledger
        gateway.live.pay_owed()
        gateway.live.limiter.prune(time.monotonic() + 60)
        ledger.anchor()
        for event in ledger.undelivered_events():
            ledger.delivered(event)

    gateway.do(do())


def held(gateway: GatewayUnderTest) -> dict[str, int]:
    """The sizes of what the gateway keeps by call, key, project and provider."""
    live = gateway.live
    provider = live.providers["campus"]
    return {
        "open": live.open_calls,
        "owed": len(live.owed),
        "limits": live.limiter.known,
        "streams": len(live.limiter._streams),
        "busy": provider.places.busy,
        "waiting": provider.places.waiting,
        "unanchored": live.ledger.unanchored,
        "undelivered": len(live.ledger.undelivered_events()),
        "reserved": sum(live.ledger.balance(one.project).reserved for _, one in KEYS),
        "lines": len(live.metrics.text().splitlines()),
    }


@pytest.mark.slow
def test_nothing_is_kept_of_calls_that_are_over(address: str, tmp_path: Path) -> None:
    with GatewayUnderTest(tmp_path, toml({"campus": address}), *[one for _, one in KEYS], credits=1e6) as gateway:
        sizes, objects = [], []
        for _ in range(4):
            asyncio.run(calls(gateway, ROUND))
            chores(gateway)
            gc.collect()
            sizes.append(held(gateway))
            objects.append(len(gc.get_objects()))
        lines = sizes[0].pop("lines")
        assert set(sizes[0].values()) == {0}
        assert sizes[1:] == [sizes[0] | {"lines": lines}] * 3
        assert objects[-1] - objects[0] < MOST_MORE_OBJECTS, objects
        assert gateway.live.ledger.balance("project0").spent > 0
        assert Counter(receipt.status for receipt in gateway.receipts()) == {200: 4 * ROUND * 9 // 10}
