"""What would leave, in each language: the English that commands print, and what a steward reads at a page."""

from __future__ import annotations

import copy
import html
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils.html import strip_tags
from django.utils.translation import override

from jazari.studies.disclosures import disclosures_of
from jazari.studies.pages.speaking import spoken
from jazari.studies.privacy.budget import Budget, Spending
from jazari.studies.privacy.payment import Payments
from jazari.studies.recipes.numeric_rows import complete_data_sets
from jazari.studies.recipes.registry import recipe_names
from jazari.studies.saying import Names, Sentence, Untranslated, figure, names, worded
from jazari.studies.tests.builders import make_study
from jazari.studies.tests.leaving_examples import BEFORE, EXAMPLES, example

OTHERS = ("fr", "ar", "zgh")
WHOLE: dict[str, list[str]] = json.loads(BEFORE.read_text(encoding="utf-8"))


def said_in(language: str, sentence: str) -> str:
    with override(language):
        return spoken(sentence)


def plain(markup: str) -> str:
    return html.unescape(strip_tags(markup))


def kept(markup: str) -> set[str]:
    """What stands isolated; of numbers the digits, since each language separates them in its own way."""
    return {_digits(html.unescape(one)) for one in re.findall(r"<bdi[^>]*>(.*?)</bdi>", markup)}


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text) if re.fullmatch(r"[\d.,e%\s\u200e-]+", text) else text


def values_of(sentence: Sentence) -> Iterator[str]:
    for value in sentence.said.values.values():
        if isinstance(value, Names):
            yield from value.items
        elif isinstance(value, Sentence):
            yield from values_of(value)
        else:
            yield _digits(str(value))


