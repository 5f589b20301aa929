"""``python -m jazari.nodes.portal HOME [DESCRIPTOR]``: the node's pages, a process of its own.

Plain HTTP, on loopback unless a proxy with TLS stands in front (``jazari.settings.portal_home``). What readers without
an account see is kept as bytes until the verified catalogue changes; static files never reach Django.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from typing import cast

import uvicorn

from jazari.core.errors import JazariError
from jazari.federation.http import Application, Receive, Scope, Send
from jazari.gateway.proxy.protocol import HEADER_SECONDS, bounded
from jazari.nodes.signs_of_life import show_life
from jazari.nodes.supervision import bind
from jazari.settings.home import Home
from jazari.settings.portal_home import PortalConfig

MOST_CONNECTIONS = 1_000
STOP_SECONDS = 3
PROXIES = ["127.0.0.1", "::1"]


def create_application(home: Home) -> Application:
    """The portal of ``home`` as one ASGI application. Django must be set up with ``PAGES``."""
    from django.core.checks.urls import check_resolver as check_urls
    from django.urls import get_resolver

    from jazari.nodes import wiring
    from jazari.portal.handler import PageHandler
    from jazari.portal.serving import as_one_application

    wiring.connect()
    wiring.register_cards()
    check_urls(get_resolver())  # imports every page: what cannot be is known now, and nobody waits for it later
    pages = as_one_application(cast(Application, PageHandler()), PortalConfig.of(home).origin)
    return Healthy(pages, home)


class Healthy:
    """Answers ``/healthz``, whatever host name it is asked by; everything else is for ``application``."""

    def __init__(self, application: Application, home: Home) -> None:
        self._application = application
        facts = {"status": "ok", "role": home.config.role, "namespace": home.namespace}
        self._body = json.dumps(facts).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/healthz" or scope["method"] not in ("GET", "HEAD"):
            await self._application(scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self._body})


def create_server(home: Home, header_seconds: float = HEADER_SECONDS) -> uvicorn.Server:
    """The server of the portal of ``home``. The proxy in front, on this machine, may say for whom it asks."""
    config = uvicorn.Config(
        create_application(home),
        http=bounded(header_seconds),
        loop="uvloop",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=PortalConfig.of(home).is_secure,
        forwarded_allow_ips=PROXIES,
        lifespan="off",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_SECONDS,
        ws="none",
    )
    config.load()
    return uvicorn.Server(config)


async def serve(home: Home, listener: socket.socket) -> None:
    """Serve the portal of ``home`` on ``listener`` until SIGTERM."""
    async with show_life(home.run / "portal.alive"):
        await create_server(home).serve([listener])


def main(arguments: Sequence[str]) -> int:
    """Run the portal of the home in ``arguments``, on the inherited descriptor if one is given."""
    import uvloop

    from jazari.settings.runtime import PAGES, setup

    home = Home.open(arguments[0])
    try:
        place = PortalConfig.of(home)
        if len(arguments) > 1:
            listener = socket.socket(fileno=int(arguments[1]))
        else:
            listener = bind(place.host, place.port, "the portal")
        setup(home, migrate=True, profile=PAGES)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(home, listener))
    except JazariError as error:
        print(str(error), file=sys.stderr, flush=True)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
