"""Pages of a person's API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from jazari.accounts import tokens
from jazari.accounts.access import has_second_factor, may, signed_in
from jazari.accounts.errors import AccountsError
from jazari.accounts.forms import TokenForm
from jazari.accounts.pages import person_of, refused
from jazari.accounts.rules import scopes_for


@signed_in
@never_cache
def my_tokens(request: HttpRequest) -> HttpResponse:
    """The tokens that open something, and a form for a new one, whose secret is shown this once."""
    person, secret, status = person_of(request), "", 200
    form = TokenForm(request.POST or None, scopes=list(scopes_for(may(request).roles)))
    if request.method == "POST":
        status = 400
        try:
            if form.is_valid():
                _token, secret = tokens.make(person, second_factor=has_second_factor(request), **form.cleaned_data)
                form, status = TokenForm(scopes=list(scopes_for(may(request).roles))), 201
        except AccountsError as error:
            status = refused(request, error)
    values = {"form": form, "secret": secret, "tokens": tokens.live(person).order_by("-made")}
    return render(request, "accounts/tokens.html", values, status=status)


@signed_in
@require_POST
def revoke_token(request: HttpRequest, number: int) -> HttpResponse:
    """End one of one's own tokens."""
    if not tokens.revoke(person_of(request), number):
        raise Http404
    messages.success(request, _("The token was revoked."))
    return redirect("accounts:tokens")