def assert_said_in_all(sentence: Sentence) -> None:
    for language in OTHERS:
        markup = said_in(language, sentence)
        assert plain(markup) != sentence, (language, sentence)
        assert 'lang="en"' not in markup
        expected = set(values_of(sentence))
        # "One round" and "two rounds" are words in Arabic.
        in_words = {str(sentence.said.count)} if sentence.said.count in (1, 2) else set()
        assert kept(markup) <= expected, (language, markup)
        assert kept(markup) >= expected - in_words, (language, markup)
    assert plain(said_in("en", sentence)) == sentence


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_english_of_commands_is_what_it_was(name: str) -> None:
    assert [str(sentence) for sentence in disclosures_of(*example(name))] == WHOLE[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_sentence_is_said_in_every_language_with_its_values(name: str) -> None:
    for sentence in disclosures_of(*example(name)):
        assert_said_in_all(sentence)


def test_every_recipe_has_an_example() -> None:
    assert {example(name)[0].recipe for name in EXAMPLES} == set(recipe_names())


def test_every_message_in_the_code_is_in_some_example_or_here() -> None:
    said = {sentence.said.message for name in EXAMPLES for sentence in disclosures_of(*example(name))}
    code = Path(__file__).parents[1]
    files = [*(code / "recipes").glob("*.py"), code / "disclosures.py"]
    written = sum(len(re.findall(r"\bworded(?:_many)?\(", file.read_text(encoding="utf-8"))) for file in files)
    assert len(said) == written


@pytest.mark.parametrize("number", range(1, 13))
def test_any_number_is_said(number: int) -> None:
    assert_said_in_all(complete_data_sets(number, names(["ph", "crop"])))


def test_what_somebody_wrote_in_a_card_is_text_and_never_markup() -> None:
    sentences = [s for s in disclosures_of(*example("statistics")) if "<b>" in s]
    assert sentences
    for sentence in sentences:
        for language in ("en", *OTHERS):
            markup = said_in(language, sentence)
            assert "<b>" not in markup
            assert "<bdi>&lt;b&gt;قمح&lt;/b&gt; &amp; &quot;co&quot;</bdi>" in markup


def test_braces_in_a_name_are_not_read() -> None:
    sentence = worded("How many rows have each level of {name}.", name="{name} {0} {name.__class__} %(x)s")
    assert sentence == "How many rows have each level of {name} {0} {name.__class__} %(x)s."
    assert "{name} {0} {name.__class__} %(x)s" in plain(said_in("fr", sentence))


def test_lists_and_numbers_are_written_as_the_language_does() -> None:
    sums = worded("Sums and squares of {variables} over those rows.", variables=names(["a", "b", "c"]))
    assert "a, b et c" in plain(said_in("fr", sums))
    assert "a وb وc" in plain(said_in("ar", sums))
    assert "a, b, c" in plain(said_in("en", sums))
    clip = worded("The change is made no longer than {clip}, and whether that was needed is told.", clip=figure(1234.5))
    assert "1\u202f234,5" in plain(said_in("fr", clip))
    assert "1234.5" in plain(said_in("en", clip))
    tiny = worded("The change is made no longer than {clip}, and whether that was needed is told.", clip=figure(1e-7))
    assert "1e-07" in plain(said_in("ar", tiny))


def test_a_sentence_without_a_message_is_marked_as_english() -> None:
    assert said_in("ar", "Its <own> words.") == '<span lang="en" dir="ltr">Its &lt;own&gt; words.</span>'
    problem = worded(
        "This study would spend epsilon {cost}: {problem}", cost=figure(1), problem=Untranslated("Bad <x>")
    )
    assert '<span lang="en" dir="ltr">Bad &lt;x&gt;</span>' in said_in("fr", problem)


def test_a_sentence_is_text_like_any_other() -> None:
    sentence = worded("How many rows have each level of {name}.", name="crop")
    assert json.loads(json.dumps([sentence])) == ["How many rows have each level of crop."]
    for again in (pickle.loads(pickle.dumps(sentence)), copy.deepcopy(sentence)):
        assert (again, again.said) == (sentence, sentence.said)


@pytest.mark.parametrize(
    ("runs", "delta", "told"),
    [
        (1, 0.0, "This study would spend epsilon 0.5 of 2.5 for 'soil', of which 2.4 are left."),
        (3, 0.0, "This study would spend epsilon 1.5 (3 runs of 0.5) of 2.5 for 'soil', of which 2.4 are left."),
        (9, 0.0, "This study would spend epsilon 4.5 (9 runs of 0.5) of 2.5 for 'soil', of which 2.4 are left. That "
                 "is not enough for all its runs: each is paid when it begins."),
        (1, 1e-6, "This study would spend epsilon 0.5 and delta 1e-06 of 2.5 for 'soil', of which 2.4 are left. That "
                  "is not enough for all its runs: each is paid when it begins."),
    ],
)  # fmt: skip
def test_what_a_study_would_spend_is_said_in_every_language(tmp_path: Path, runs: int, delta: float, told: str) -> None:
    budget = Budget(tmp_path)
    budget.declare("soil", 2.5, 0.0)
    budget.spend("soil", Spending(agreement="sha256:a", run="r", round=1, epsilon=0.1))
    cost = Payments(tmp_path).cost(_noisy(runs, delta), "fes/dataset/soil@1")
    assert cost == told
    assert_said_in_all(cost)


def test_a_budget_that_nobody_declared_is_said_in_every_language(tmp_path: Path) -> None:
    cost = Payments(tmp_path).cost(_noisy(1, 0.0), "fes/dataset/soil@1")
    assert cost == (
        "This study would spend epsilon 0.5: No privacy budget is declared for 'soil' here: its steward sets one with "
        "`jazari dataset budget soil --epsilon 10`, or refuses the study."
    )
    assert_said_in_all(cost)


def _noisy(runs: int, delta: float) -> Any:
    terms: dict[str, Any] = {"epsilon": 0.5, "max_rows_per_subject": 1}
    terms |= {"delta": delta, "mechanism": "gaussian"} if delta else {}
    return make_study("private-statistics", {"variables": ["ph"], "privacy": terms}, ["fes", "rabat"], max_runs=runs)
