"""Telling the board at the Root that an institute asks to be admitted."""

from __future__ import annotations

from jazari.accounts import notices
from jazari.accounts.rules import Role
from jazari.federation.models import Enrolment

KIND = "enrolment-waits"
PAGE = "/enrolments/"


def tell_of_enrolments() -> bool:
    """Tell of each request once, however often this is called; whether there was one."""
    waiting = Enrolment.objects.filter(
        kind="admission", state=Enrolment.State.RECEIVED, received__gt=notices.news_since()
    ).exclude(digest__in=notices.told(KIND))
    return any([notices.notify_once(row.digest, Role.BOARD, KIND, row.namespace, PAGE) for row in waiting])
