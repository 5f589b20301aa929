"""Text on cards: plain, in the network's languages, safe to show anywhere.

Cards come from every institute, and from whoever stole its key. So text may not hold what could act on a
screen: control characters, characters that turn the direction of the text around them (bidirectional
overrides, which make a name read as another), invisible tags, or what an HTML parser takes for a tag.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

Language = Literal["fr", "ar", "zgh", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "ar", "zgh", "en")

_FORBIDDEN = frozenset(
    "\u202a\u202b\u202c\u202d\u202e"  # embeddings and overrides
    "\u2066\u2067\u2068\u2069"  # isolates
    "\u2028\u2029\ufeff\ufff9\ufffa\ufffb\u00ad"  # separators, byte order mark, annotations, soft hyphen
)
_TAG = re.compile(r"<[A-Za-z/!?]|&#|&[A-Za-z]{2,8};")


def check_line(text: str) -> str:
    """``text`` if it is one plain line; ``ValueError`` says what is not plain."""
    if "\n" in text:
        raise ValueError("write it on one line")
    return check_paragraphs(text)


def check_paragraphs(text: str) -> str:
    """``text`` if it is plain (line feeds allowed); ``ValueError`` says what is not plain."""
    for character in text:
        if is_forbidden(character):
            raise ValueError(f"it holds the invisible or control character U+{ord(character):04X}: remove it")
    if text and not text.strip():
        raise ValueError("it is blank")
    if text != text.strip():
        raise ValueError("it begins or ends with a space")
    found = _TAG.search(text)
    if found:
        raise ValueError(f"write plain text without HTML: {found.group()!r} looks like it")
    return text


def is_forbidden(character: str) -> bool:
    """Whether a character may stand in no text of a card: controls but the line feed, overrides, tags."""
    if character == "\n" or " " <= character <= "~":
        return False
    return (
        character in _FORBIDDEN
        or unicodedata.category(character) in ("Cc", "Cs", "Co")
        or 0xE0000 <= ord(character) <= 0xE007F
    )


def _some_language(texts: dict[Language, str]) -> dict[Language, str]:
    if not texts:
        raise ValueError(f"give it in at least one of {', '.join(LANGUAGES)}")
    return texts


Line = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(check_line)]
Paragraphs = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(check_paragraphs)]
Title = Annotated[dict[Language, Line], AfterValidator(_some_language), Field(min_length=1)]
Text = Annotated[dict[Language, Paragraphs], AfterValidator(_some_language), Field(min_length=1)]
"""``Title``: one line per language. ``Text``: paragraphs per language."""


def in_language(texts: Mapping[Any, str], language: str) -> str:
    """The text in ``language``, else in French, Arabic, English, else any; empty if there is none."""
    for choice in (language, "fr", "ar", "en"):
        if texts.get(choice):
            return texts[choice]
    return next(iter(texts.values()), "")
