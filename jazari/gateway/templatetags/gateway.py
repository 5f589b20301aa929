"""How the gateway's pages write credits, countries and words of its own."""

from __future__ import annotations

from datetime import datetime

from babel import Locale
from django import template
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from jazari.gateway.policy import Decision
from jazari.gateway.receipts import INTERRUPTED
from jazari.gateway.scopes import credits_text
from jazari.gateway.words import DataClass

register = template.Library()

DATA_CLASSES: dict[str, Promise | str] = {
    DataClass.PUBLIC: _("public"),
    DataClass.INTERNAL: _("internal"),
    DataClass.PERSONAL: _("personal"),
    DataClass.SECRET: _("secret"),
}
OUTCOMES: dict[str, Promise | str] = {
    "answered": _("answered"),
    "refused": _("refused"),
    "failed": _("failed"),
    "client left": _("the client left"),
    "broken off": _("broken off"),
    INTERRUPTED: _("cut off when the gateway stopped"),
}
"""Of calls."""
_OF_ATTEMPTS: dict[str, Promise | str] = {
    "bad answer": _("no valid answer"),
    "silent": _("no answer in time"),
    "not reached": _("not reached"),
    "busy": _("too busy"),
    "cut by a drill": _("cut off by a drill"),
    "declined": _("declined"),
    "not itself": _("showed another certificate than its own"),
    "connection closed": _("closed the connection"),
}
_KEY_STATES: dict[str, Promise | str] = {
    "open": _("opens"),
    "overlap": _("replaced, opens for a while"),
    "expired": _("expired"),
    "replaced": _("replaced"),
    "revoked": _("revoked"),
}


@register.filter
def credits(amount: int) -> str:  # noqa: A001  what people call them
    """Microcredits as credits: 1500000 is ``1.5``."""
    return credits_text(int(amount or 0))


@register.filter
def watt_hours(amount: int | None) -> str:
    """Microwatt-hours as watt-hours, without needless zeros."""
    return credits_text(int(amount or 0))


@register.filter
def plain(value: float) -> str:
    """A number as SVG wants it in every language."""
    return f"{value:g}"


@register.filter
def country(code: str) -> str:
    """The name of a country in the reader's language; the code itself where there is none."""
    return str(Locale.parse(get_language() or "fr").territories.get(code, code))


@register.filter
def data_class(word: str) -> Promise | str:
    """A class of data in the reader's language."""
    return DATA_CLASSES.get(word, word)


@register.filter
def outcome(word: str) -> Promise | str:
    """How a call or an attempt ended."""
    return OUTCOMES.get(word) or _OF_ATTEMPTS.get(word, word)


@register.filter
def reason(decision: Decision) -> str:
    """The code by which the portal knows what a decision means (``explained``)."""
    return f"policy.{decision.code}"


@register.filter
def key_state(word: str) -> Promise | str:
    """What a key does now."""
    return _KEY_STATES.get(word, word)


@register.filter
def instant(text: str) -> datetime | None:
    """A moment that is written as RFC 3339, for the filter ``moment``; None where it is none."""
    try:
        return datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
