"""Clients of a gateway: bare connections that cost little, so that they measure it and not themselves.

Latency is counted from the moment at which a request was due, not from when it was sent: a client that is held up
would otherwise hide that others waited (coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools
import uvloop

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Target:
    """Where to ask, and with which key. ``name``: as the results call it."""

    name: str
    url: str
    key: str = "none"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    def headers(self) -> dict[str, str]:
        """What every request has."""
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    def request(self, model: str, *, stream: bool = False) -> bytes:
        """One whole HTTP request."""
        data = body(model, stream=stream)
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers().items())
        host, port = self.address
        path = urlsplit(self.url).path + "/chat/completions"
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{headers}Content-Length: {len(data)}\r\n\r\n"
        return head.encode() + data


def body(model: str, *, stream: bool = False) -> bytes:
    """A chat of an ordinary form: instructions and a question, some 400 bytes."""
    document: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You help the staff of a civil registry. Answer in the language that you "
             "are asked in, in at most three sentences, and say so where you do not know."},
            {"role": "user", "content": "Quels documents faut-il pour demander un extrait d'acte de naissance, et "
             "combien de temps faut-il attendre ?"},
        ],
        "max_tokens": 200,
    }  # fmt: skip
    return json.dumps(document | ({"stream": True} if stream else {}), ensure_ascii=False).encode()


@dataclass
class Seen:
    """What came back. Seconds from the moment each request was due to the first byte of its answer, and to its end."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    events: int = 0
    failed: int = 0
    seconds: float = 0.0

    def add(self, other: Seen) -> None:
        """Count another run in."""
        self.first += other.first
        self.whole += other.whole
        self.events += other.events
        self.failed += other.failed
        self.seconds += other.seconds


class _Connection(asyncio.Protocol):
    """One connection, kept alive, with at most one request on it."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self.transport: Any = None
        self._due = self._lines = 0.0
        self._first: float | None = None
        self._busy = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, request: bytes, due: float) -> None:
        self._due, self._first, self._lines, self._busy = due, None, 0, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        if self._first is None:
            self._first = time.perf_counter() - self._due
        self._lines += part.count(b"\n")

    def on_message_complete(self) -> None:
        seen, self._busy = self._pool.seen, False
        if self._parser.get_status_code() == 200 and self._first is not None:
            seen.first.append(self._first)
            seen.whole.append(time.perf_counter() - self._due)
            seen.events += int(self._lines) // 2
        else:
            seen.failed += 1
        alive = self._parser.should_keep_alive()
        self._parser = httptools.HttpResponseParser(self)
        if alive:
            self._pool.free.append(self)
        else:
            self.transport.close()
        self._pool.ended()

    def connection_lost(self, _error: Exception | None) -> None:
        if self in self._pool.free:
            self._pool.free.remove(self)
        if self._busy:
            self._busy = False
            self._pool.seen.failed += 1
            self._pool.ended()


class _Pool:
    """As many connections to one target as requests are under way."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.free: list[_Connection] = []
        self.seen = Seen()
        self.open = 0
        self._turn = asyncio.Event()

    async def ask(self, request: bytes, due: float) -> None:
        """Send it now, on a connection that is free or a new one."""
        self.open += 1
        connection = self.free.pop() if self.free else await self._dial()
        if connection is None:
            self.seen.failed += 1
            self.ended()
        else:
            connection.ask(request, due)

    async def _dial(self) -> _Connection | None:
        try:
            _, made = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self), *self.target.address
            )
        except OSError:
            return None
        return made

    def ended(self) -> None:
        """One request has ended."""
        self.open -= 1
        self._turn.set()

    async def at_most(self, most: int) -> None:
        """Wait until at most so many are under way; what takes too long has failed."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self.open > most:
                    self._turn.clear()
                    await self._turn.wait()
        except TimeoutError:
            self.seen.failed += self.open
            self.open = 0

    async def warm(self, connections: int) -> None:
        """Dial so many before anything is measured."""
        made = [one for one in [await self._dial() for _ in range(connections)] if one]
        self.free += made

    def close(self) -> None:
        """Hang up."""
        for connection in list(self.free):
            connection.transport.close()


def at_a_pace(target: Target, request: bytes, rate: float, seconds: float, connections: int = 64) -> Seen:
    """``rate`` requests a second, each at its moment whether others were answered or not (an open loop)."""
    return uvloop.run(_at_a_pace(target, request, rate, seconds, connections))


async def _at_a_pace(target: Target, request: bytes, rate: float, seconds: float, connections: int) -> Seen:
    pool, loop = _Pool(target), asyncio.get_running_loop()
    await pool.warm(connections)
    moments: asyncio.Queue[float | None] = asyncio.Queue()
    # The loop's timers count milliseconds, which is as long as what is measured: a thread's sleep is finer.
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    loop.add_reader(reader, lambda: _forward(reader, moments))
    count = max(1, round(rate * seconds))
    start = time.perf_counter() + 0.05
    pacer = threading.Thread(target=_tick, args=(writer, start, rate, count), daemon=True)
    pacer.start()
    for number in range(count):
        await moments.get()
        await pool.ask(request, start + number / rate)
    await pool.at_most(0)
    pool.seen.seconds = time.perf_counter() - start
    loop.remove_reader(reader)
    pacer.join()
    os.close(reader)
    os.close(writer)
    pool.close()
    return pool.seen


def _forward(reader: int, moments: asyncio.Queue[float | None]) -> None:
    for _ in os.read(reader, 65536):
        moments.put_nowait(None)


def _tick(writer: int, start: float, rate: float, count: int) -> None:
    for number in range(count):
        ahead = start + number / rate - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        os.write(writer, b".")


def as_fast_as_it_can(target: Target, request: bytes, count: int, connections: int) -> Seen:
    """``count`` requests on ``connections`` connections, each sent when the one before is answered (a closed loop)."""
    return each_in_turn(target, [request] * count, connections)


def each_in_turn(target: Target, requests: Sequence[bytes], connections: int) -> Seen:
    """The same for ``requests`` that differ, in their order."""
    return uvloop.run(_each_in_turn(target, requests, connections))


async def _each_in_turn(target: Target, requests: Sequence[bytes], connections: int) -> Seen:
    pool = _Pool(target)
    await pool.warm(connections)
    start = time.perf_counter()
    for request in requests:
        await pool.at_most(connections - 1)
        await pool.ask(request, time.perf_counter())
    await pool.at_most(0)
    pool.seen.seconds = time.perf_counter() - start
    pool.close()
    return pool.seen


def at_the_same_time(target: Target, request: bytes, streams: int, spread_seconds: float) -> Seen:
    """``streams`` streams, begun over ``spread_seconds``, each to its end; ``seconds`` from the first to the last."""
    return at_a_pace(target, request, streams / spread_seconds, spread_seconds, min(streams, 64))
