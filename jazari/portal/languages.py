"""The four languages: names, directions, and Tamazight, which Django does not know by itself."""

from __future__ import annotations

from django.conf.locale import LANG_INFO

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
