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
from jazari.gateway.configuration import REGISTRY, ROOT
from jazari.gateway.drills.marker import clear_marker, write_marker
from jazari.gateway.drills.orders import CutOrder
from jazari.gateway.errors import BadOrder, CutAlready, NothingToCut
from jazari.gateway.proxy.live import Live
from jazari.governance.spool import write_event
from jazari.settings.home import Home

_log = logging.getLogger("jazari.gateway")


@dataclass(frozen=True)
class Cut:
    """A cut that is on. ``until``: when it ends, on the clock of ``time.monotonic``."""

    id: str
    order: CutOrder
    began: str
    until: float

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
        clear_marker(home)  # of a gateway that died

    def cut(self, order: CutOrder) -> Cut:
        """Follow ``order``; raises ``CutAlready``, ``NothingToCut`` or ``BadOrder``."""
        if self.current is not None:
            raise CutAlready(f"{self.current.order.what} is cut off now: wait until that drill is over.")
        self._apply(order)
        now = time.monotonic()
        made = Cut(token(8), order, clock.timestamp(), now + order.seconds)
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
        if made.order.what == REGISTRY:
            self._live.registry_cut = False
            clear_marker(self._home)
        else:
            self._live.providers[made.order.what].upstream.way.mend()
        self._tell("gateway.cut-ended", made, {"why": why})

    async def close(self) -> None:
        """End what is on, and wait until the audit trail's files are written."""
        if self.current is not None:
            self.mend(self.current, "the gateway stops")
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _apply(self, order: CutOrder) -> None:
        what = order.what
        if what == ROOT:
            raise BadOrder(
                "The Root is not cut by the gateway: `jazari drill run --cut root --dry-run` says what stops."
            )
        if what == REGISTRY:
            write_marker(self._home, order.seconds)
            self._live.registry_cut = True
        elif what in self._live.providers:
            self._live.providers[what].upstream.way.sever(order.mode)
        else:
            known = ", ".join(sorted(self._live.providers)) or "none"
            raise NothingToCut(f"There is no provider {what!r} in gateway.toml: cut one of {known}, or the registry.")

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
