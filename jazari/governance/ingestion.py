"""Taking the engine's spool into the audit trail: each event once, no file ever lost."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from jazari.core.audit import AuditEvent
from jazari.core.files import plain_os_errors, sync_folder
from jazari.core.identifiers import token
from jazari.governance.errors import SpoolUnreadable
from jazari.governance.models import AuditEntry
from jazari.governance.operations import append
from jazari.governance.rules import detail_text, plain_name
from jazari.governance.spool import read_event

SET_ASIDE = "set-aside"


@dataclass(frozen=True)
class Ingestion:
    """How many files were recorded, known already, and set aside as unreadable."""

    recorded: int = 0
    repeated: int = 0
    set_aside: int = 0


def ingest_spool(folder: Path, *, most: int = 1000) -> Ingestion:
    """Record the events in ``folder``, oldest file name first, at most ``most`` files at a time.

    A file goes away only after its event is committed; killed in between, the next call finds the event by
    its id and only removes the file. A file that holds no event, or another event under an id that is
    taken, is moved to ``set-aside`` and the trail says so.
    """
    counts = {"recorded": 0, "repeated": 0, "set_aside": 0}
    for path in _files(folder, most):
        counts[_ingest(path)] += 1
    return Ingestion(**counts)


def _files(folder: Path, most: int) -> Iterator[Path]:
    if not folder.is_dir():
        return
    with plain_os_errors(folder):
        names = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    yield from names[:most]


def _ingest(path: Path) -> str:
    try:
        event, _digest = read_event(path)
        with transaction.atomic():
            outcome = "recorded" if append(event) else _repeated(event)
    except SpoolUnreadable as error:
        _set_aside(path, str(error))
        return "set_aside"
    with plain_os_errors(path):
        path.unlink(missing_ok=True)
    return outcome


def _repeated(event: AuditEvent) -> str:
    known = AuditEntry.objects.get(event_id=plain_name(event.id))
    same = (
        known.kind == plain_name(event.kind)
        and known.actor == plain_name(event.actor)
        and known.subject == plain_name(event.subject)
        and known.detail_text == detail_text(event.detail)
    )
    if not same:
        # Else a forged file could make a real event look recorded.
        raise SpoolUnreadable(f"Its id belongs to entry {known.seq}, which says something else.")
    return "repeated"


def _set_aside(path: Path, reason: str) -> None:
    """Tell first, then move: killed in between, the next call moves and does not tell again."""
    target = _place_for(path)
    event = AuditEvent(
        kind="governance.spool-set-aside",
        actor="node",
        subject=path.name,
        detail={"reason": reason, "kept_as": target.name},
        id=f"set-aside:{target.name}",
    )
    with transaction.atomic():
        append(event)
    with plain_os_errors(path):
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if os.path.lexists(target):
            target = target.with_name(f"{target.name}.{token(4)}")
        path.rename(target)
        sync_folder(target.parent)


def _place_for(path: Path) -> Path:
    with plain_os_errors(path):
        facts = path.lstat()
    identity = f"{path.name}:{facts.st_ino}:{facts.st_size}:{facts.st_mtime_ns}"
    suffix = hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]
    return path.parent / SET_ASIDE / f"{path.name[:100]}.{suffix}"
