"""The reference of errors says what the code says, and leaves nobody without advice."""

from __future__ import annotations

import pytest

from tests.docs import errors_page
from tests.docs.errors_page import SLICES, WITHOUT_CLASS, docstring, errors, undocumented, written
from tests.docs.source import names, strings

WRITE_IT = "run `python -m tests.docs.write_reference`, then say on the page what to do about new codes"


def test_the_page_is_that_of_the_code() -> None:
    assert errors_page.PAGE.read_text(encoding="utf-8") == errors_page.render(written()), WRITE_IT


def test_every_code_is_on_the_page_and_no_other() -> None:
    assert set(written()) == {*errors(), *WITHOUT_CLASS}, WRITE_IT


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    assert list(undocumented()) == []


def test_codes_are_named_for_their_slice() -> None:
    wrong = {
        code: found.__module__
        for code, found in errors().items()
        if found.__module__.split(".")[1] != code.split(".")[0]
    }
    assert wrong == {"core.bug": "jazari.cli.errors"}
    assert {code.split(".")[0] for code in errors()} == set(SLICES)


@pytest.mark.parametrize("code", sorted(WITHOUT_CLASS))
def test_codes_without_a_class_are_still_said_somewhere(code: str) -> None:
    assert any(code in text for text in strings())


def test_no_error_is_left_that_nobody_raises() -> None:
    leaves = {code: found.__name__ for code, found in errors().items() if not found.__subclasses__()}
    assert [code for code, name in leaves.items() if name not in names()] == []


def test_a_docstring_about_fields_is_no_meaning() -> None:
    class Said(errors()["core.failed"]):
        """What happened. More of it."""

        code = "core.said-in-a-test"

    class Silent(Said):
        """``status`` is a number."""

        code = "core.silent-in-a-test"

    assert docstring(Said) == "What happened"
    assert docstring(Silent) == ""
