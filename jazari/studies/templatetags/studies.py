"""Filters of the pages of studies."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef
from jazari.studies import agreement
from jazari.studies.pages import speaking, words
from jazari.studies.run_messages import recognised as recognised_message
from jazari.studies.saying import Sentence

register = template.Library()


@register.filter
def page_of(reference: str) -> str:
    """The address of the page of a study, a run or a result; empty for anything else."""
    try:
        ref = RecordRef.parse(str(reference))
    except JazariError:
        return ""
    try:
        return record_url(ref.type, reference)
    except NoReverseMatch:
        return ""


@register.filter
def said_at(text: str) -> datetime:
    """The moment that a record writes as text."""
    return agreement.moment(text)


@register.filter
def spoken(sentence: str) -> SafeString:
    """A sentence of a recipe in the reader's language."""
    return speaking.spoken(sentence)


@register.filter
def recognised(message: str) -> Sentence | None:
    """The sentence that the message of a run is, for ``spoken``; None if it is another."""
    return recognised_message(message)


@register.filter
def status_word(status: str) -> Promise | str:
    """Where a study stands."""
    return words.STATUS.get(status, status)


@register.filter
def choice_word(choice: str) -> Promise | str:
    """What an institute decided."""
    return words.CHOICE.get(choice, choice)


@register.filter
def state_word(state: str) -> Promise | str:
    """Where a run stands."""
    return words.STATE.get(state, state)


@register.filter
def recipe_word(recipe: str) -> Promise | str:
    """What a recipe is called."""
    return words.recipe_title(recipe)


@register.filter
def item(values: dict[str, Any], key: str) -> Any:
    """The value of a key that is itself a value."""
    return values.get(key)


@register.filter
def figure(value: Any) -> str:
    """A value of a result as text: numbers with six significant digits, what is withheld or unknown as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


@register.filter
def kind_word(kind: str) -> Promise | str:
    """What kind of variable it is."""
    return words.KIND.get(kind, kind)


@register.filter
def as_json(value: Any) -> str:
    """A JSON value as people read it."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)


@register.simple_tag
def record_url(page: str, reference: str) -> str:
    """The address of one of our pages about a record."""
    ref = RecordRef.parse(reference)
    return reverse(f"studies:{page}", args=(ref.namespace, ref.name, ref.version))


@register.filter
def meant_word(choice: str) -> Promise | str:
    """What a steward means to decide."""
    return words.MEANT.get(choice, choice)


@register.filter
def field_word(name: str) -> Promise | str:
    """What a field of the form of proposals is called."""
    return words.FIELDS.get(name, "")
