"""What the engine's processes refused, told to the audit trail through the spool, at a bounded rate."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.governance.spool import write_event

AGAIN_SECONDS = 300.0
MOST = 500
_log = logging.getLogger("jazari.engine.refusals")


class Refusals:
    """Reports each different refusal at once, and again only after a while.

    The sender may be hostile: it must not be able to fill the disk or the audit trail by being refused.
    """

    def __init__(self, engine: Path, namespace: str) -> None:
        self._spool, self._namespace = engine / "spool", namespace
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str, str], float] = {}

    def tell(self, kind: str, subject: str, code: str, message: str = "") -> None:
        """Log and spool that ``subject`` (a run, a kind of message) was refused with ``code``. Never raises.

        ``message`` says why in a sentence; it stays in this institute's own trail.
        """
        if not self._is_due((kind, subject, code), time.monotonic()):
            return
        _log.warning("Refused %s: %s (%s)", kind, subject, code)
        detail = {"code": code} | ({"message": message} if message else {})
        event = AuditEvent(kind=kind, actor=self._namespace, subject=subject, detail=detail)
        try:
            write_event(self._spool, event)
        except JazariError as error:
            _log.warning("The refusal could not be spooled: %s", error)

    def _is_due(self, what: tuple[str, str, str], now: float) -> bool:
        with self._lock:
            last = self._told.get(what)
            if last is not None and now - last < AGAIN_SECONDS:
                return False
            if last is None and len(self._told) >= MOST:
                return False
            self._told[what] = now
            return True
