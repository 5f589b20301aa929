"""What every template can use: ``may``, ``doors``, ``node``, ``direction``, ``languages``, ``unread``."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from jazari.accounts import notices
from jazari.accounts.access import May
from jazari.accounts.models import Person
from jazari.portal.languages import direction
from jazari.portal.navigation import doors_for
from jazari.settings.runtime import this_home


def frame(request: HttpRequest) -> dict[str, Any]:
    """The frame around a page; also for errors that happen before anybody was recognised."""
    if not hasattr(request, "may"):
        request.may = May(frozenset())  # type: ignore[attr-defined]
    home = this_home()
    language = get_language() or settings.LANGUAGE_CODE
    return {
        "may": request.may,  # type: ignore[attr-defined]
        "doors": doors_for(request),
        "node": {"namespace": home.namespace, "is_root": home.is_root, "titles": home.config.titles},
        "direction": direction(language),
        "language": language,
        "unread": _unread(request),
        "languages": settings.LANGUAGES,
    }


def _unread(request: HttpRequest) -> int:
    """How many notices the person of the request has not seen."""
    person = getattr(request, "user", None)
    return notices.unread(person) if isinstance(person, Person) else 0
