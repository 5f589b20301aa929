"""``python -m jazari.nodes.gateway HOME [DESCRIPTOR]``: the node's inference gateway, a process of its own.

Its log, one JSON document a line, goes to standard error. Asked to stop (SIGTERM), it takes nothing new and finishes
what it has begun, streams too, for ``DRAIN_SECONDS``.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import uvicorn

from jazari.core.errors import JazariError
from jazari.gateway.configuration import GatewayConfig, read_gateway
from jazari.gateway.listening import FILE
from jazari.gateway.proxy.logs import log_to
from jazari.gateway.proxy.protocol import HEADER_SECONDS, bounded
from jazari.nodes.signs_of_life import show_life
from jazari.nodes.supervision import bind
from jazari.settings.home import Home

if TYPE_CHECKING:
    from jazari.gateway.proxy.live import Live

DRAIN_SECONDS = 45
MOST_CONNECTIONS = 5_000
OTHER_FILES = 256
"""Open files besides connections: the journal, the database, logs, the control socket."""
FILES = OTHER_FILES + 2 * MOST_CONNECTIONS
"""What the most clients need, each with a call at a provider."""
_log = logging.getLogger("jazari.gateway.start")


def raise_open_files(wanted: int = FILES) -> int:
    """Let this process open ``wanted`` files, or as many as its hard limit allows; how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return allowed
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def most_connections(files: int) -> int:
    """How many clients ``files`` open files are enough for."""
    most = max(1, min(MOST_CONNECTIONS, (files - OTHER_FILES) // 2))
    if most < MOST_CONNECTIONS:
        _log.warning(
            "The limit of %d open files leaves room for %d connections instead of %d: raise the hard limit to %d "
            "(LimitNOFILE of systemd, or ulimit -n).", files, most, MOST_CONNECTIONS, FILES,
        )  # fmt: skip
    return most


class Server(uvicorn.Server):
    """A uvicorn server that tells the gateway when it is about to stop."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is new on connections that are open, and wait for the rest."""
        self._live.draining = True
        await super().shutdown(sockets)


def create_server(
    home: Home,
    config: GatewayConfig,
    live: Live,
    header_seconds: float = HEADER_SECONDS,
    most: int = MOST_CONNECTIONS,
) -> Server:
    """The server of the gateway of ``home``: plain HTTP on loopback, else TLS with the node's certificate."""
    from jazari.gateway.proxy.app import Gateway  # tables can be imported only once Django is set up

    tls = {"ssl_keyfile": str(home.tls_key), "ssl_certfile": str(home.tls_certificate)} if config.uses_tls else {}
    settings = uvicorn.Config(
        Gateway(live),
        **tls,  # type: ignore[arg-type]
        http=bounded(header_seconds),
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=most,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ws="none",
    )
    settings.load()
    return Server(settings, live)


async def serve(home: Home, config: GatewayConfig, listener: socket.socket) -> None:
    """Serve the gateway of ``home`` on ``listener`` until SIGTERM. Django must be set up."""
    most = most_connections(raise_open_files())
    from jazari.gateway.proxy.running import running

    async with running(home, config) as live, show_life(home.run / "gateway.alive"):
        # What was made so far stays: looking through it for garbage again would hold up every call meanwhile.
        gc.collect()
        gc.freeze()
        await create_server(home, config, live, most=most).serve([listener])


def main(arguments: Sequence[str]) -> int:
    """Run the gateway of the home in ``arguments``, on the inherited descriptor if one is given."""
    import uvloop

    from jazari.settings.runtime import setup

    home = Home.open(arguments[0])
    log_to(sys.stderr)
    try:
        config = read_gateway(home.path)
        if len(arguments) > 1:
            listener = socket.socket(fileno=int(arguments[1]))
        else:
            listener = bind(config.host, config.port, "the gateway", str(FILE))
        setup(home, migrate=True)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(home, config, listener))
    except JazariError as error:
        print(str(error), file=sys.stderr, flush=True)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
