"""How the four languages write dates, numbers and lists: the Unicode CLDR, by Babel, as in Morocco."""

from __future__ import annotations

from functools import cache

from babel import Locale

_LOCALES = {"fr": "fr_MA", "ar": "ar_MA", "zgh": "zgh_MA", "en": "en_GB"}


@cache
def locale_of(language: str) -> Locale:
    """The CLDR locale for one of the four languages."""
    return Locale.parse(_LOCALES[language])
