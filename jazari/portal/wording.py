"""Dates, numbers and translated texts as readers of each language expect them (CLDR by Babel)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from jazari.core.locales import locale_of

_ORDER = ("fr", "en", "ar", "zgh")
UNDETERMINED = "und"


def best(texts: Mapping[str, str], language: str) -> tuple[str, str]:
    """The text in ``language``, else in the first that there is: its language and it; both "" if there is none."""
    for candidate in (language, *_ORDER, *texts):
        if texts.get(candidate):
            return candidate, texts[candidate]
    return "", ""


def day(moment: datetime, language: str) -> str:
    """``26 novembre 2026``."""
    return str(format_date(moment, "long", locale=locale_of(language)))


def moment(moment: datetime, language: str) -> str:
    """Date, hour and minute in UTC, said so."""
    return f"{format_datetime(moment, 'd MMMM y, HH:mm', locale=locale_of(language))} UTC"


def number(value: float | Decimal, language: str) -> str:
    """With the language's separators; Western digits, as Morocco writes them."""
    return str(format_decimal(value, locale=locale_of(language)))
