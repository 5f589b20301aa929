"""People of other nodes, who sign in here with their account there.

Who they are is issuer and subject. What their node says about e-mail addresses is never asked for and never believed:
nobody is recognised, linked or written to by an address that another node claims. They start as members; operator and
board stay closed to them (``rules.NEVER_FEDERATED``).
"""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render
from django.utils.translation import gettext as _
from requests import Session

from jazari.accounts import providers
from jazari.accounts.guarded_http import GuardedSession
from jazari.accounts.models import Person
from jazari.accounts.operations import LONGEST_TEXT, actor_of, give_role
from jazari.accounts.rules import OF_EVERY_GUEST
from jazari.core import events
from jazari.core.audit import AuditEvent


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """allauth's, with everything closed that would make an address an identity."""

    def get_requests_session(self) -> Session:
        """Calls go to registered nodes only."""
        return GuardedSession(providers.origins())

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        """The registered node, with its client secret from the keys folder: the database does not hold it."""
        app = super().get_app(request, provider, client_id)
        app.secret = providers.secret_of(app.provider_id)
        return app

    def authenticate_by_email(self, sociallogin: Any) -> None:  # noqa: ARG002  allauth names it
        """Nobody is recognised by an address."""
        return

    def can_authenticate_by_email(self, login: Any, email: str) -> bool:  # noqa: ARG002  allauth names them
        """Never."""
        return False

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Person:  # noqa: ARG002
        """A new person takes their name from there, and nothing else."""
        person: Person = sociallogin.user
        person.email, person.name = None, _name(data.get("name"))
        return person

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse what is not exactly somebody of a registered node signing in."""
        sociallogin.email_addresses = []
        issuer = providers.issuer_of(sociallogin.provider.app)
        told = sociallogin.account.extra_data
        if sociallogin.state.get("process") == "connect" or not _one_subject(told):
            raise _refused(request)
        if sociallogin.is_existing and sociallogin.user.home_issuer != issuer:
            raise _refused(request)

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Person:
        """Somebody is here for the first time."""
        person: Person = sociallogin.user
        person.email, person.home_issuer = None, providers.issuer_of(sociallogin.provider.app)
        sociallogin.email_addresses = []
        super().save_user(request, sociallogin, form)
        detail = {"provider": sociallogin.account.provider}
        events.emit(AuditEvent("accounts.guest-arrived", actor_of(person), actor_of(person), detail))
        give_role(person, OF_EVERY_GUEST, f"provider:{sociallogin.account.provider}"[:60])
        return person

    def validate_disconnect(self, account: Any, accounts: Any) -> None:  # noqa: ARG002  allauth names them
        """The account there is who they are here: it is not taken off."""
        raise forms.ValidationError(_("This account is how you are known here: it cannot be removed."))


def _refused(request: HttpRequest) -> ImmediateHttpResponse:
    return ImmediateHttpResponse(render(request, "portal/error.html", {"status": 403}, status=403))


def _one_subject(told: dict[str, Any]) -> bool:
    """Whether the two documents in which a node tells who somebody is name the same subject."""
    subjects = [told[part].get("sub") for part in ("userinfo", "id_token") if part in told]
    return len(set(map(repr, subjects))) == 1 and isinstance(subjects[0], str)


def _name(claim: object) -> str:
    text = claim.strip() if isinstance(claim, str) else ""
    return text[:LONGEST_TEXT] if text.isprintable() else ""
