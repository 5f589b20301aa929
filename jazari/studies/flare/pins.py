"""Who may speak on the engine's network: the certificate fingerprints of the signed directory.

The node's worker writes ``engine/pins.json`` from the directory that it verified; the engine's processes
read it again whenever it changes and cut off whoever is no longer named. A missing or unreadable file
names nobody, so that everybody is refused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jazari.core.canonical import canonical_json
from jazari.core.errors import JazariError
from jazari.core.files import locked, write_atomic
from jazari.studies.flare import pki

FILE = "pins.json"
REVOKED = "revoked.json"
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Pins:
    """The engine server's fingerprint and each active institute's, by namespace."""

    server: str = ""
    institutes: Mapping[str, str] = field(default_factory=dict)

    def without(self, namespace: str) -> Pins:
        """These pins after the institute ``namespace`` lost its access."""
        return Pins(self.server, {name: pin for name, pin in self.institutes.items() if name != namespace})

    def name_of(self, fingerprint: str) -> str | None:
        """Whom ``fingerprint`` (``sha256:...``) belongs to, or None for a stranger."""
        if fingerprint and fingerprint == self.server:
            return pki.SERVER_NAME
        return next((name for name, pin in self.institutes.items() if pin == fingerprint), None)


def pins_from(ca_certificate: bytes, server: bytes, institutes: Mapping[str, bytes]) -> Pins:
    """Pins for the PEM certificates of a verified directory: ``server`` and active ``institutes``.

    A certificate that is not the named institute's own is left out: it would let one institute act as
    another. Raises ``BadEngineCertificate`` if the server's is bad, because nothing could run.
    """
    pki.check_certificate(server, ca_certificate, pki.SERVER_NAME)
    return Pins(
        pki.fingerprint(server),
        {name: pki.fingerprint(pem) for name, pem in institutes.items() if _is_good(pem, ca_certificate, name)},
    )


def write_pins(engine: Path, pins: Pins) -> None:
    """Make ``pins`` the ones in force, in one step, less whom this node shut out; processes notice at once."""
    for namespace in _revoked(engine):
        pins = pins.without(namespace)
    write_atomic(engine / FILE, canonical_json({"server": pins.server, "institutes": dict(pins.institutes)}))


def revoke(engine: Path, namespace: str) -> bool:
    """Shut ``namespace`` out of this node's engine for good, whatever the directory says later.

    Whether it was new: once is enough.
    """
    with locked(engine / ".revoked.lock", "Another revocation"):
        known, pins = _revoked(engine), read_pins(engine)
        if namespace not in known:
            write_atomic(engine / REVOKED, canonical_json(sorted({*known, namespace})))
        if namespace in pins.institutes:
            write_pins(engine, pins)
        return namespace not in known


def read_pins(engine: Path) -> Pins:
    """The pins in force; none at all if the file is missing or damaged."""
    try:
        found = json.loads((engine / FILE).read_bytes())
        return Pins(str(found["server"]), {str(name): str(pin) for name, pin in found["institutes"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Pins()


def _revoked(engine: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads((engine / REVOKED).read_bytes())]
    except FileNotFoundError:
        return []


class PinBoard:
    """Pins that follow their file: one ``stat`` a question, one read a change. Safe between threads."""

    def __init__(self, engine: Path) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._pins = Pins()

    @property
    def current(self) -> Pins:
        """The pins in force at this moment."""
        stamp = self._stamp_now()
        with self._lock:
            if stamp != self._stamp:
                self._pins = read_pins(self._engine) if stamp else Pins()
                self._stamp = stamp
            return self._pins

    def _stamp_now(self) -> _Stamp | None:
        try:
            found = (self._engine / FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def _is_good(certificate: bytes, ca_certificate: bytes, name: str) -> bool:
    try:
        pki.check_engine_name(name)
        pki.check_certificate(certificate, ca_certificate, name)
    except JazariError:
        return False
    return True
