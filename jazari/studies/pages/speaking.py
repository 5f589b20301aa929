"""Sentences of recipes in the language of the page's reader, as markup: what is put in them stands isolated."""

from __future__ import annotations

import re
from decimal import Decimal

from babel.lists import format_list
from babel.numbers import format_decimal, format_percent
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, ngettext

from jazari.core.locales import locale_of
from jazari.studies.saying import Names, Said, Sentence, Untranslated, Value

_PLAIN = re.compile(r"-?\d{1,12}(\.\d{1,12})?")
_DECIMALS = "#,##0." + 12 * "#"


def spoken(sentence: str) -> SafeString:
    """``sentence`` in the reader's language; marked as English where it has no message to translate."""
    if not isinstance(sentence, Sentence):
        return _english(sentence)
    said = sentence.said
    values = {name: _shown(value) for name, value in said.values.items()}
    # The message is ours, from the code or the catalogues; every value was escaped or made of what was.
    return mark_safe(conditional_escape(_message(said)).format(**values))  # noqa: S308


def _message(said: Said) -> str:
    return gettext(said.message) if said.count is None else ngettext(said.message, said.message, said.count)


def _shown(value: Value) -> SafeString:
    """Names and numbers keep their own direction, whatever that of the text around them is."""
    if isinstance(value, Sentence):
        return spoken(value)
    if isinstance(value, Untranslated):
        return _english(value.text)
    if isinstance(value, Names):
        return _listed(value)
    if isinstance(value, str):
        return format_html("<bdi>{}</bdi>", value)
    return format_html('<bdi dir="ltr">{}</bdi>', _number(str(value)))


def _english(text: str) -> SafeString:
    return format_html('<span lang="en" dir="ltr">{}</span>', text)


def _listed(value: Names) -> SafeString:
    shown = [format_html("<bdi>{}</bdi>", name) for name in value.items]
    joined = value.between.join(shown) if _language() == "en" else format_list(shown, locale=locale_of(_language()))
    return mark_safe(joined)  # noqa: S308  # of escaped names and commas


def _number(text: str) -> str:
    """With the separators of the language; powers of ten, and English, stay as they are written."""
    language = _language()
    if language == "en":
        return text
    if text.endswith("%") and _PLAIN.fullmatch(text[:-1]):
        return str(format_percent(Decimal(text[:-1]) / 100, locale=locale_of(language)))
    return str(format_decimal(Decimal(text), _DECIMALS, locale_of(language))) if _PLAIN.fullmatch(text) else text


def _language() -> str:
    return get_language() or "fr"
