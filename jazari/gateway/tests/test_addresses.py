"""What is dialled is checked: by number, by name, and by a name that changes its mind."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.addresses import Reach, address_of, check_address, check_text
from jazari.gateway.errors import AddressRefused
from jazari.gateway.proxy.connector import guarded_connector

PUBLIC = ["8.8.8.8", "196.200.131.1", "2a00:1450:4007::1", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "::1", "fd12::1",
    "fe80::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::",
    "2002:a00:1::",
]  # fmt: skip
NEVER = [
    "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.1.1.1", "ff02::1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
    "198.18.0.1", "192.88.99.1", "2001:db8::1", "3fff::1", "2001::1", "fec0::1", "::7f00:1", "64:ff9b:1::7f00:1",
    "169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::ffff:0.0.0.0", "4000::1",
]  # fmt: skip


def passes(text: str, reach: Reach) -> bool:
    try:
        check_text(text, reach)
    except AddressRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("texts", "allowed"),
    [
        (PUBLIC, (True, True, False)),
        (PRIVATE, (False, True, True)),
        (NEVER, (False, False, False)),
        (["localhost", "", "127.1", "0x7f000001"], (False, False, False)),
    ],
    ids=["public", "private", "never", "no address"],
)
def test_each_reach(texts: list[str], allowed: tuple[bool, ...]) -> None:
    found = {text: tuple(passes(text, reach) for reach in Reach) for text in texts}
    assert found == dict.fromkeys(texts, allowed)


@given(st.ip_addresses(v=4))
def test_an_address_carried_inside_another_is_judged_as_itself(inner: ipaddress.IPv4Address) -> None:
    carried = [
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("::ffff:0:0")) | int(inner)),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(inner)),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("2002::")) | int(inner) << 80),
    ]
    for reach in Reach:
        assert {passes(str(address), reach) for address in carried} == {passes(str(inner), reach)}


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_does_not_call_global(address) -> None:
    if passes(str(address), Reach.PUBLIC):
        assert address.is_global or address_of(str(address)) in ipaddress.IPv6Network("2002::/16")
        assert not passes(str(address), Reach.PRIVATE_ONLY)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(AddressRefused, match="private_address = true"):
        check_address(ipaddress.ip_address("10.0.0.1"))
    with pytest.raises(AddressRefused, match="use https"):
        check_address(ipaddress.ip_address("8.8.8.8"), Reach.PRIVATE_ONLY)


class Names(AbstractResolver):
    """The names of a stranger's zone: each question takes the next of the answers."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        addresses = self.answers.pop(0)
        return [
            {"hostname": host, "host": address, "port": port, "proto": 0, "flags": 0,
             "family": socket.AF_INET6 if ":" in address else socket.AF_INET}
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        return None


@asynccontextmanager
async def machine_inside() -> AsyncIterator[tuple[int, list[str]]]:
    """A real server on loopback that must not be reached, and the paths it was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/elsewhere":
            return web.Response(status=307, headers={"location": "http://169.254.169.254/latest"})
        return web.Response(text="inside")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1], asked
    finally:
        await runner.cleanup()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


async def get(url: str, reach: Reach, resolver: AbstractResolver | None = None, **options: Any) -> tuple[int, str]:
    connector = guarded_connector(reach, resolver, **options)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url, allow_redirects=False) as reply:
        return reply.status, await reply.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_public_provider_cannot_be_on_this_machine(host: str) -> None:
    async def test() -> None:
        async with machine_inside() as (port, asked):
            with pytest.raises(AddressRefused):
                await get(f"http://{host}:{port}/", Reach.PUBLIC)
            assert asked == []

    run(test)


@pytest.mark.parametrize("reach", [Reach.PRIVATE_TOO, Reach.PRIVATE_ONLY])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_one_can(host: str, reach: Reach) -> None:
    async def test() -> None:
        async with machine_inside() as (port, asked):
            assert await get(f"http://{host}:{port}/v1", reach) == (200, "inside")
            assert asked == ["/v1"]

    run(test)


def test_a_name_that_is_bound_again_to_a_machine_inside_is_refused_then() -> None:
    async def test() -> None:
        async with machine_inside() as (port, asked):
            names = Names(["127.0.0.1"], ["127.0.0.1"], ["10.255.255.1", "127.0.0.1"])
            url = f"http://rebound.example.ma:{port}/"
            assert await get(url, Reach.PRIVATE_TOO, names) == (200, "inside")
            for _ in range(2):
                with pytest.raises(AddressRefused):
                    await get(url, Reach.PUBLIC, names)
            assert asked == ["/"]

    run(test)


def test_of_a_mixed_answer_only_what_is_allowed_is_dialled() -> None:
    async def test() -> None:
        async with machine_inside() as (port, _asked):
            names = Names(["8.8.8.8", "0.0.0.0", "127.0.0.1", "169.254.169.254"])
            assert await get(f"http://mixed.example.ma:{port}/", Reach.PRIVATE_ONLY, names) == (200, "inside")

    run(test)


def test_the_socket_has_the_last_word_even_if_names_were_not_checked() -> None:
    async def test() -> None:
        async with machine_inside() as (port, asked):
            connector = guarded_connector(Reach.PUBLIC)
            connector._resolver = Names(["127.0.0.1"])
            async with aiohttp.ClientSession(connector=connector) as session:
                with pytest.raises(AddressRefused):
                    await session.get(f"http://unchecked.example.ma:{port}/")
            assert asked == []

    run(test)


def test_a_redirect_out_of_reach_is_refused_even_where_redirects_are_followed() -> None:
    async def test() -> None:
        async with machine_inside() as (port, asked):
            names = Names(["127.0.0.1"])
            connector = guarded_connector(Reach.PRIVATE_ONLY, names)
            async with aiohttp.ClientSession(connector=connector) as session:
                with pytest.raises(AddressRefused):
                    await session.get(f"http://provider.example.ma:{port}/elsewhere")
            assert asked == ["/elsewhere"]

    run(test)
