"""What pages show of the network's members and of requests to join. Reads what this machine has; asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from jazari.core.errors import JazariError
from jazari.federation import admissions, root_node
from jazari.federation.exchange import open_mirror
from jazari.federation.models import Enrolment
from jazari.settings.home import Home
from jazari.trust.ceremonies.ceremony_file import CeremonyFile
from jazari.trust.directory import DIRECTORY_TARGET, Directory
from jazari.trust.errors import BadCeremony
from jazari.trust.reading import Standing
from jazari.trust.repository import seconds_valid

WAITING = (Enrolment.State.RECEIVED, Enrolment.State.PROPOSED)
DECIDED = (Enrolment.State.ADMITTED, Enrolment.State.REFUSED)
MOST_CEREMONIES = 20
"""So many of the newest ceremony files are looked at: an older one was overtaken."""
_LARGEST_CEREMONY = 5_000_000


@dataclass(frozen=True)
class LogFacts:
    """Where a member's verified log stands: how many ``records``, when the ``last`` one was published (UTC).

    ``expires``: until when its signature counts as fresh; ``frozen_version``: where the board froze it.
    """

    records: int
    last: datetime | None
    standing: Standing
    expires: datetime | None
    frozen_version: int | None


def directory_of(home: Home) -> Directory | None:
    """Who is admitted, as this node last verified it; None before it has read a network."""
    try:
        stamp = directory_stamp(home)
        return _directory(home.path, stamp) if stamp else None
    except JazariError:
        return None


def directory_stamp(home: Home) -> tuple[int, int] | None:
    """What changes when this node has verified another directory; None before it has read a network."""
    try:
        found = (home.mirror / "targets" / DIRECTORY_TARGET).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


@lru_cache(maxsize=4)
def _directory(home: Any, _stamp: tuple[int, int]) -> Directory:
    return open_mirror(Home(home)).directory()


def log_facts(home: Home, namespace: str) -> LogFacts:
    """The log of a member. Raises ``SourceUnavailable`` before this node has read the network."""
    reader = open_mirror(home)
    entry = reader.directory().entries.get(namespace)
    with closing(reader.logs.index):
        records = reader.head(namespace).records
        newest = next(reader.records(namespace, after=records - 1), None) if records else None
        return LogFacts(
            records=records,
            last=newest.published if newest else None,
            standing=reader.standing(namespace),
            expires=reader.expires(namespace),
            frozen_version=entry.frozen_version if entry else None,
        )


def count_waiting() -> int:
    """How many requests to join or to change keys wait at the Root."""
    return Enrolment.objects.filter(state__in=WAITING).count()


def requests(home: Home, states: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """At the Root: the newest requests in ``states``, with what the board compares before it signs."""
    directory = root_node.repository(home).committed().directory
    rows = Enrolment.objects.filter(state__in=states).order_by("-received", "-id")[:limit]
    return [_request(row, directory) for row in rows]


def _request(row: Enrolment, directory: Directory) -> dict[str, Any]:
    asked = row.document["request"]
    shown = admissions.shown(row, directory)
    return {
        **shown,
        "received": row.received,
        "titles": asked["titles"],
        "region": asked["region"],
        "url": asked["url"],
        "network": asked["network"],
    }


def repository_days(home: Home) -> int | None:
    """At the Root: for how many whole days its signatures still hold; None before a network was founded."""
    try:
        return int(seconds_valid(root_node.repository(home).committed()) // 86_400)
    except JazariError:
        return None


def ceremonies(home: Home) -> dict[str, str]:
    """At the Root: the file of the newest ceremony that can still be finished, by the namespace that it is about."""
    following = root_node.repository(home).committed().targets.version + 1
    found: dict[str, str] = {}
    for path in sorted(home.ceremonies.glob("*.json"), reverse=True)[:MOST_CEREMONIES]:
        if path.stat().st_size > _LARGEST_CEREMONY:
            continue
        try:
            file = CeremonyFile.read(path)
        except BadCeremony:
            continue
        if file.targets.get("signed", {}).get("version") == following:
            found = {name: str(path) for name in file.institutes} | found
    return found
