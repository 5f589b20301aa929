"""What the pages of this slice share: who acts, and how a refusal is said."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest

from jazari.accounts.models import Person
from jazari.core.errors import HTTP_STATUS, JazariError


def person_of(request: HttpRequest) -> Person:
    """Who has signed in."""
    return cast(Person, request.user)


def refused(request: HttpRequest, error: JazariError) -> int:
    """Say ``error`` at the top of the page; the status that the page has."""
    messages.error(request, str(error))
    return HTTP_STATUS.get(error.exit_code, 500)
