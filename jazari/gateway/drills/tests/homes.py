"""A gateway under test with its control socket, in a home of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from jazari.gateway.drills.control import control
from jazari.gateway.drills.cutting import Cutter
from jazari.gateway.drills.sockets import control_path
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, toml
from jazari.settings.home import Home, NodeConfig


def new_home(path: Path) -> Home:
    """A home that a gateway can keep its socket and its audit events in."""
    return Home.create(path, NodeConfig(role="institute", namespace="rabat"))


def write_settings(home: Home, first: str, second: str) -> None:
    """A gateway.toml with routes over both addresses, ``only`` over the first alone, at a free port."""
    only = '[route.only]\nkind = "chat"\ntargets = [{ provider = "first", model = "stand-in" }]\n'
    (home.path / "gateway").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = f"port = {port}\n{toml({'first': first, 'second': second})}\n{only}"
    (home.path / "gateway" / "gateway.toml").write_text(text)


class Controlled(GatewayUnderTest):
    """Serves like a gateway of ``home``: its journal is there, and its operator can speak to it."""

    def __init__(self, home: Home, text: str, *keys: Any, **options: Any) -> None:
        super().__init__(home.path / "gateway", text, *keys, **options)
        self.home = home
        self.socket = control_path(home)
        self.cutter: Cutter

    @contextmanager
    def controlled(self) -> Iterator[None]:
        """Take orders inside the block."""
        stack = AsyncExitStack()

        async def begin() -> Cutter:
            return await stack.enter_async_context(control(self.live, self.home))

        self.cutter = self.do(begin())
        try:
            yield
        finally:
            self.do(stack.aclose())
