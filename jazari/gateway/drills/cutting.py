"""The one cut that may be on at a gateway: begun by an order, ended by whoever ordered it, or by time."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from jazari.core import clock
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.core.identifiers import token
from jazari.federation.cut_off import REGISTRY, ROOT, clear_cut, write_cut
from jazari.gateway.drills.errors import CutAlready, NothingToCut, check_cut
from jazari.gateway.drills.orders import CutOrder
from jazari.gateway.mirrored import known_directory
from jazari.gateway.proxy.live import Live
from jazari.governance.spool import write_event
from jazari.settings.home import Home

_log = logging.getLogger("jazari.gateway")


@dataclass(frozen=True)
class Cut:
    """A cut that is on. ``until``: when it ends, on the clock of ``time.monotonic``; ``severed``: providers."""

    id: str
    order: CutOrder
    began: str
    until: float
    severed: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """For who asks about the state."""
        left = max(0.0, self.until - time.monotonic())
        facts = {"id": self.id, "what": self.order.what, "mode": str(self.order.mode)}
        return facts | {"began": self.began, "seconds_left": round(left, 3)}


class Cutter:
    """Cuts and mends at the gateway ``live``; each is audited. One event loop uses it."""

    def __init__(self, live: Live, home: Home) -> None:
        self._live, self._home = live, home
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self.current: Cut | None = None
        clear_cut(home)  # of a gateway that died

    def cut(self, order: CutOrder) -> Cut:
        """Follow ``order``; raises ``CutAlready`` or ``NothingToCut``."""
        if self.current is not None:
            raise CutAlready(f"{self.current.order.what} is cut off now: wait until that drill is over.")
        severed = self._apply(order)
        now = time.monotonic()
        made = Cut(token(8), order, clock.timestamp(), now + order.seconds, severed)
        self.current = made
        self._timer = asyncio.get_running_loop().call_later(order.seconds, self.mend, made, "its time is over")
        self._tell("gateway.cut-began", made, {"mode": str(order.mode), "seconds": round(order.seconds)})
        return made

    def mend(self, made: Cut, why: str) -> None:
        """End the cut ``made``; harmless if it is over."""
        if self.current is not made:
            return
        self.current = None
        if self._timer is not None:
            self._timer.cancel()
        for name in made.severed:
            self._live.providers[name].upstream.way.mend()
        if made.order.what in (REGISTRY, ROOT):
            clear_cut(self._home)
        self._tell("gateway.cut-ended", made, {"why": why})

    async def close(self) -> None:
        """End what is on, and wait until the audit trail's files are written."""
        if self.current is not None:
            self.mend(self.current, "the gateway stops")
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _apply(self, order: CutOrder) -> tuple[str, ...]:
        """Cut it; the providers that are severed."""
        severed = self._providers_of(order.what)
        if order.what in (REGISTRY, ROOT):
            write_cut(self._home, order.what, order.seconds)
        for name in severed:
            self._live.providers[name].upstream.way.sever(order.mode)
        return severed

    def _providers_of(self, what: str) -> tuple[str, ...]:
        if what == ROOT and self._home.is_root:
            raise NothingToCut("This node is the Root: cut a provider, or the registry.")
        check_cut(what, self._live.providers)
        directory = known_directory(self._home.mirror) if what == ROOT else None
        return self._live.config.cut_with(what, directory.root if directory else "")

    def _tell(self, kind: str, made: Cut, detail: dict[str, Any]) -> None:
        _log.warning("%s %s %s", kind, made.order.what, detail)
        event = AuditEvent(kind, "gateway", made.order.what, {"cut": made.id, **detail}, f"{kind}:{made.id}")
        task = asyncio.ensure_future(asyncio.to_thread(self._write, event))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    def _write(self, event: AuditEvent) -> None:
        try:
            write_event(self._home.spool, event)
        except JazariError as error:
            _log.warning("%s: %s", error.code, error)
