"""What every page carries: headers that browsers obey, and the reader's language."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from jazari.accounts.models import Person
from jazari.portal.languages import language_for

Get = Callable[[HttpRequest], HttpResponse]
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Scripts, styles and fonts from this node only, none of them inline."""


def page_headers(get_response: Get) -> Get:
    """Headers that keep a page from running or showing what is not ours."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        return response

    return middleware


def speak_their_language(get_response: Get) -> Get:
    """The language chosen in this browser, else that of the person's account, else the browser's own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        language = language_of(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response

    return middleware


def language_of(request: HttpRequest) -> str:
    """One of ``settings.LANGUAGES``; French where nobody says anything else."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    known = dict(settings.LANGUAGES)
    person = request.user
    if chosen not in known and isinstance(person, Person) and person.language in known:
        return person.language
    return language_for(chosen, request.headers.get("Accept-Language", ""))
