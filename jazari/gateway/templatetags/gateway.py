"""How the gateway's pages write credits, countries and words of its own."""

from __future__ import annotations

from datetime import datetime

from babel import Locale
from django import template
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from jazari.gateway.scopes import credits_text
from jazari.gateway.words import DataClass

register = template.Library()

DATA_CLASSES: dict[str, Promise | str] = {
    DataClass.PUBLIC: _("public"),
    DataClass.INTERNAL: _("internal"),
    DataClass.PERSONAL: _("personal"),
    DataClass.SECRET: _("secret"),
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
