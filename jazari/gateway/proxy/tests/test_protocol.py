"""Strangers who never finish a request or never read are shown out, over real sockets; nobody else is hurried."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from jazari.federation.tls import write_certificate
from jazari.gateway.guests import Node
from jazari.gateway.openapi import openapi_bytes
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, Membership, key, toml
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Behaviour
from jazari.testing.waiting import until

SECRET, KEY = key()
LIMIT = 0.6
PATIENCE = 20.0
"""Seconds after which a test gives up: more than a busy machine needs, less than a keep-alive lasts."""
DOCUMENT = b"GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture(params=["plain", "tls"])
def gateway(request: pytest.FixtureRequest, provider: OpenAILike, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    files = (tmp_path / "tls.crt", tmp_path / "tls.key")
    member = None
    if request.param == "tls":
        write_certificate(*files, "rabat", ["127.0.0.1"])
        member = Membership(Node("rabat"), tls=files)
    provider.behaviour = Behaviour()
    text = toml({"campus": provider.url}).replace("first_token_seconds = 1\n", "first_token_seconds = 15\n")
    with GatewayUnderTest(tmp_path, text, KEY, member=member, header_seconds=LIMIT, reading_seconds=LIMIT) as made:
        yield made


def connect(gateway: GatewayUnderTest) -> socket.socket:
    """A connection with which to do what no client does."""
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE)
    if gateway.member.tls is None:
        return plain
    context = ssl.create_default_context(cafile=str(gateway.member.tls[0]))
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def ask_without_reading(connection: socket.socket) -> None:
    """Ask until everything on the way is full of answers."""
    connection.settimeout(0.2)
    with contextlib.suppress(OSError):  # also where TLS cannot write for now
        while True:
            connection.sendall(DOCUMENT)
    connection.settimeout(PATIENCE)


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer."""
    return read_from(connection.makefile("rb"))


def read_from(reader: BinaryIO) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    status = int(reader.readline().split()[1])
    size = 0
    while (line := reader.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        size = int(value) if name.lower() == b"content-length" else size
    return status, reader.read(size)


def drip(connection: socket.socket, piece: bytes) -> bool:
    """Send ``piece`` again and again; whether the other end closed the connection before patience ended."""
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(0.05):
            try:
                connection.sendall(piece)
            except OSError:
                return

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        stop.set()
        thread.join()


def test_who_says_nothing_is_shown_out(gateway: GatewayUnderTest) -> None:
    with connect(gateway) as silent:
        assert drip(silent, b"")


@pytest.mark.parametrize("piece", [b"x-more: 1\r\n", b"a"], ids=["headers", "one-header"])
def test_who_sends_headers_for_ever_is_shown_out(gateway: GatewayUnderTest, piece: bytes) -> None:
    with connect(gateway) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        assert drip(slow, piece)


@pytest.mark.parametrize(("begun", "piece"), [(b"", b"\r\n"), (b"GET /", b"a")], ids=["line-ends", "a-path"])
def test_a_further_request_has_no_more_time(gateway: GatewayUnderTest, begun: bytes, piece: bytes) -> None:
    with connect(gateway) as slow:
        slow.sendall(HEALTH)
        assert read_answer(slow)[0] == 200
        slow.sendall(begun)
        assert drip(slow, piece)


def test_a_body_that_nobody_reads_ends_too(gateway: GatewayUnderTest) -> None:
    with connect(gateway) as stranger:
        stranger.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n")
        assert read_answer(stranger)[0] == 401
        assert drip(stranger, b"x")


def test_a_kept_connection_and_a_slow_answer_are_not_hurried(gateway: GatewayUnderTest, provider: OpenAILike) -> None:
    provider.behaviour = Behaviour(first_seconds=3 * LIMIT)
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "x"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\n"
    with connect(gateway) as patient:
        patient.sendall(HEALTH)
        assert read_answer(patient)[0] == 200
        time.sleep(2 * LIMIT)  # longer than headers may take, with nothing begun
        patient.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:1])
        time.sleep(2 * LIMIT)  # a body has more time
        patient.sendall(body[1:])
        assert read_answer(patient)[0] == 200
        patient.sendall(HEALTH)
        assert read_answer(patient)[0] == 200


def test_strangers_take_no_place_for_long(gateway: GatewayUnderTest) -> None:
    crowd = [connect(gateway) for _ in range(50)]
    try:
        for one in crowd:
            one.sendall(b"GET / HTTP/1.1\r\n")
        until(lambda: all(drip(one, b"") for one in crowd), "they are all shown out", PATIENCE)
    finally:
        for one in crowd:
            one.close()
    with connect(gateway) as next_one:
        next_one.sendall(HEALTH)
        assert read_answer(next_one)[0] == 200


def test_who_reads_no_answer_is_shown_out(gateway: GatewayUnderTest) -> None:
    crowd = [connect(gateway) for _ in range(3)]
    try:
        for one in crowd:
            ask_without_reading(one)
        until(lambda: gateway.connections == 0, "they are all shown out", PATIENCE)
    finally:
        for one in crowd:
            one.close()


def test_who_reads_no_answer_that_the_kernel_keeps_is_shown_out(gateway: GatewayUnderTest) -> None:
    with connect(gateway) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stranger.sendall(HEALTH)
        assert read_answer(stranger)[0] == 200
        stranger.sendall(DOCUMENT * 10)
        until(lambda: gateway.connections == 0, "it is shown out", PATIENCE)


def test_who_reads_slowly_gets_everything(gateway: GatewayUnderTest) -> None:
    answers = 12_000_000 // len(openapi_bytes())
    with connect(gateway) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        sender = threading.Thread(target=slow.sendall, args=(DOCUMENT * answers,))
        sender.start()
        reader = slow.makefile("rb")
        begun = time.monotonic()
        for _ in range(answers):
            if time.monotonic() < begun + 6 * LIMIT:
                time.sleep(LIMIT / 8)
            assert read_from(reader) == (200, openapi_bytes())
        sender.join()
