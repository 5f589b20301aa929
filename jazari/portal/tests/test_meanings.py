"""What errors mean: codes are those of known errors; the meaning stands before the exact English sentence."""

from __future__ import annotations

import html
from importlib import import_module
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.forms import Form
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.translation import override

from jazari.core.errors import BadIdentifier, JazariError, known_errors
from jazari.gateway.policy import Reason
from jazari.portal.meanings import MEANINGS, meaning_of
from jazari.portal.templatetags.portal import explained

PACKAGE = Path(__file__).parents[2]
WITHOUT_CLASS = {"studies.internal", *(f"policy.{reason}" for reason in Reason)}
"""What an institute's engine says of an error that is none of ours; decisions of the gateway, which are no errors."""
ON_NO_PAGE = {
    "studies.failed": "a family: what is raised has a code of its own",
    "studies.engine": "a family",
    "studies.same-data": "a budget is declared by a command",
    "studies.timed-out": "a command or a program waits for a run; a page never does",
    "studies.bad-model-input": "a command predicts with a model that was fetched",
    "studies.no-model": "commands fetch, publish and export models",
    "studies.unverified-model": "a command uses a model's file",
}
SENTENCE = "There is no study 'rabat/study/<b>x</b>@1' here: run `jazari sync`, then `jazari study list`."
ESCAPED = html.escape(SENTENCE)
NOT_HERE = "Cette étude ou ce résultat n’est pas ici"


@pytest.fixture(scope="module")
def errors() -> dict[str, type[JazariError]]:
    for path in PACKAGE.rglob("*errors.py"):
        import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    return known_errors()


def in_french(problem: JazariError | str, code: str = "") -> str:
    with override("fr"):
        return explained(problem, code)


def test_every_code_with_a_meaning_is_that_of_a_known_error(errors: dict[str, type[JazariError]]) -> None:
    assert set(MEANINGS) - set(errors) == WITHOUT_CLASS


def test_every_error_of_a_study_has_a_meaning_or_is_on_no_page(errors: dict[str, type[JazariError]]) -> None:
    of_studies = {code for code, found in errors.items() if found.__module__.startswith("jazari.studies.")}
    of_studies = {code for code in of_studies if ".tests." not in errors[code].__module__}
    assert of_studies - set(MEANINGS) == set(ON_NO_PAGE)


@pytest.mark.parametrize("language", ["fr", "ar", "zgh"])
def test_a_meaning_is_in_the_language_of_the_reader(language: str) -> None:
    with override(language):
        assert all(meaning_of(code) not in ("", message) for code, message in MEANINGS.items())


def test_the_exact_sentence_follows_marked_and_escaped() -> None:
    shown = in_french(known_errors()["studies.study-not-found"](SENTENCE))
    assert shown.startswith(NOT_HERE)
    assert shown.endswith(f'Le détail, en anglais\u202f: <span lang="en" dir="ltr">{ESCAPED}</span>')
    assert shown == in_french(SENTENCE, "studies.study-not-found")


def test_a_reader_of_english_reads_the_exact_sentence_only() -> None:
    with override("en"):
        assert explained(SENTENCE, "studies.study-not-found") == f'<span lang="en" dir="ltr">{ESCAPED}</span>'


@pytest.mark.parametrize("code", ["", "studies.failed", "no code", "nobody.knows-it"])
def test_what_has_no_meaning_is_shown_in_english(code: str) -> None:
    assert in_french(SENTENCE, code) == f'<span lang="en" dir="ltr">{ESCAPED}</span>'


def test_the_code_is_found_in_the_message_of_a_run() -> None:
    shown = in_french("rabat refused round 1 (studies.too-similar): its audit trail says why.")
    assert "utilisez les résultats antérieurs" in shown
    assert in_french("fes (of us) refused (nobody.knows-it)").startswith("<span")


class Whole(Form):
    """A form without fields, for what is wrong with all of it."""


def form_with(problem: object) -> str:
    form = Whole({})
    form.add_error(None, problem)  # type: ignore[arg-type]  # text, or an error
    with override("fr"):
        return render_to_string("portal/fields.html", {"form": form})


def test_a_form_explains_an_error_of_ours() -> None:
    error = BadIdentifier("The <name> is not one.")
    shown = form_with(ValidationError(str(error), code=error.code))
    assert "une forme permise" in strip_tags(shown)
    assert '<span lang="en" dir="ltr">The &lt;name&gt; is not one.</span>' in shown


def test_a_form_shows_an_error_of_ours_without_a_meaning_as_english() -> None:
    assert '<li><span lang="en" dir="ltr">It &lt;failed&gt;.</span></li>' in form_with(
        ValidationError("It <failed>.", code=JazariError.code)
    )


@pytest.mark.parametrize("code", [None, "invalid"])
def test_other_problems_of_a_form_are_texts_in_the_language_of_the_reader(code: str | None) -> None:
    assert "<li>Les deux &lt;mots&gt; diffèrent : 100 %.</li>" in form_with(
        ValidationError("Les deux <mots> diffèrent : 100 %.", code=code)
    )
