"""What matches what, in the four languages."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.catalog.normalise import LONGEST_KEY, index_text, keys, query_keys, words


def matches(query: str, text: str) -> bool:
    indexed = set(index_text([text]).split(" "))
    asked = query_keys(query)
    return bool(asked) and all(indexed & set(group) for group in asked)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        # French
        ("modele", "Des modèles de rendement"),
        ("modèles", "modele"),
        ("MODÈLES", "modèle"),
        ("chevaux", "le cheval"),
        ("eau", "L’eau d'irrigation"),
        ("l'irrigation", "irrigation"),
        ("les sols de la région", "Sols, région Fès-Meknès"),
        ("regions agricoles", "région agricole"),
        ("cultivées", "cultivé"),
        ("fes meknes", "Fès-Meknès"),
        ("œuvre", "oeuvre"),
        ("phosphore", "phosphores"),
        # English
        ("soils", "soil"),
        ("farming dataset", "Datasets on farms"),
        # Arabic
        ("التربة", "خصوبة تربة المغرب"),
        ("تربة", "والتربة"),
        ("تُرْبَة", "تربة"),
        ("احصاء", "إحصاء"),
        ("أحصاء", "الإحصاء"),
        ("مؤسسة", "المؤسسات"),
        ("الزراعة", "وبالزراعة"),
        ("للزراعة", "زراعة"),
        ("وزارة", "الوزارة"),
        ("الوزارة", "وزارة"),
        ("مدرسه", "مدرسة"),
        ("مستشفي", "مستشفى"),
        ("أݣادير", "أكادير"),
        ("٢٠٢٤", "سنة 2024"),
        ("ﻻئحة", "لائحة"),
        ("محـــمد", "محمد"),
        # Tamazight
        ("ⴰⵎⴰⵣⵉⵖ", "ⵜⴰⵎⴰⵣⵉⵖⵜ"),
        ("ⴰⵎⴰⵣⵉⵖ", "ⵉⵎⴰⵣⵉⵖⵏ"),
        ("ⵓⵎⴰⵣⵉⵖ", "ⴰⵎⴰⵣⵉⵖ"),
        ("ⵜⴰⵎⵓⵔⵜ", "ⴰⵎⴰⵏ ⵏ ⵜⵎⵓⵔⵜ"),
        ("ⴰⴽⴰⵍ", "ⵡⴰⴽⴰⵍ"),
        ("ⴰⵎⴳⵯⵔⴷ", "ⴰⵎⴳⵔⴷ"),
        # Mixed
        ("p2o5", "P₂O₅ disponible"),
        ("maïs ذرة", "Le maïs (الذرة)"),
        ("c", "vitamine C"),
        ("2024", "année 2024/2025"),
    ],
)
def test_these_match(query: str, text: str) -> None:
    assert matches(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("sol", "soleil"),
        ("eau", "beau"),
        ("modele rendement", "modèle"),
        ("تربة", "تربية"),
        ("ماء", "سماء"),
        ("ⴰⴽⴰⵍ", "ⴰⵎⴰⵏ"),
        ("fès", "tanger"),
        ("", "anything"),
        ("!!! --- '\"", "anything"),
    ],
)
def test_these_do_not(query: str, text: str) -> None:
    assert not matches(query, text)


def test_a_question_of_small_words_alone_still_asks_for_them() -> None:
    assert query_keys("de la") != []
    assert matches("le", "Le Caire")
    assert not matches("du", "sol")


@given(st.text(max_size=40))
def test_every_text_matches_itself_whatever_its_case_and_accents(text: str) -> None:
    if query_keys(text) and len(words(text)) <= 16:
        assert matches(text, text)


@given(st.lists(st.text(max_size=30), max_size=4))
def test_index_text_is_plain_keys_separated_by_single_spaces(texts: list[str]) -> None:
    result = index_text(texts)
    assert result == " ".join(result.split())
    for key in result.split():
        assert len(key) <= LONGEST_KEY
        assert not re.search(r"[\s'\"\\*:&|!()_-]", key)
        assert key == key.lower()


@given(st.text(max_size=60))
def test_a_normalised_text_is_not_changed_by_normalising_again(text: str) -> None:
    for word in words(text):
        for key in keys(word)[:1]:
            assert keys(key)[0] == key


def test_an_endless_text_and_question_are_cut() -> None:
    assert len(index_text(f"word{number}" for number in range(50_000)).split()) <= 20_000
    assert len(query_keys(" ".join(f"w{number}" for number in range(5000)))) <= 16
    assert max(len(key) for key in keys("x" * 100_000)) == LONGEST_KEY


def test_threads_do_not_disturb_each_other() -> None:
    sample = [f"cultures{letter}tions" for letter in "abcdefghij"] * 50
    keys.cache_clear()
    expected = [keys(word) for word in sample]
    keys.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(keys, sample)) == expected
