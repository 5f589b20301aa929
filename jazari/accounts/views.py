"""Pages of people's own accounts."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from jazari.accounts import operations, tokens
from jazari.accounts.access import has_second_factor, signed_in
from jazari.accounts.errors import AccountsError
from jazari.accounts.forms import ROLE_NAMES, ProfileForm
from jazari.accounts.models import Person
from jazari.accounts.pages import person_of, refused
from jazari.accounts.queries import name_of
from jazari.accounts.rules import Role


@signed_in
def my_account(request: HttpRequest) -> HttpResponse:
    """The person's own account: name, language, ways to sign in, sessions, roles."""
    person, status = person_of(request), 200
    form = ProfileForm(request.POST or None, initial=_profile(person))
    if request.method == "POST":
        try:
            if form.is_valid():
                operations.change_profile(person, **form.cleaned_data)
                messages.success(request, _("Your account was changed."))
                return redirect("accounts:mine")
            status = 400
        except AccountsError as error:
            person.refresh_from_db()
            status = refused(request, error)
    return render(request, "accounts/mine.html", _mine(request, person) | {"form": form}, status=status)


@signed_in
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of this person, this one too."""
    operations.sign_out_everywhere(person_of(request))
    logout(request)
    messages.success(request, _("You are signed out everywhere."))
    return redirect("account_login")


@signed_in
def second_factor(request: HttpRequest) -> HttpResponse:
    """Why a second factor is needed, and how to get one or to use it."""
    wanted = request.GET.get("next", "")
    inside = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    values = {"next": wanted if inside else "", "has_one": _has_authenticator(person_of(request))}
    return render(request, "accounts/second_factor.html", values)


def _mine(request: HttpRequest, person: Person) -> dict[str, object]:
    grants = [
        {"role": ROLE_NAMES[Role(grant.role)], "given_by": name_of(grant.given_by), "given": grant.given}
        for grant in person.grants.filter(ended__isnull=True).order_by("given")
    ]
    return {
        "person": person,
        "grants": grants,
        "has_password": person.has_usable_password(),
        "has_second_factor": _has_authenticator(person),
        "used_second_factor": has_second_factor(request),
        "sessions": len(UserSession.objects.purge_and_list(person)),
        "tokens": tokens.live(person).count(),
    }


def _profile(person: Person) -> dict[str, object]:
    return {name: getattr(person, name) for name in ("name", "language", "shown", "public_title")}


def _has_authenticator(person: Person) -> bool:
    usable = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return bool(Authenticator.objects.filter(user=person, type__in=usable).exists())
