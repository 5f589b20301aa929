"""Reading projects and keys: one snapshot for the gateway's hot path, lists for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce

from jazari.core import clock
from jazari.gateway.authorization import KeyFacts, KeySnapshot, ProjectFacts
from jazari.gateway.errors import ProjectNotFound
from jazari.gateway.models import Grant, Key, KeysVersion, Project
from jazari.gateway.words import DataClass


class KeyState(StrEnum):
    """``OVERLAP``: replaced, and opening for a while; ``REVOKED`` also where the project was closed."""

    OPEN = "open"
    OVERLAP = "overlap"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REVOKED = "revoked"


def current_version() -> int:
    """A number that grows with every change to projects and keys; 0 before the first. One cheap query."""
    return KeysVersion.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def keys_snapshot() -> KeySnapshot:
    """All projects and all keys that were ever made, as plain values.

    The number is read first: a change while the rest is read shows as a newer number at the next look.
    """
    version = current_version()
    keys = {key.id: _facts(key) for key in Key.objects.select_related("project")}
    # After the keys, so that the project of each is among them: projects are never deleted.
    projects = {project.name: _project_facts(project) for project in _with_grants()}
    return KeySnapshot(version=version, keys=keys, projects=projects)


def newer_snapshot(known: KeySnapshot) -> KeySnapshot:
    """``known`` itself while nothing has changed since it was taken, else a new one."""
    return known if known.version == current_version() else keys_snapshot()


def list_projects(*, closed: bool = False) -> list[ProjectFacts]:
    """The projects by name; the closed ones too if asked."""
    found = (_project_facts(project) for project in _with_grants())
    return [project for project in found if closed or not project.closed]


def find_project(name: str) -> Project:
    """The project of this name, open or closed; ``ProjectNotFound`` if there never was one."""
    found = Project.objects.filter(name=name).first()
    if found is None:
        raise ProjectNotFound(f"There is no project {name[:60]!r}: see `jazari projects list`.")
    return found


def list_grants(project: str) -> list[Grant]:
    """What was granted to a project, oldest first. Raises ``ProjectNotFound``."""
    return list(find_project(project).grants.all())


def list_keys(project: str = "", *, over: bool = False) -> list[Key]:
    """The keys of one project or of all, by project and name; also those that are over for good if asked.

    Over are revoked keys, and replaced ones after their overlap. One that has expired can still be rotated.
    """
    rows = Key.objects.select_related("project").order_by("project__name", "name", "created", "id")
    if project:
        rows = rows.filter(project__name=project)
    return [key for key in rows if over or state_of(key) not in (KeyState.REVOKED, KeyState.REPLACED)]


def state_of(key: Key) -> KeyState:
    """Whether a key opens now, and if not, why."""
    now = clock.now()
    if key.revoked is not None or key.project.closed is not None:
        return KeyState.REVOKED
    if key.replaced_by_id is not None:
        return KeyState.OVERLAP if now < key.ends else KeyState.REPLACED
    return KeyState.OPEN if now < key.ends else KeyState.EXPIRED


def key_facts(key: Key) -> dict[str, Any]:
    """What is shown of a key: what it is for, and nothing that could help to guess it."""
    return {
        "key": key.id,
        "project": key.project.name,
        "name": key.name,
        "last_four": key.last_four,
        "routes": key.routes,
        "highest": key.highest,
        "may_declassify": key.may_declassify,
        "requests_a_minute": key.requests_a_minute,
        "tokens_a_minute": key.tokens_a_minute,
        "streams": key.streams,
        "state": str(state_of(key)),
        "until": clock.timestamp(key.ends),
    }


def _with_grants() -> QuerySet[Project]:
    return Project.objects.annotate(granted=Coalesce(Sum("grants__amount"), 0)).order_by("name")


def _project_facts(project: Project) -> ProjectFacts:
    granted: int = project.granted  # type: ignore[attr-defined]  # see _with_grants
    return ProjectFacts(project.name, project.title, int(granted), closed=project.closed is not None)


def _facts(key: Key) -> KeyFacts:
    return KeyFacts(
        id=key.id,
        project=key.project.name,
        name=key.name,
        digest=bytes.fromhex(key.digest),
        routes=frozenset(key.routes),
        highest=DataClass(key.highest),
        may_declassify=key.may_declassify,
        requests_a_minute=key.requests_a_minute,
        tokens_a_minute=key.tokens_a_minute,
        streams=key.streams,
        expires=key.ends,
        revoked=key.revoked is not None or key.project.closed is not None,
    )
