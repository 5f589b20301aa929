"""What operators do with projects and keys. Each writes the audit trail in the same transaction, never a secret.

A running gateway sees it at its next look at ``queries.current_version``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet, Sum

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.identifiers import check_name
from jazari.gateway.authorization import secret_digest
from jazari.gateway.errors import (
    BadCredits,
    KeyExists,
    KeyNotCurrent,
    KeyNotFound,
    ProjectClosed,
    ProjectExists,
)
from jazari.gateway.models import Grant, Key, KeysVersion, Project
from jazari.gateway.queries import current_version, find_project
from jazari.gateway.scopes import (
    MOST_GRANTED,
    Scope,
    check_life,
    check_overlap,
    check_scope,
    check_text,
    credits_text,
    new_secret,
)
from jazari.gateway.words import DataClass
from jazari.governance.turns import take_turn

DEFAULT_LIFE = timedelta(days=90)
DEFAULT_OVERLAP = timedelta(hours=24)
# Any number serves, as long as nothing else in the database locks the same.
_TURN = 0x4A5A4B455953


@dataclass(frozen=True)
class NewKey:
    """A key just made, and the only time that its ``secret`` is to be had; it is not shown by ``repr``."""

    key: Key
    secret: str = field(repr=False)


def create_project(name: str, title: str, actor: str) -> Project:
    """A project without credits or keys. Raises ``BadIdentifier``, ``BadProject`` or ``ProjectExists``."""
    check_name(name, "project")
    title = check_text(title, "title")
    with _change():
        if Project.objects.filter(name=name).exists():
            raise ProjectExists(f"There is a project {name} already: choose another name, which is never given twice.")
        project = Project.objects.create(name=name, title=title, created=clock.now())
        events.emit(AuditEvent("gateway.project-created", actor, name))
    return project


def grant(name: str, amount: int, note: str, actor: str) -> int:
    """Give a project ``amount`` more microcredits; all that it was ever given.

    Raises ``ProjectNotFound``, ``ProjectClosed``, ``BadProject`` (the note), or ``BadCredits`` for an amount that is
    not above 0 or brings the sum over ``MOST_GRANTED``. What was granted is not taken back: close the project instead.
    """
    note = check_text(note, "note") if note else ""
    with _change():
        project = _open_project(name)
        total = (project.grants.aggregate(total=Sum("amount"))["total"] or 0) + amount
        if amount <= 0 or total > MOST_GRANTED:
            raise BadCredits(
                f"A project can be granted more than 0 and up to {credits_text(MOST_GRANTED)} credits in all: "
                "give another amount."
            )
        Grant.objects.create(project=project, amount=amount, note=note, actor=actor, moment=clock.now())
        detail = {"microcredits": amount, "granted": total}
        events.emit(AuditEvent("gateway.credits-granted", actor, name, detail))
    return total


def close_project(name: str, actor: str) -> Project:
    """End a project for good: from now on none of its keys opens. Harmless to repeat. Raises ``ProjectNotFound``."""
    with _change():
        project = find_project(name)
        if project.closed is None:
            project.closed = clock.now()
            project.save(update_fields=["closed"])
            events.emit(AuditEvent("gateway.project-closed", actor, name))
    return project


def create_key(project: str, name: str, scope: Scope, actor: str, life: timedelta = DEFAULT_LIFE) -> NewKey:
    """A new key; its secret is returned once and not kept.

    Raises ``BadIdentifier``, ``BadScope``, ``ProjectNotFound``, ``ProjectClosed``, or ``KeyExists`` while the project
    has a current key of this name, expired or not.
    """
    check_name(name, "key")
    scope, life = check_scope(scope), check_life(life)
    with _change():
        owner = _open_project(project)
        if _current(owner).filter(name=name).exists():
            raise KeyExists(f"{project} has a key {name}: rotate or revoke that one, or choose another name.")
        made = _make(owner, name, scope, life, *new_secret())
        events.emit(AuditEvent("gateway.key-created", actor, made.key.id, _said(made.key)))
    return made


def rotate_key(
    reference: str, actor: str, overlap: timedelta = DEFAULT_OVERLAP, life: timedelta | None = None
) -> NewKey:
    """Replace a key by a new one with the same name and scope; the old one opens for ``overlap`` more, if it still did.

    ``reference`` is a key's id, or ``PROJECT/NAME`` for its current one. The new key lives as long as the old one was
    made for unless ``life`` says otherwise. Raises ``BadScope``, ``KeyNotFound``, ``ProjectClosed``, ``KeyNotCurrent``.
    """
    check_overlap(overlap)
    life = life if life is None else check_life(life)
    with _change():
        old = _find(reference)
        _check_current(old)
        key_id, secret = new_secret()
        # First, since only one key of a name may be current; the reference is checked when the transaction ends.
        old.replaced_by_id, old.overlap_until = key_id, clock.now() + overlap
        old.save(update_fields=["replaced_by", "overlap_until"])
        made = _make(old.project, old.name, scope_of(old), life or old.expires - old.created, key_id, secret)
        detail = _said(made.key) | {"replaces": old.id, "old_opens_until": clock.timestamp(old.ends)}
        events.emit(AuditEvent("gateway.key-rotated", actor, made.key.id, detail))
    return made


def revoke_key(reference: str, actor: str) -> list[Key]:
    """Shut a key now. ``PROJECT/NAME`` means every key of that name that may still open, an id means that one.

    Returns the keys that this shut; none if they were shut before, so it is harmless to repeat. Raises
    ``KeyNotFound``.
    """
    with _change():
        keys = [key for key in _all_of(reference) if key.revoked is None]
        for key in keys:
            key.revoked = clock.now()
            key.save(update_fields=["revoked"])
            detail = {"project": key.project.name, "name": key.name}
            events.emit(AuditEvent("gateway.key-revoked", actor, key.id, detail))
    return keys


def scope_of(key: Key) -> Scope:
    """What a key is for."""
    return Scope(
        routes=tuple(key.routes),
        highest=DataClass(key.highest),
        may_declassify=key.may_declassify,
        requests_a_minute=key.requests_a_minute,
        tokens_a_minute=key.tokens_a_minute,
        streams=key.streams,
    )


@contextmanager
def _change() -> Iterator[None]:
    """A transaction that no other change of these tables overlaps, and that gateways notice.

    The number is the time, so that it is new also in a database that was restored from a backup.
    """
    with transaction.atomic():
        take_turn(_TURN)
        number = max(current_version() + 1, int(clock.now().timestamp() * 1_000_000))
        KeysVersion.objects.update_or_create(pk=1, defaults={"number": number})
        yield


def _open_project(name: str) -> Project:
    found = find_project(name)
    if found.closed is not None:
        raise ProjectClosed(f"The project {found} was closed for good: create another.")
    return found


def _current(project: Project) -> QuerySet[Key]:
    return project.keys.filter(revoked__isnull=True, replaced_by__isnull=True)


def _all_of(reference: str) -> Sequence[Key]:
    """The keys that a reference can mean, the current one (if any) last."""
    project, slash, name = reference.partition("/")
    rows = Key.objects.select_related("project").order_by("created", "id")
    found = list(rows.filter(project__name=project, name=name) if slash else rows.filter(id=reference))
    if not found:
        raise KeyNotFound(
            f"There is no key {reference[:80]!r}: name it by its id or as PROJECT/NAME; see `jazari keys list`."
        )
    return sorted(found, key=lambda key: key.revoked is None and key.replaced_by_id is None)


def _find(reference: str) -> Key:
    return _all_of(reference)[-1]


def _check_current(key: Key) -> None:
    if key.project.closed is not None:
        raise ProjectClosed(f"The project {key.project} was closed for good: its keys cannot be rotated.")
    if key.revoked is not None:
        raise KeyNotCurrent(f"The key {key.id} was revoked: create another instead.")
    if key.replaced_by_id is not None:
        raise KeyNotCurrent(f"The key {key.id} was replaced by {key.replaced_by_id}: rotate that one.")


def _make(project: Project, name: str, scope: Scope, life: timedelta, key_id: str, secret: str) -> NewKey:
    now = clock.now()
    key = Key.objects.create(
        id=key_id,
        project=project,
        name=name,
        digest=secret_digest(secret).hex(),
        last_four=secret[-4:],
        routes=list(scope.routes),
        highest=str(scope.highest),
        may_declassify=scope.may_declassify,
        requests_a_minute=scope.requests_a_minute,
        tokens_a_minute=scope.tokens_a_minute,
        streams=scope.streams,
        created=now,
        expires=now + life,
    )
    return NewKey(key, secret)


def _said(key: Key) -> dict[str, object]:
    """What the audit trail says of a new key: all but what could help to guess it."""
    return {
        "project": key.project.name,
        "name": key.name,
        "routes": key.routes,
        "highest": key.highest,
        "may_declassify": key.may_declassify,
        "requests_a_minute": key.requests_a_minute,
        "tokens_a_minute": key.tokens_a_minute,
        "streams": key.streams,
        "expires": clock.timestamp(key.expires),
    }
