"""What an invited person sees."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from jazari.accounts import invitations
from jazari.accounts.access import public
from jazari.accounts.errors import AccountsError
from jazari.accounts.forms import AcceptForm
from jazari.accounts.limits import too_many
from jazari.accounts.models import Invitation
from jazari.accounts.pages import person_of, refused


@public
@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Accept an invitation: with a new account, or with the one that the person has signed in with."""
    if (stopped := too_many(request, "invitation")) is not None:
        return stopped
    try:
        found = invitations.find(secret)
        if request.user.is_authenticated:
            return _with_this_account(request, secret, found)
        if EmailAddress.objects.is_verified(found.email):
            return _sign_in_first(request)
        return _with_a_new_account(request, secret, found)
    except AccountsError as error:
        return render(request, "accounts/invitation_over.html", status=refused(request, error))


def _sign_in_first(request: HttpRequest) -> HttpResponse:
    """The invited address has an account: sign in with it, then come back."""
    return redirect_to_login(request.get_full_path())


def _with_a_new_account(request: HttpRequest, secret: str, found: Invitation) -> HttpResponse:
    form, status = AcceptForm(request.POST or None, initial={"name": found.name}, email=found.email), 200
    if request.method == "POST":
        if form.is_valid():
            invitations.accept(secret, form.cleaned_data["password"], form.cleaned_data["name"])
            messages.success(request, _("Your account is open. Sign in with your address and your password."))
            return redirect("account_login")
        status = 400
    return render(request, "accounts/accept.html", {"form": form, "email": found.email}, status=status)


def _with_this_account(request: HttpRequest, secret: str, found: Invitation) -> HttpResponse:
    if request.method == "POST":
        invitations.accept_as(secret, person_of(request))
        messages.success(request, _("The invitation was accepted."))
        return redirect("accounts:mine")
    return render(request, "accounts/accept.html", {"email": found.email})
