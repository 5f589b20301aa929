"""The home page, the choice of a language, and what is said when a page cannot be shown."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from jazari.accounts.access import public, same_for_all
from jazari.portal.front_page import front_page
from jazari.settings.runtime import this_home


@public
@same_for_all
def home(request: HttpRequest) -> HttpResponse:
    """The front door of this node."""
    return render(request, "portal/home.html", front_page(this_home()))


@public
@csrf_exempt  # a token would make every page of every reader another one, and all that is set is a language
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the language in this browser; then back to where they were."""
    wanted, back = request.POST.get("language", ""), request.POST.get("next", "/")
    inside = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    response = redirect(back if inside else "/")
    if wanted in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            wanted,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=request.is_secure(),
            httponly=True,
            samesite=settings.LANGUAGE_COOKIE_SAMESITE,
        )
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  Django names it
    """400, without what was wrong: whoever makes such requests by hand knows."""
    return render(request, "portal/error.html", {"status": 400}, status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  Django names it
    """403: a role is missing."""
    return render(request, "portal/error.html", {"status": 403}, status=403)


def not_from_here(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  Django names it
    """403: a form without the token that our pages give (CSRF_FAILURE_VIEW)."""
    return render(request, "portal/error.html", {"status": 403, "is_form": True}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  Django names it
    """404."""
    return render(request, "portal/error.html", {"status": 404}, status=404)


def failed(request: HttpRequest) -> HttpResponse:
    """500: the log has the details."""
    return render(request, "portal/error.html", {"status": 500}, status=500)
