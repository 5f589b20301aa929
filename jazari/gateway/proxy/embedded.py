"""The embedded engine as a provider: where it answers is asked anew for each attempt, since it may have restarted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from jazari.gateway.embedded.supervisor import Engines
from jazari.gateway.proxy.connections import Connections
from jazari.gateway.proxy.upstream import Event, Label, Patience, Upstream
from jazari.gateway.words import Kind


class EmbeddedUpstream(Upstream):
    """An ``Upstream`` to whichever engine runs the model that is asked for; ``EngineAway`` while none does."""

    def __init__(self, name: str, engines: Engines, session: Connections) -> None:
        super().__init__(name, "", {}, session)
        self._engines = engines

    async def ask(
        self, kind: Kind, body: dict[str, Any], patience: Patience, label: Label, *, fresh: bool = False
    ) -> Event:
        """The whole answer to ``body``."""
        return await self._now(kind, body).ask(kind, body, patience, label, fresh=fresh)

    @asynccontextmanager
    async def stream(
        self, kind: Kind, body: dict[str, Any], patience: Patience, label: Label, *, fresh: bool = False
    ) -> AsyncIterator[AsyncIterator[list[Event]]]:
        """The events of the answer to ``body``, as many at once as came at once."""
        async with self._now(kind, body).stream(kind, body, patience, label, fresh=fresh) as events:
            yield events

    def _now(self, kind: Kind, body: dict[str, Any]) -> Upstream:
        endpoint = self._engines.endpoint(body["model"], kind)
        headers = {"authorization": f"Bearer {endpoint.secret}"}
        found = Upstream(self.name, endpoint.address, headers, self._session)
        found.way = self.way  # a drill cuts the provider, whatever process answers for it
        return found
