"""The Root's exchange as one ASGI application: uploads are streamed by Starlette, the rest is Django's."""

from __future__ import annotations

import asyncio
from typing import cast

from django.core.asgi import get_asgi_application

from jazari.federation import service
from jazari.federation.http import Application, Receive, Scope, Send, SmallBodies
from jazari.federation.rules import LARGEST_ENROLMENT
from jazari.federation.uploads import Uploads
from jazari.nodes import wiring
from jazari.settings.home import Home

SLOWEST_SECONDS = 30.0


def create_exchange(home: Home, stopping: asyncio.Event) -> Application:
    """The exchange of the Root in ``home``. Django must be set up."""
    wiring.connect()
    root = service.install(service.RootService(home, stopping))
    uploads = Uploads(root)
    django = cast(Application, get_asgi_application())
    rest = SmallBodies(django, LARGEST_ENROLMENT, SLOWEST_SECONDS)

    async def exchange(scope: Scope, receive: Receive, send: Send) -> None:
        await (uploads if scope["path"] == "/exchange/publications" else rest)(scope, receive, send)

    return exchange
