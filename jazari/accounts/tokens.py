"""API tokens: named secrets that let a program act for a person, with scopes and an end. Kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from jazari.accounts.errors import BadToken
from jazari.accounts.models import ApiToken, Person
from jazari.accounts.operations import actor_of
from jazari.accounts.queries import roles_of
from jazari.accounts.rules import LONGEST_TOKEN_DAYS, scopes_for
from jazari.core import clock, events
from jazari.core.audit import AuditEvent

PREFIX = "jzp_"
"""Starts every token, so that one which lies in a file or a log is recognised."""
MOST_TOKENS = 20


def hash_of(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def make(person: Person, name: str, scopes: Iterable[str], days: int, *, second_factor: bool) -> tuple[ApiToken, str]:
    """A token and its secret, which is kept nowhere. Only scopes that the person's roles cover."""
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(scopes_for(roles_of(person))):
        raise BadToken(_("Choose at least one scope, and only among those that your roles cover."))
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise BadToken(_("A token lasts at least a day and at most a year: choose fewer days."))
    if not 0 < len(name.strip()) <= 80 or not name.isprintable():
        raise BadToken(_("The name of a token is one line of at most 80 characters: say what it is for."))
    if live(person).count() >= MOST_TOKENS:
        raise BadToken(_("You have as many tokens as one person may have: revoke one first."))
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        person=person,
        name=name.strip(),
        secret_hash=hash_of(secret),
        scopes=wanted,
        second_factor=second_factor,
        made=clock.now(),
        expires=clock.now() + timedelta(days=days),
    )
    events.emit(AuditEvent("accounts.token-made", actor_of(person), f"token:{token.pk}", {"scopes": wanted}))
    return token, secret


def revoke(person: Person, number: int) -> bool:
    """End one of the person's own tokens; False where there is none of that number."""
    if not live(person).filter(pk=number).update(revoked=clock.now()):
        return False
    events.emit(AuditEvent("accounts.token-revoked", actor_of(person), f"token:{number}"))
    return True


def live(person: Person) -> QuerySet[ApiToken]:
    """The person's tokens that open something now."""
    return ApiToken.objects.filter(person=person, revoked__isnull=True, expires__gt=clock.now())
