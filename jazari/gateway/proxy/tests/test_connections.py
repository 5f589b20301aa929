"""A provider that closes kept connections: not its fault, tried once more on a fresh one, and told on the receipt."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.gateway.breaker import Health
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key()
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Al-Jazari"}, "finish_reason": "stop"}]}
USAGE = {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}
WEB = httpx.Client(timeout=60)


class Closing:
    """A server that answers ``answers`` requests on each connection, then meets the next one as ``fate`` says.

    ``fin`` and ``reset`` close without a byte, ``head`` after part of an answer's head. ``idle_seconds``: it closes
    connections on which nothing more comes for so long after an answer.
    """

    def __init__(self, fate: str, answers: int = 1, idle_seconds: float = 60.0) -> None:
        self._fate, self.answers, self._idle = fate, answers, idle_seconds
        self.connections = self.requests = 0
        self._loop, self._over = asyncio.new_event_loop(), asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    async def serve(self) -> None:
        """Until ``stop``."""
        async with await asyncio.start_server(self._attend, sock=self._listener):
            await self._over.wait()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answered = 0
        try:
            while document := await asyncio.wait_for(self._request(reader), self._idle if answered else None):
                self.requests += 1
                if answered >= self.answers:
                    self._end(writer)
                    return
                answered += 1
                writer.write(_answer(bool(document.get("stream"))))
        except (TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _end(self, writer: asyncio.StreamWriter) -> None:
        if self._fate == "head":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-")
        if self._fate == "reset":
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _request(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        document: dict[str, Any] = json.loads(await reader.readexactly(size))
        return document

    def run(self) -> None:
        """In a thread. Whoever is attended to at the end is left while the loop still turns."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self.serve())

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._over.set)


def _answer(stream: bool) -> bytes:
    if not stream:
        body, kind = json.dumps(ANSWER | USAGE).encode(), "application/json"
    else:
        delta = {"choices": [{"index": 0, "delta": {"content": "Al-Jazari"}}]} | USAGE
        body, kind = f"data: {json.dumps(delta)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream"
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def closing(*arguments: Any, **options: Any) -> Iterator[Closing]:
    server = Closing(*arguments, **options)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)


@contextmanager
def gateway_at(folder: Path, *urls: str) -> Iterator[GatewayUnderTest]:
    names = ("first", "second")
    with GatewayUnderTest(folder, toml(dict(zip(names, urls, strict=False))), KEY) as made:
        yield made


def ask(gateway: GatewayUnderTest, stream: bool = False) -> list[tuple[str, str]]:
    """One call that is answered; who was tried, and how it ended."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "x"}], "stream": stream}
    headers = {"authorization": f"Bearer {SECRET}"}
    answer = WEB.post(f"{gateway.url}/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert "Al-Jazari" in answer.text
    return [(one.provider, one.outcome) for one in gateway.receipts()[-1].tried]


ANSWERED = ("first", "answered")
CLOSED = ("first", "connection closed")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fate", ["fin", "reset"])
def test_a_kept_connection_that_was_closed_is_tried_again_on_a_fresh_one(
    tmp_path: Path, fate: str, stream: bool
) -> None:
    with closing(fate) as server, gateway_at(tmp_path, server.url) as gateway:
        assert ask(gateway, stream) == [ANSWERED]
        for _ in range(12):
            before = server.requests
            if ask(gateway, stream) == [CLOSED, ANSWERED]:
                assert server.requests == before + 2
        told = [one for receipt in gateway.receipts() for one in receipt.tried if one.outcome == "connection closed"]
        assert len(told) >= 6
        assert {one.decision for one in told} == {"allowed"}
        # More than enough to leave it alone, if they counted.
        assert gateway.live.providers["first"].state(0.0).health is Health.CLOSED
        assert {receipt.outcome for receipt in gateway.receipts()} == {"answered"}
        assert gateway.spent() == sum(receipt.charge for receipt in gateway.receipts())


def test_it_is_tried_again_once(tmp_path: Path) -> None:
    with closing("fin") as server, OpenAILike() as second, gateway_at(tmp_path, server.url, second.url) as gateway:
        assert ask(gateway) == [ANSWERED]
        server.answers = 0  # from now on every request meets its fate
        assert ask(gateway) == [CLOSED, ("first", "bad answer"), ("second", "answered")]


def test_a_connection_that_was_never_used_is_the_providers_fault(tmp_path: Path) -> None:
    with closing("fin", answers=0) as server, OpenAILike() as second:
        with gateway_at(tmp_path, server.url, second.url) as gateway:
            assert ask(gateway) == [("first", "bad answer"), ("second", "answered")]
        assert server.requests == 1


def test_nothing_is_asked_again_once_an_answer_has_begun(tmp_path: Path) -> None:
    with closing("head") as server, OpenAILike() as second, gateway_at(tmp_path, server.url, second.url) as gateway:
        assert ask(gateway) == [ANSWERED]
        assert ask(gateway) == [("first", "bad answer"), ("second", "answered")]
        assert server.requests == 2


def test_a_server_that_closes_idle_connections_never_counts_as_failed(tmp_path: Path) -> None:
    with closing("fin", answers=10**6, idle_seconds=0.03) as server, gateway_at(tmp_path, server.url) as gateway:
        for number in range(60):
            time.sleep(0.025 + number % 10 / 1000)
            assert {outcome for _provider, outcome in ask(gateway)} <= {"answered", "connection closed"}
        assert server.connections > 1
