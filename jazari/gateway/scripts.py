"""Which script a text is written in, counted at the speed of a few passes over its bytes.

Tokenisers cut scripts very differently (the same meaning took 13 tokens in French, 11 in Arabic and 42 in Tifinagh),
so prices can weigh them. Counting is by Unicode block on the UTF-8 form: lead bytes never occur inside a character.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Script(StrEnum):
    """The scripts that a price can weigh."""

    TIFINAGH = "tifinagh"
    ARABIC = "arabic"
    LATIN = "latin"
    OTHER = "other"


_ASCII_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LATIN = _ASCII_LETTERS + bytes(range(0xC3, 0xCA))  # U+00C0 to U+024F
_ARABIC = bytes([0xD8, 0xD9, 0xDA, 0xDB, 0xDD])  # U+0600 to U+06FF, U+0740 to U+077F
_OTHER = bytes([0xCA, 0xCB, *range(0xCE, 0xD8), 0xDC, 0xDE, 0xDF, 0xE0, 0xE1, *range(0xE3, 0xF0)])
_NOT_LETTERS = re.compile(b"\xc3[\x97\xb7]|\xe3\x80[\x80-\x84\x88-\xa0]|\xef\xbc[\x81-\xa0]")
_TIFINAGH_IN_UTF8 = re.compile(b"\xe2(?:\xb4[\xb0-\xbf]|\xb5[\x80-\xbf])")  # U+2D30 to U+2D7F
_LATIN_IN_OTHER = re.compile(b"\xe1[\xb8-\xbb]")  # U+1E00 to U+1EFF
_ARABIC_IN_OTHER = re.compile(
    b"\xe0(?:\xa1[\xb0-\xbf]|[\xa2\xa3])|\xef(?:\xad[\x90-\xbf]|[\xae-\xb7]|\xb9[\xb0-\xbf]|\xba|\xbb[\x80-\xbc])"
)


_NONE = dict.fromkeys(Script, 0)


class ScriptCounter:
    """Counts as the pieces of a text come."""

    def __init__(self) -> None:
        self._counts = _NONE.copy()

    def add(self, text: str) -> None:
        """Count the letters of one more piece."""
        data = text.encode("utf-8", "surrogatepass")
        if text.isascii():
            self._counts[Script.LATIN] += _count(data, _ASCII_LETTERS)
        else:
            self._add_wide(data)

    def _add_wide(self, data: bytes) -> None:
        counts = self._counts
        latin, arabic = len(_LATIN_IN_OTHER.findall(data)), len(_ARABIC_IN_OTHER.findall(data))
        signs = _NOT_LETTERS.findall(data)
        signs_of_latin = sum(sign[0] == 0xC3 for sign in signs)
        counts[Script.TIFINAGH] += len(_TIFINAGH_IN_UTF8.findall(data))
        counts[Script.LATIN] += _count(data, _LATIN) + latin - signs_of_latin
        counts[Script.ARABIC] += _count(data, _ARABIC) + arabic
        counts[Script.OTHER] += _count(data, _OTHER) - latin - arabic - (len(signs) - signs_of_latin)

    @property
    def script(self) -> Script:
        """The script of more than half of the letters; ``OTHER`` where there is none, so that none is favoured."""
        total = sum(self._counts.values())
        return next((script for script, count in self._counts.items() if 2 * count > total), Script.OTHER)


def script_of(text: str) -> Script:
    """The script of more than half of the letters of ``text``."""
    counter = ScriptCounter()
    counter.add(text)
    return counter.script


def _count(data: bytes, wanted: bytes) -> int:
    return len(data) - len(data.translate(None, wanted))
