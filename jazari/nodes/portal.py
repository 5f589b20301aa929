"""``python -m jazari.nodes.portal HOME [DESCRIPTOR]``: the node's pages, a process of its own.

Plain HTTP, on loopback unless a proxy with TLS stands in front (``jazari.settings.portal_home``). What readers without
an account see is kept as bytes until the verified catalogue changes; static files never reach Django.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from typing import cast

import uvicorn

from jazari.core.errors import JazariError
from jazari.federation.http import Application
from jazari.nodes.signs_of_life import show_life
from jazari.nodes.supervision import bind
from jazari.settings.home import Home
from jazari.settings.portal_home import PortalConfig

MOST_CONNECTIONS = 1_000
STOP_SECONDS = 3


def create_application(home: Home) -> Application:
    """The portal of ``home`` as one ASGI application. Django must be set up with ``PAGES``."""
    from django.core.asgi import get_asgi_application

    from jazari.nodes import wiring
    from jazari.portal.serving import as_one_application

    wiring.connect()
    wiring.register_cards()
    return as_one_application(cast(Application, get_asgi_application()), PortalConfig.of(home).origin)


async def serve(home: Home, listener: socket.socket) -> None:
    """Serve the portal of ``home`` on ``listener`` until SIGTERM."""
    config = uvicorn.Config(
        create_application(home),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_SECONDS,
        ws="none",
    )
    config.load()
    async with show_life(home.run / "portal.alive"):
        await uvicorn.Server(config).serve([listener])


def main(arguments: Sequence[str]) -> int:
    """Run the portal of the home in ``arguments``, on the inherited descriptor if one is given."""
    from jazari.settings.runtime import PAGES, setup

    home = Home.open(arguments[0])
    try:
        place = PortalConfig.of(home)
        if len(arguments) > 1:
            listener = socket.socket(fileno=int(arguments[1]))
        else:
            listener = bind(place.host, place.port, "the portal")
        setup(home, migrate=True, profile=PAGES)
        asyncio.run(serve(home, listener))
    except JazariError as error:
        print(str(error), file=sys.stderr, flush=True)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
