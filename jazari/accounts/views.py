"""Pages of people's own accounts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from jazari.accounts.access import signed_in


@signed_in
def my_account(request: HttpRequest) -> HttpResponse:
    """The person's own account: name, language, ways to sign in, sessions, roles."""
    return render(request, "accounts/mine.html")


@signed_in
def second_factor(request: HttpRequest) -> HttpResponse:
    """Why a second factor is needed, and how to get one or to use it."""
    wanted = request.GET.get("next", "")
    inside = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return render(request, "accounts/second_factor.html", {"next": wanted if inside else ""})
