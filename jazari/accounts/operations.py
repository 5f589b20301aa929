"""Changes to people and roles. ``actor`` is who does it: ``person:<id>``, or the node's namespace for its terminal."""

from __future__ import annotations

from collections.abc import Sequence

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from jazari.accounts.errors import AlreadyHere, BadPerson, LastOperator, RoleRefused
from jazari.accounts.events import RoleGiven, RoleTaken
from jazari.accounts.models import ApiToken, Invitation, Person, RoleGrant
from jazari.accounts.rules import Role, may_hold
from jazari.core import clock, events
from jazari.core.audit import AuditEvent

LONGEST_TEXT = 120


def actor_of(person: Person) -> str:
    """How a person is named where their deeds are kept."""
    return f"person:{person.pk}"


def clean_address(email: str) -> str:
    """``email`` as it is kept; ``BadPerson`` where it is no address."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise BadPerson(_("This is not an e-mail address: correct it.")) from error
    return address


def check_text(text: str) -> str:
    """A name or a title, one line; ``BadPerson`` where it is too long or holds control characters."""
    line = text.strip()
    if len(line) > LONGEST_TEXT or not line.isprintable():
        raise BadPerson(_("Names and titles are one line of at most 120 characters: shorten it."))
    return line


def check_language(language: str) -> str:
    """One of the portal's languages, or "" for the browser's."""
    if language and language not in dict(settings.LANGUAGES):
        raise BadPerson(_("This language is not one of the portal's: choose fr, ar, zgh or en."))
    return language


@transaction.atomic
def make_person(email: str, password: str | None, *, name: str = "", language: str = "") -> Person:
    """An account with a verified address. An account that somebody else left unverified on it makes room."""
    address = clean_address(email)
    _drop_unverified(address)
    if Person.objects.filter(email=address).exists() or EmailAddress.objects.is_verified(address):
        raise AlreadyHere(_("Somebody has an account with this address already: give the roles to that account."))
    values = {"name": check_text(name), "language": check_language(language)}
    person = Person.objects.create_person(address, password, **values)
    EmailAddress.objects.create(user=person, email=address, verified=True, primary=True)
    return person


def _drop_unverified(address: str) -> None:
    """Accounts that were opened with an address which nobody proved to own, and never used."""
    claims = EmailAddress.objects.filter(email=address, verified=False)
    claimed = Person.objects.filter(email=address, last_login__isnull=True, pk__in=claims.values("user"))
    claimed.exclude(pk__in=EmailAddress.objects.filter(verified=True).values("user")).delete()
    claims.delete()


@transaction.atomic
def give_role(person: Person, role: Role, actor: str) -> bool:
    """Give ``role``; False where it is held already. ``RoleRefused`` for what a federated person may not be."""
    held = Person.objects.select_for_update().get(pk=person.pk)
    if not may_hold(role, federated=bool(held.home_issuer)):
        raise RoleRefused(
            _("Operators and board members need an account of this node: invite this person, then give the role.")
        )
    if not held.is_active:
        raise RoleRefused(_("This account is deactivated: activate it first."))
    if held.grants.filter(role=role, ended__isnull=True).exists():
        return False
    RoleGrant.objects.create(person=held, role=role, given_by=actor, given=clock.now())
    events.emit(AuditEvent("accounts.role-given", actor, actor_of(person), {"role": str(role)}))
    events.emit(RoleGiven(person.pk, role, actor))
    return True


@transaction.atomic
def take_role(person: Person, role: Role, actor: str) -> bool:
    """Take ``role`` back; False where it was not held. ``LastOperator`` where no operator would be left."""
    if role is Role.OPERATOR:
        _keep_an_operator(person)
    taken = person.grants.filter(role=role, ended__isnull=True).update(ended=clock.now())
    if not taken:
        return False
    if role is Role.OPERATOR:
        _withdraw_invitations(person)
    events.emit(AuditEvent("accounts.role-taken", actor, actor_of(person), {"role": str(role)}))
    events.emit(RoleTaken(person.pk, role, actor))
    return True


@transaction.atomic
def deactivate(person: Person, actor: str) -> None:
    """Close the account: no sign-in, no session, no token. Roles stay written down, and count for nothing."""
    _keep_an_operator(person)
    Person.objects.filter(pk=person.pk).update(is_active=False)
    person.is_active = False
    ApiToken.objects.filter(person=person, revoked__isnull=True).update(revoked=clock.now())
    _withdraw_invitations(person)
    sign_out_everywhere(person)
    events.emit(AuditEvent("accounts.person-deactivated", actor, actor_of(person)))


@transaction.atomic
def activate(person: Person, actor: str) -> None:
    """Open a deactivated account again, without the roles that it had: they are given anew."""
    for grant in person.grants.filter(ended__isnull=True):
        take_role(person, Role(grant.role), actor)
    Person.objects.filter(pk=person.pk).update(is_active=True)
    person.is_active = True
    events.emit(AuditEvent("accounts.person-activated", actor, actor_of(person)))


def sign_out_everywhere(person: Person) -> int:
    """End every session of ``person``; how many there were."""
    sessions: Sequence[UserSession] = list(UserSession.objects.filter(user=person))
    for session in sessions:
        session.end()
    return len(sessions)


def change_profile(person: Person, *, name: str, language: str, shown: bool, public_title: str) -> None:
    """What a person says about themselves. To be shown needs a name to show."""
    person.name, person.public_title = check_text(name), check_text(public_title)
    person.language, person.shown = check_language(language), shown
    if shown and not person.name:
        raise BadPerson(_("Write your name first: it is what would be shown."))
    person.save(update_fields=["name", "public_title", "language", "shown"])
    actor = actor_of(person)
    events.emit(AuditEvent("accounts.profile-changed", actor, actor, {"shown": shown}))


def _keep_an_operator(person: Person) -> None:
    """``LastOperator`` if ``person`` is the only active operator. Locks the grants: two may not go at once."""
    held = RoleGrant.objects.select_for_update().filter(role=Role.OPERATOR, ended__isnull=True)
    operators = set(held.filter(person__is_active=True).values_list("person", flat=True))
    if operators == {person.pk}:
        raise LastOperator(_("This is the last operator of the node: make somebody else operator first."))


def _withdraw_invitations(person: Person) -> None:
    """Who looks after people no longer must not come back through a link that they sent to themselves."""
    Invitation.objects.filter(invited_by=actor_of(person), accepted__isnull=True, revoked__isnull=True).update(
        revoked=clock.now()
    )
