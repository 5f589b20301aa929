"""The four languages: names, directions, and Tamazight, which Django does not know by itself."""

from __future__ import annotations

from django.conf import settings
from django.conf.locale import LANG_INFO
from django.utils.translation.trans_real import parse_accept_lang_header

RIGHT_TO_LEFT = frozenset({"ar"})


def teach_django() -> None:
    """Make ``zgh`` (Standard Moroccan Tamazight, ISO 639-3) a language of Django's; harmless to repeat."""
    LANG_INFO["zgh"] = {
        "bidi": False,
        "code": "zgh",
        "name": "Standard Moroccan Tamazight",
        "name_local": "ⵜⴰⵎⴰⵣⵉⵖⵜ",
        "fallback": ["fr"],
    }


def direction(language: str) -> str:
    """``rtl`` or ``ltr``, for the ``dir`` attribute."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def language_for(chosen: str, accepts: str) -> str:
    """One of ``settings.LANGUAGES``: the chosen one, else the first that the browser accepts, else French.

    ``accepts`` is an ``Accept-Language`` header; of ``ar-MA`` the language counts and not the country.
    """
    known = dict(settings.LANGUAGES)
    if chosen in known:
        return chosen
    for tag, _weight in parse_accept_lang_header(accepts):
        language = tag.partition("-")[0]
        if language in known:
            return language
    return settings.LANGUAGE_CODE
