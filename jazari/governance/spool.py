"""The spool: audit events written as files by processes that have no database (the engine's).

One file holds one event: ``{"id", "kind", "actor", "subject", "detail", "moment"}``; ``moment`` (when it
happened) is optional. Writers use ``write_event``, which puts the file there whole. No Django here, so
that writers stay light; the reader is ``ingestion``.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

from jazari.core import clock
from jazari.core.audit import AuditEvent
from jazari.core.canonical import canonical_json
from jazari.core.files import write_atomic
from jazari.core.identifiers import token
from jazari.governance.errors import SpoolUnreadable
from jazari.governance.rules import detail_text, plain_name

LARGEST_FILE = 262_144
_TEXTS = ("kind", "actor", "subject", "id", "moment")
_KNOWN = frozenset({*_TEXTS, "detail"})


def write_event(folder: Path, event: AuditEvent) -> Path:
    """Put ``event`` in the spool ``folder``, whole or not at all; it gets an id if it has none."""
    moment = clock.now().strftime("%Y%m%dT%H%M%S%f")
    event_id = plain_name(event.id) or token(16)
    body = {
        "id": event_id,
        "kind": plain_name(event.kind),
        "actor": plain_name(event.actor),
        "subject": plain_name(event.subject),
        # As the trail will keep it: a detail that JSON cannot carry must not lose the event.
        "detail": json.loads(detail_text(event.detail)),
        "moment": clock.timestamp(),
    }
    path = folder / f"{moment}-{hashlib.sha256(event_id.encode()).hexdigest()[:16]}.json"
    write_atomic(path, canonical_json(body), 0o600)
    return path


def read_event(path: Path) -> tuple[AuditEvent, str]:
    """The event in ``path`` and the SHA-256 of the file.

    Raises ``SpoolUnreadable`` for anything that is not one whole event of ours: a link, a device, a file
    over ``LARGEST_FILE`` bytes, bad JSON, an unknown field. The folder may be written by a compromised
    engine process, so nothing in it is trusted to be small or well formed.
    """
    data = _read(path)
    return _event(_parse(data), data), hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        # Non-blocking, or opening a planted pipe would wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_regular(descriptor, path.name)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SpoolUnreadable(f"{path.name} cannot be read ({error.strerror}).") from error


def _read_regular(descriptor: int, name: str) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise SpoolUnreadable(f"{name} is no regular file.")
    data = b""
    while len(data) <= LARGEST_FILE and (more := os.read(descriptor, LARGEST_FILE + 1 - len(data))):
        data += more
    if len(data) > LARGEST_FILE:
        raise SpoolUnreadable(f"{name} is larger than {LARGEST_FILE} bytes.")
    return data


def _parse(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SpoolUnreadable(f"It is not valid JSON ({type(error).__name__}).") from error
    if not isinstance(value, dict) or not set(value) <= _KNOWN:
        raise SpoolUnreadable("It is not one event with the known fields.")
    return value


def _event(value: dict[str, Any], data: bytes) -> AuditEvent:
    detail = value.get("detail", {})
    texts = {name: value.get(name, "") for name in _TEXTS}
    if not isinstance(detail, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise SpoolUnreadable("A field has the wrong type.")
    if not texts["kind"] or not texts["subject"]:
        raise SpoolUnreadable("Its kind or its subject is missing.")
    return AuditEvent(
        kind=texts["kind"],
        actor=texts["actor"] or "node",
        subject=texts["subject"],
        detail=detail | ({"occurred": texts["moment"]} if texts["moment"] else {}),
        id=texts["id"] or f"spool:{hashlib.sha256(data).hexdigest()}",
    )
