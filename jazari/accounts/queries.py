"""Reading people, their roles, and who stands behind a token."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from jazari.accounts.errors import PersonUnknown
from jazari.accounts.models import ApiToken, Invitation, Person, RoleGrant
from jazari.accounts.rules import Role
from jazari.core import clock

_SEEN = timedelta(minutes=1)
"""How exact "last used" is: not every call of a program writes."""
_LONGEST_SECRET = 200


def roles_of(person: Any) -> frozenset[Role]:
    """The roles that ``person`` holds here now; none for somebody who has not signed in."""
    if not isinstance(person, Person) or not person.is_active:
        return frozenset()
    return frozenset(Role(role) for role in person.grants.filter(ended__isnull=True).values_list("role", flat=True))


def person_of_token(secret: str) -> tuple[Person, frozenset[str]] | None:
    """Whose token ``secret`` is, and its scopes; None where it opens nothing now."""
    token = token_of(secret)
    return (token.person, frozenset(token.scopes)) if token else None


def token_of(secret: str) -> ApiToken | None:
    """The live token behind ``secret``, of an active person; notes that it was used."""
    if len(secret) > _LONGEST_SECRET:
        return None
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    now = clock.now()
    live = ApiToken.objects.filter(revoked__isnull=True, expires__gt=now, person__is_active=True)
    token = live.select_related("person").filter(secret_hash=hashed).first()
    if token and (token.last_used is None or now - token.last_used > _SEEN):
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)
    return token


def find_person(wanted: str | int) -> Person:
    """The person with that number or that e-mail address; ``PersonUnknown`` otherwise."""
    by_number = isinstance(wanted, int) or (wanted.isdecimal() and len(wanted) < 18)
    known = {"pk": int(wanted)} if by_number else {"email": str(wanted).lower()}
    person = Person.objects.filter(**known).first()
    if person is None:
        raise PersonUnknown(_("Nobody here has this address or number: look at the list of people."))
    return person


def search_people(text: str = "") -> QuerySet[Person]:
    """People whose name or address holds ``text``, by name."""
    found = Person.objects.order_by("name", "email", "pk").prefetch_related("grants")
    words = text.strip()[:100]
    return found.filter(Q(name__icontains=words) | Q(email__icontains=words)) if words else found


def people_with(role: Role) -> QuerySet[Person]:
    """Active people who hold ``role``."""
    held = RoleGrant.objects.filter(role=role, ended__isnull=True)
    return Person.objects.filter(is_active=True, pk__in=held.values("person"))


def shown_people() -> QuerySet[Person]:
    """Who agreed to be named on the institute's page, with their public title."""
    return Person.objects.filter(shown=True, is_active=True).exclude(name="").order_by("name", "pk")


def open_invitations() -> QuerySet[Invitation]:
    """Invitations that were neither accepted nor taken back; also those that are too old."""
    return Invitation.objects.filter(accepted__isnull=True, revoked__isnull=True).order_by("-sent")


def name_of(actor: str) -> str:
    """Who an actor is, for people: the name of a person, else what was written down."""
    kind, _colon, number = actor.partition(":")
    if kind == "person" and number.isdecimal():
        person = Person.objects.filter(pk=int(number)).first()
        return str(person) if person else actor
    return actor
