"""Which script a text is in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.scripts import Script, ScriptCounter, script_of

SALAM = {
    Script.LATIN: "Où se trouve la préfecture de Témara ? Việt Nam, Ǧ.",
    Script.ARABIC: "أين توجد عمالة تمارة؟ 2026",
    Script.TIFINAGH: "ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ, ⵎⴰⵏⵉ ⵜⵍⵍⴰ ⵜⴰⵎⵙⵙⵓⴳⵔⵜ?",
    Script.OTHER: "Где находится префектура? 県庁はどこですか。",
}


@pytest.mark.parametrize("script", SALAM)
def test_it_is_told_by_its_letters(script: Script) -> None:
    assert script_of(SALAM[script]) is script


@pytest.mark.parametrize("text", ["", "123 ?! ×÷", "🙂🙂", "“…” — €", "、。「」"])
def test_without_letters_it_is_none_of_them(text: str) -> None:
    assert script_of(text) is Script.OTHER


def test_a_few_words_do_not_make_a_script() -> None:
    half = "ⴰⵣⵓⵍ" * 10
    assert script_of(half + "azul" * 10) is Script.OTHER
    assert script_of(half + "azul" * 10 + "ⴰ") is Script.TIFINAGH
    assert script_of(half + "azul" * 11) is Script.LATIN


LETTERS = {
    "latin": Script.LATIN,
    "arabic": Script.ARABIC,
    "tifinagh": Script.TIFINAGH,
}


def by_name(character: str) -> Script | None:
    """What Unicode's own name of the letter says; None where it is no letter of a plane that texts use."""
    if not unicodedata.category(character).startswith("L"):
        return None
    return LETTERS.get(unicodedata.name(character, "").split(" ")[0].lower(), Script.OTHER)


@pytest.mark.parametrize(
    ("first", "last"),
    [(0x41, 0x24F), (0x386, 0x52F), (0x5D0, 0x5EA), (0x620, 0x64A), (0x671, 0x6D3), (0x750, 0x77F), (0x8A0, 0x8C7),
     (0x904, 0x939), (0x10A0, 0x10FF), (0x1E00, 0x1EFF), (0x2D30, 0x2D7F), (0x3041, 0x3096), (0x4E00, 0x4E80),
     (0xAC00, 0xAC80), (0xFB50, 0xFD3D), (0xFD50, 0xFDFB), (0xFE70, 0xFEFC)],
)  # fmt: skip
def test_every_letter_counts_for_its_own_script(first: int, last: int) -> None:
    wrong = [
        chr(code)
        for code in range(first, last + 1)
        if (expected := by_name(chr(code))) is not None and script_of(chr(code)) is not expected
    ]
    assert wrong == []


@given(st.lists(st.text()))
def test_pieces_count_as_the_whole(pieces: list[str]) -> None:
    counter = ScriptCounter()
    for piece in pieces:
        counter.add(piece)
    assert counter.script is script_of("".join(pieces))
