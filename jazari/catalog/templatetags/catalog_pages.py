"""Tags and filters of the catalogue's pages, and of others that show its items: ``{% address_of item %}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from jazari.catalog.card_facts import Fact
from jazari.catalog.labels import Label, kind_name
from jazari.catalog.models import CatalogItem
from jazari.catalog.texts import in_language
from jazari.core.identifiers import RecordRef

register = template.Library()
_UNSAID = "und"
_RIGHT_TO_LEFT = ("ar",)


@register.simple_tag
def address_of(item: CatalogItem, page: str = "card") -> str:
    """The permanent address of this version of an item; ``page``: of one of its other pages."""
    return address(item.ref, page)


@register.filter
def address_of_ref(ref: str) -> str:
    """The permanent address of ``namespace/type/name@version``."""
    return address(ref)


def address(ref: str, page: str = "card") -> str:
    """The address of a page of a record."""
    parsed = RecordRef.parse(ref)
    arguments = {"namespace": parsed.namespace, "kind": parsed.type, "name": parsed.name, "version": parsed.version}
    if page == "croissant":
        del arguments["kind"]
    return reverse(f"catalog:{page}", kwargs=arguments)


@register.filter
def card_text(texts: Mapping[str, str]) -> SafeString | str:
    """A text by language in the reader's, marked with its own where that differs; its direction by its letters."""
    own = get_language() or "fr"
    if texts.get(own):
        return texts[own]
    language, text = next(((name, texts[name]) for name in _order(texts) if texts[name]), ("", ""))
    if not text:
        return ""
    if language == _UNSAID:
        return format_html('<bdi dir="auto">{}</bdi>', text)
    return format_html('<span lang="{}" dir="{}">{}</span>', language, _direction(language), text)


def _order(texts: Mapping[str, str]) -> list[str]:
    return [*(name for name in ("fr", "en", "ar", "zgh") if name in texts), *texts]


def _direction(language: str) -> str:
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"


@register.filter
def direction_of(language: str) -> str:
    """``rtl`` or ``ltr`` for a language; ``auto`` where it is not said."""
    return "auto" if language == _UNSAID else _direction(language)


@register.filter
def other_languages(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """The languages, and texts, that ``card_text`` does not show."""
    own = get_language() or "fr"
    shown = own if texts.get(own) else next(iter(_order(texts)), "")
    return [(language, text) for language, text in texts.items() if language != shown]


@register.filter
def label_of(label: Label) -> SafeString | str:
    """A label, in the reader's language where it has several."""
    return card_text(label) if isinstance(label, Mapping) else str(label)


@register.filter
def plain_label_of(label: Label) -> str:
    """The same without a mark, for titles and attributes."""
    return in_language(label, get_language() or "fr") if isinstance(label, Mapping) else str(label)


@register.filter
def kind_label(kind: str) -> Label:
    """What a card type is called."""
    return kind_name(kind)


@register.filter
def get(values: Mapping[str, Any], key: str) -> Any:
    """The value of ``key``, or ``key`` itself."""
    return values.get(key, key)


@register.filter
def unlocalised(number: int) -> str:
    """A whole number for markup, without the separators of a language."""
    return str(int(number))


@register.filter
def leave_out(facts: Sequence[Fact], names: str) -> list[Fact]:
    """The facts of a card whose fields are not among ``names`` (separated by spaces)."""
    return [fact for fact in facts if fact.name not in names.split()]


@register.filter
def by_field(objects: Sequence[Mapping[str, Any]] | str, name: str) -> dict[str, Mapping[str, Any]]:
    """Objects by the text in their field ``name``."""
    return {each[name]: each for each in objects or () if isinstance(each, Mapping)}


@register.filter
def get_missing(shares: Mapping[str, Mapping[str, Any]], variable: str) -> float | None:
    """The share of a variable's values that are missing; None where it is not told."""
    return shares.get(variable, {}).get("missing")
