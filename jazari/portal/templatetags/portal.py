"""Tags and filters of all pages, such as ``{% asset %}``, ``{% wide_table %}``, ``text_of``, ``explained``, ``day``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django import template
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from jazari.core.errors import JazariError, known_errors
from jazari.portal import meanings, wording
from jazari.portal.assets import asset_url
from jazari.portal.languages import direction

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """The address of a static file, e.g. ``portal/css/jazari.css``."""
    return asset_url(name)


@register.simple_block_tag(end_name="endwide_table")
def wide_table(content: SafeString) -> SafeString:
    """The box around every table: one that is wider than the screen scrolls inside it, by keyboard too."""
    return format_html('<div class="scroll" role="group" aria-label="{}" tabindex="0">{}</div>', _("Table"), content)


@register.filter
def text_of(texts: Mapping[str, str]) -> SafeString | str:
    """A text that a card carries in several languages, in the reader's; marked with its own where it differs.

    Empty where there is none, so that ``default`` helps.
    """
    language, text = wording.best(texts, _language())
    if not text or language == _language():
        return text
    return format_html('<span lang="{}" dir="{}">{}</span>', language, direction(language), text)


@register.filter
def plain_text_of(texts: Mapping[str, str]) -> str:
    """The same without a mark, for titles of pages and attributes."""
    return wording.best(texts, _language())[1]


@register.filter
def isolated(text: str) -> SafeString:
    """A text with a direction of its own, to be put into a sentence."""
    return format_html("<bdi>{}</bdi>", text)


@register.filter
def explained(problem: JazariError | str, code: str = "") -> SafeString:
    """What an error means in the reader's language, then its sentence; of a sentence alone, by the code with it."""
    return meanings.explained(str(problem), problem.code if isinstance(problem, JazariError) else code)


@register.filter
def meaning_of(code: str) -> str:
    """What a code means in the reader's language; empty in English, and where nothing is written about it."""
    return meanings.meaning_of(code)


@register.filter
def meaning_in(sentence: str) -> str:
    """What the code in a sentence means in the reader's language; empty in English, and where there is none."""
    return meanings.meaning_in(sentence)


@register.filter
def form_problem(problem: ValidationError) -> SafeString | str:
    """A problem of a whole form: an error of ours where that is its code, else a text in the reader's language."""
    sentence = str(next(iter(problem)))
    return meanings.explained(sentence, problem.code) if problem.code in known_errors() else sentence


@register.filter
def day(moment: datetime) -> str:
    """A date as people of the language write it, with Morocco's names of months."""
    return wording.day(moment, _language())


@register.filter
def moment(moment: datetime) -> str:
    """A date and time (UTC) as people of the language write it."""
    return wording.moment(moment, _language())


@register.filter
def number(value: float | Decimal) -> str:
    """A number with the separators of the language."""
    return wording.number(value, _language())


def _language() -> str:
    return get_language() or "fr"
