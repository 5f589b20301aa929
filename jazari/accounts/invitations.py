"""Invitations: one-time links, kept as hashes, that make accounts with a verified address and roles."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from jazari.accounts.errors import AlreadyHere, InvitationOver, InvitationUnknown
from jazari.accounts.events import InvitationAccepted
from jazari.accounts.models import Invitation, Person
from jazari.accounts.operations import (
    actor_of,
    check_language,
    check_text,
    clean_address,
    give_role,
    make_person,
)
from jazari.accounts.rules import INVITATION_DAYS, Role
from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.settings.portal_home import PortalConfig
from jazari.settings.runtime import this_home


def hash_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def link_of(secret: str) -> str:
    """The address that the invited person opens."""
    path = reverse("accounts:invitation", args=(secret,))
    return f"{PortalConfig.of(this_home()).origin}{path}"


@transaction.atomic
def invite(
    email: str, roles: Iterable[Role], actor: str, *, name: str = "", language: str = ""
) -> tuple[Invitation, str]:
    """An invitation and its secret, which is kept nowhere. An open one for the same address is replaced."""
    address = clean_address(email)
    if EmailAddress.objects.is_verified(address):
        raise AlreadyHere(_("Somebody has an account with this address already: give the roles to that account."))
    Invitation.objects.filter(email=address, accepted__isnull=True, revoked__isnull=True).update(revoked=clock.now())
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=address,
        name=check_text(name),
        language=check_language(language),
        roles=sorted({str(role) for role in roles}),
        secret_hash=hash_of(secret),
        invited_by=actor,
        sent=clock.now(),
        expires=clock.now() + timedelta(days=INVITATION_DAYS),
    )
    _audit("accounts.invited", actor, invitation)
    return invitation, secret


@transaction.atomic
def resend(number: int, actor: str) -> tuple[Invitation, str]:
    """A new link for an open invitation, also one that is too old; the former link ends."""
    invitation = _open(number)
    secret = secrets.token_urlsafe(32)
    invitation.secret_hash, invitation.sent = hash_of(secret), clock.now()
    invitation.expires = clock.now() + timedelta(days=INVITATION_DAYS)
    invitation.invited_by = actor
    invitation.save()
    _audit("accounts.invited-again", actor, invitation)
    return invitation, secret


@transaction.atomic
def revoke(number: int, actor: str) -> None:
    """End an open invitation."""
    invitation = _open(number)
    invitation.revoked = clock.now()
    invitation.save(update_fields=["revoked"])
    _audit("accounts.invitation-revoked", actor, invitation)


def find(secret: str) -> Invitation:
    """The invitation that ``secret`` opens now; ``InvitationUnknown`` or ``InvitationOver``."""
    invitation = Invitation.objects.filter(secret_hash=hash_of(secret)).first()
    if invitation is None:
        raise InvitationUnknown(_("No invitation has this link: check that it is whole, or ask for another one."))
    if invitation.revoked or invitation.accepted or invitation.expires <= clock.now():
        raise _over()
    return invitation


@transaction.atomic
def accept(secret: str, password: str, name: str = "") -> Person:
    """Make the account that was offered. Whoever holds the link received mail at the address: it is verified."""
    invitation = _claim(secret)
    language = invitation.language
    person = make_person(invitation.email, password, name=name or invitation.name, language=language)
    return _give(invitation, person)


@transaction.atomic
def accept_as(secret: str, person: Person) -> Person:
    """The offered roles for an account that there is already, if the invited address is verified as its own."""
    invitation = _claim(secret)
    if not EmailAddress.objects.filter(user=person, email=invitation.email, verified=True).exists():
        raise AlreadyHere(_("This invitation is for another address: sign in with the account that has it."))
    return _give(invitation, person)


def _claim(secret: str) -> Invitation:
    """The invitation, marked as used: of two who open the link at once, one succeeds."""
    invitation = find(secret)
    free = Invitation.objects.filter(pk=invitation.pk, accepted__isnull=True, revoked__isnull=True)
    if not free.update(accepted=clock.now()):
        raise _over()
    return invitation


def _give(invitation: Invitation, person: Person) -> Person:
    Invitation.objects.filter(pk=invitation.pk).update(person=person)
    for role in invitation.roles:
        give_role(person, Role(role), invitation.invited_by)
    _audit("accounts.invitation-accepted", actor_of(person), invitation)
    events.emit(InvitationAccepted(person.pk, invitation.invited_by))
    return person


def _over() -> InvitationOver:
    return InvitationOver(_("This invitation was used, taken back, or is older than 7 days: ask for another one."))


def _open(number: int) -> Invitation:
    found = Invitation.objects.select_for_update().filter(pk=number, accepted__isnull=True, revoked__isnull=True)
    invitation = found.first()
    if invitation is None:
        raise InvitationUnknown(_("There is no open invitation with this number: look at the list again."))
    return invitation


def _audit(kind: str, actor: str, invitation: Invitation) -> None:
    events.emit(AuditEvent(kind, actor, f"invitation:{invitation.pk}", {"roles": list(invitation.roles)}))
