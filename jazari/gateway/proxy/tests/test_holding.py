"""The memory that requests' bodies take together: never above its bound, given back exactly however a call ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from jazari.gateway.proxy.errors import BodiesFull
from jazari.gateway.proxy.holding import Bodies, Hold
from jazari.gateway.proxy.http import LARGEST_BODY
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Behaviour
from jazari.testing.waiting import until

SECRET, KEY = key()
HEADERS = {"authorization": f"Bearer {SECRET}"}
MOST = 300_000
WEB = httpx.Client(timeout=60)


class Holding(RuleBasedStateMachine):
    """Requests come, grow, are refused and end in any order."""

    shares: Bundle[Any] = Bundle("shares")

    def __init__(self) -> None:
        super().__init__()
        self.bodies = Bodies(100)
        self.sizes: dict[int, int] = {}

    @rule(target=shares)
    def begin(self) -> tuple[Any, Hold]:
        block = self.bodies.hold()
        share = block.__enter__()
        self.sizes[id(share)] = 0
        return block, share

    @rule(opened=shares, size=st.integers(0, 120))
    def grow(self, opened: tuple[Any, Hold], size: int) -> None:
        fits = sum(self.sizes.values()) + size <= 100
        if fits:
            opened[1].expect(size)
            opened[1].add(size)
            self.sizes[id(opened[1])] += size
            return
        for refuse in (opened[1].expect, opened[1].add):
            with pytest.raises(BodiesFull):
                refuse(size)

    @rule(opened=shares)
    def release(self, opened: tuple[Any, Hold]) -> None:
        opened[1].release()
        self.sizes[id(opened[1])] = 0

    @rule(opened=consumes(shares), error=st.booleans())
    def end(self, opened: tuple[Any, Hold], error: bool) -> None:
        block, share = opened
        given = (ValueError, ValueError("x"), None) if error else (None, None, None)
        assert not block.__exit__(*given)  # as ``with`` does it: an error goes on out of the block
        del self.sizes[id(share)]

    @invariant()
    def counts_exactly(self) -> None:
        assert self.bodies.held == sum(self.sizes.values()) <= 100


TestHolding = Holding.TestCase


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def gateway(provider: OpenAILike, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    provider.faults.clear()
    provider.behaviour = Behaviour()
    with GatewayUnderTest(tmp_path, toml({"campus": provider.url}), KEY) as made:
        made.live.bodies = Bodies(MOST)
        yield made


def body(size: int, **more: Any) -> bytes:
    """A chat request of ``size`` bytes."""
    document = {"model": "chat", "messages": [{"role": "user", "content": ""}], **more}
    document["messages"][0]["content"] = "x" * (size - len(json.dumps(document)))
    return json.dumps(document).encode()


def post(gateway: GatewayUnderTest, content: Any, headers: dict[str, str] = HEADERS) -> httpx.Response:
    return WEB.post(f"{gateway.url}/chat/completions", content=content, headers=headers)


@contextmanager
def begun(gateway: GatewayUnderTest, content: bytes, announced: int = 0) -> Iterator[socket.socket]:
    """A request of which ``content`` has been sent; at the end its client leaves."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(f"{head}content-length: {announced or len(content)}\r\n\r\n".encode() + content)
        yield connection


def holds(gateway: GatewayUnderTest, size: int) -> None:
    until(lambda: gateway.live.bodies.held == size, f"{size} bytes are held, not {gateway.live.bodies.held}")


def test_what_does_not_fit_is_refused_until_there_is_room(gateway: GatewayUnderTest) -> None:
    large = body(200_000)
    with begun(gateway, large[:-1], len(large)):
        holds(gateway, len(large) - 1)
        for content in (large, iter([large[:90_000], large[90_000:]])):  # announced, and as it comes
            refused = post(gateway, content)
            assert (refused.status_code, refused.json()["code"]) == (503, "gateway.bodies-full")
            assert int(refused.headers["retry-after"]) >= 1
        assert post(gateway, body(50_000)).status_code == 200
        holds(gateway, len(large) - 1)
    holds(gateway, 0)
    assert post(gateway, large).status_code == 200


def test_a_body_is_held_until_its_answer_has_ended(gateway: GatewayUnderTest, provider: OpenAILike) -> None:
    provider.behaviour = Behaviour(words=5, pace_seconds=0.1)
    content = body(100_000, stream=True)
    with WEB.stream("POST", f"{gateway.url}/chat/completions", content=content, headers=HEADERS) as answer:
        assert answer.status_code == 200
        assert gateway.live.bodies.held == len(content)
        answer.read()
    holds(gateway, 0)


def leave(gateway: GatewayUnderTest, content: bytes, announced: int = 0) -> int:
    with begun(gateway, content, announced):
        holds(gateway, len(content))
    return 0


ENDINGS: dict[str, tuple[int, Callable[[GatewayUnderTest], int]]] = {
    "answered": (200, lambda gateway: post(gateway, body(1000)).status_code),
    "streamed": (200, lambda gateway: post(gateway, body(1000, stream=True)).status_code),
    "no JSON": (400, lambda gateway: post(gateway, b"{" * 1000).status_code),
    "no such route": (404, lambda gateway: post(gateway, body(1000, model="none")).status_code),
    "too large": (413, lambda gateway: post(gateway, iter([b"x" * 100_000] * 2 + [b"x" * LARGEST_BODY])).status_code),
    "a stranger": (401, lambda gateway: post(gateway, body(1000), {}).status_code),
    "full": (503, lambda gateway: post(gateway, iter([b"x" * 65_000] * 6)).status_code),
    "left while sending": (0, lambda gateway: leave(gateway, body(1000)[:-1], 1000)),
    "left while waiting": (0, lambda gateway: leave(gateway, body(1000, model="chat"))),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_gives_back_what_it_held(gateway: GatewayUnderTest, provider: OpenAILike, ending: str) -> None:
    if ending == "left while waiting":
        provider.behaviour = Behaviour(first_seconds=0.7)
    status, end = ENDINGS[ending]
    if ending == "too large":
        gateway.live.bodies = Bodies(2 * LARGEST_BODY)
    assert end(gateway) == status
    holds(gateway, 0)


def test_a_provider_that_fails_gives_back_too(gateway: GatewayUnderTest, provider: OpenAILike) -> None:
    provider.faults.next(Fault.ERROR_503)
    assert post(gateway, body(1000)).status_code == 503
    holds(gateway, 0)
