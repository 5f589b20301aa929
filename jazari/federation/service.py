"""The Root's side of the exchange: one object per web process that the HTTP layers call."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.files import plain_os_errors
from jazari.federation import operations, presence, root_node
from jazari.federation.blocking import QUICK, SLOW
from jazari.federation.errors import NotRoot, RequestRefused
from jazari.federation.rules import LONG_POLL_SECONDS
from jazari.federation.signed_requests import Claim
from jazari.settings.home import Home
from jazari.trust.directory import Directory
from jazari.trust.publication import Publication, Receipt

LOOK_SECONDS = 0.1
"""How often waiting requests look whether the repository moved on: one ``stat``."""
REFUSAL_AUDIT_SECONDS = 3600.0
_MOST_REFUSALS = 10_000


class RootService:
    """What the Root answers. Methods block unless they are ``async``; safe between threads."""

    def __init__(self, home: Home, stopping: asyncio.Event | None = None) -> None:
        if not home.is_root:
            raise NotRoot(f"{home.path} is an institute's: only a Root has an exchange.")
        self.home = home
        self.uploads = home.run / "uploads"
        self._stopping = stopping or asyncio.Event()
        self._timestamp = home.repository / "metadata" / "timestamp.json"
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._directory: Directory | None = None
        self._told: dict[tuple[str, str], float] = {}

    def directory(self) -> Directory:
        """The committed directory, read again only after the repository changed."""
        stamp = self._stamp_now()
        with self._lock:
            if self._directory is None or stamp != self._stamp:
                self._directory = root_node.repository(self.home).committed().directory
                self._stamp = stamp
            return self._directory

    def version(self) -> int:
        """The version of the committed snapshot: it grows with everything that is published."""
        with plain_os_errors(self._timestamp):
            meta = json.loads(self._timestamp.read_bytes())["signed"]["meta"]
        return int(meta["snapshot.json"]["version"])

    def authenticate(self, header: str, purpose: str) -> Claim:
        """Who signed the request in ``header``; see ``presence.authenticate``."""
        try:
            return presence.authenticate(header, purpose, self.directory())
        except RequestRefused as error:
            self._note_refusal(header, error)
            raise

    async def wait_for_change(self, after: int, seconds: float = LONG_POLL_SECONDS) -> int:
        """The snapshot's version as soon as it is not ``after``, or after ``seconds``."""
        deadline = time.monotonic() + seconds
        seen: tuple[int, int] | None = None
        version = after
        while time.monotonic() < deadline and not self._stopping.is_set():
            stamp = self._stamp_now()
            if stamp != seen:
                seen, version = stamp, self.version()
                if version != after:
                    return version
            await asyncio.sleep(LOOK_SECONDS)
        return version

    def accept_publication(self, claim: Claim, publication: Publication) -> Receipt:
        """Check and commit ``publication``; the receipt."""
        repository = root_node.writable_repository(self.home)
        return operations.accept_publication(repository, claim.namespace, publication)

    def status(self) -> dict[str, Any]:
        """What anybody may know: the network and its institutes, online or offline."""
        directory = self.directory()
        return {
            "network": directory.network_name,
            "root": directory.root,
            "version": self.version(),
            "institutes": presence.institutes(directory),
        }

    def _note_refusal(self, header: str, error: RequestRefused) -> None:
        """Audit a refused request, once an hour per institute and reason: strangers must not fill the trail."""
        name = presence.claimed_namespace(header, self.directory())
        key, now = (name, error.code), time.monotonic()
        with self._lock:
            if now - self._told.get(key, -REFUSAL_AUDIT_SECONDS) < REFUSAL_AUDIT_SECONDS:
                return
            if len(self._told) > _MOST_REFUSALS:
                self._told.clear()
            self._told[key] = now
        events.emit(AuditEvent("federation.request-refused", name, name, {"code": error.code}))

    def _stamp_now(self) -> tuple[int, int]:
        with plain_os_errors(self._timestamp):
            found = self._timestamp.stat()
        return found.st_mtime_ns, found.st_ino


_current: list[RootService] = []


def install(service: RootService) -> RootService:
    """Make ``service`` the one that this process answers with."""
    for pool in (QUICK, SLOW):
        pool.restart()
    _current[:] = [service]
    return service


def current() -> RootService:
    """The service of this process; ``NotRoot`` where none was installed."""
    if not _current:
        raise NotRoot("This process serves no exchange: start the Root with `jazari serve`.")
    return _current[0]
