"""Sentences that know their own message and values, so that a page can say them in its reader's language. Pure.

Recipes run where there is no Django, so what they say is English text; ``pages.speaking`` translates the message and
puts the values in. ``worded`` and ``worded_many`` mark the message for the catalogues: it is written out where it is
said, and whole, since no other language builds its sentences of the same parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Names:
    """Names one after the other; other languages than English join them in their own way."""

    items: tuple[str, ...]
    between: str = ", "

    def __str__(self) -> str:
        return self.between.join(self.items)


@dataclass(frozen=True)
class Figure:
    """A number as ``text`` writes it in English, such as ``0.5``, ``1e-06`` or ``80%``."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Untranslated:
    """A text that there is in English only, such as that of an error."""

    text: str

    def __str__(self) -> str:
        return self.text


class Sentence(str):
    """English text, with the message that it was made of; ``values`` go where the message names them."""

    said: Said


Value = str | int | Names | Figure | Untranslated | Sentence
"""Text is a name that somebody gave: of a variable, a level, a data set, an institute."""


@dataclass(frozen=True)
class Said:
    """What a sentence was made of. ``count``: the number by which other languages choose the form of the message."""

    message: str
    values: dict[str, Value] = field(default_factory=dict)
    count: int | None = None


def worded(message: str, **values: Value) -> Sentence:
    """``message`` with ``values`` in it."""
    return _sentence(Said(message, values))


def worded_many(message: str, count: int, **values: Value) -> Sentence:
    """The same of a message that names ``{count}``: other languages than English have one for each of their plurals."""
    return _sentence(Said(message, {"count": count, **values}, count))


def names(items: Iterable[str], between: str = ", ") -> Names:
    """A list of names, in English joined by ``between``."""
    return Names(tuple(items), between)


def figure(number: float, spec: str = "g") -> Figure:
    """A number as Python's ``spec`` writes it."""
    return Figure(format(number, spec))


def _sentence(said: Said) -> Sentence:
    # What is put in is not read again, so braces in a name mean nothing.
    sentence = Sentence(said.message.format(**said.values))
    sentence.said = said
    return sentence
