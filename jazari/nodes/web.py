"""``python -m jazari.nodes.web HOME [DESCRIPTOR]``: the node's web server, HTTPS by uvicorn.

A Root serves ``/repository/`` (signed files, with Range), ``/exchange/`` (what nodes say to each other) and
``/healthz``. An institute dials out only; its server has ``/mirror/`` and ``/healthz`` and needs no Django.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors
from jazari.federation.http import Application, Receive, Scope, Send
from jazari.nodes.errors import NotReady
from jazari.nodes.files import file_routes
from jazari.nodes.signs_of_life import show_life
from jazari.nodes.supervision import bind
from jazari.settings.home import Home

STOP_SECONDS = 1
MOST_CONNECTIONS = 2000


class Dispatch:
    """ASGI: ``/exchange/`` to the exchange, everything else (and the server's life cycle) to the files."""

    def __init__(self, files: Application, exchange: Application | None) -> None:
        self._files = files
        self._exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._exchange and scope["type"] == "http" and scope["path"].startswith("/exchange/"):
            await self._exchange(scope, receive, send)
        else:
            await self._files(scope, receive, send)


def create_application(home: Home, exchange: Application | None) -> Dispatch:
    """The whole web application of ``home``; ``exchange`` at the Root only."""
    folder, prefix = (home.repository, "/repository") if home.is_root else (home.mirror, "/mirror")
    routes = [*file_routes(prefix, folder), Route("/healthz", _health(home), methods=["GET", "HEAD"])]
    return Dispatch(Starlette(routes=routes, lifespan=_lifespan(home)), exchange)


def _health(home: Home) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "role": home.config.role, "namespace": home.namespace})

    return health


def _lifespan(home: Home) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    return lambda _application: show_life(home.run / "web.alive")


class Server(uvicorn.Server):
    """A uvicorn server that tells waiting requests when it is about to stop."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stop_event = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the long polls, then wait for the other requests."""
        self._stop_event.set()
        await super().shutdown(sockets)


def create_server(home: Home, exchange: Application | None, stopping: asyncio.Event) -> Server:
    """The server of ``home`` with its TLS certificate; ``NotReady`` if there is none."""
    if not home.tls_key.is_file() or not home.tls_certificate.is_file():
        raise NotReady(f"{home.path} has no web certificate: create the node again, or restore keys/tls.*.")
    config = uvicorn.Config(
        create_application(home, exchange),
        ssl_keyfile=str(home.tls_key),
        ssl_certfile=str(home.tls_certificate),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_SECONDS,
        ws="none",
    )
    with plain_os_errors(home.tls_key):
        config.load()
    return Server(config, stopping)


async def serve(home: Home, listener: socket.socket) -> None:
    """Serve ``home`` on ``listener`` until SIGTERM."""
    stopping = asyncio.Event()
    exchange = None
    if home.is_root:
        from jazari.nodes.exchange import create_exchange

        exchange = create_exchange(home, stopping)
    await create_server(home, exchange, stopping).serve([listener])


def main(arguments: Sequence[str]) -> int:
    """Run the web server of the home in ``arguments``, on the inherited descriptor if one is given."""
    home = Home.open(arguments[0])
    try:
        if len(arguments) > 1:
            listener = socket.socket(fileno=int(arguments[1]))
        else:
            listener = bind(home.config.host, home.config.port, "the web server")
        if home.is_root:
            from jazari.settings.runtime import setup

            setup(home, migrate=True)
        asyncio.run(serve(home, listener))
    except JazariError as error:
        print(str(error), file=sys.stderr, flush=True)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
