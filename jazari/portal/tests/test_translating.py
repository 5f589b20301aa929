"""Every string of ours is translated into every language; the check of that can fail."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from django.utils.formats import date_format
from django.utils.translation import gettext, override

from jazari.portal import borrowed, translating, wording
from jazari.portal.translating import LANGUAGES, TO_REVIEW, faults, problems, read, strings_in

MOMENT = datetime(2026, 8, 3, 14, 5, tzinfo=UTC)
TEMPLATE = """{% load i18n %}
<h1>{% translate "Home" %}</h1>
    {% blocktranslate count number=items|length %}One item{% plural %}{{ number }} items{% endblocktranslate %}
  <p title="{% translate 'It''s' %}">{% translate "Catalogue" context "door" %} {{ not.this }}</p>
{% blocktranslate trimmed with name=node.name %}
    Hello
    {{ name }}
{% endblocktranslate %}
"""
PYTHON = """
from django.utils.translation import gettext as _, ngettext, pgettext, gettext_lazy
title = _("A title")
late = gettext_lazy("Late")
many = ngettext("%d day", "%d days", n) % n
door = pgettext("door", "Open")
not_this = print("not this")
"""


def test_every_string_is_translated_into_every_language() -> None:
    assert problems() == []


def test_strings_of_templates_are_found() -> None:
    assert list(strings_in(TEMPLATE.replace("''", ""), template=True)) == [
        (("Home",), None),
        (("One item", "%(number)s items"), None),
        (("Its",), None),
        (("Catalogue",), "door"),
        (("Hello %(name)s",), None),
    ]


def test_strings_of_python_are_found() -> None:
    assert list(strings_in(PYTHON, template=False)) == [
        (("A title",), None),
        (("Late",), None),
        (("%d day", "%d days"), None),
        (("Open",), "door"),
    ]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package of its own, whose catalogues are translated."""
    folder = tmp_path / "package"
    (folder / "templates").mkdir(parents=True)
    (folder / "page.py").write_text(PYTHON)
    (folder / "templates" / "page.html").write_text('{% load i18n %}{% translate "Hello" %}')
    return folder


def test_the_check_sees_what_is_missing_and_what_is_too_old(package: Path, tmp_path: Path) -> None:
    locale = tmp_path / "locale"
    translating.extract(locale, package)
    translating.compile_all(locale)
    found = problems(locale, package)
    assert "fr: 'Hello' is not translated" in found
    assert "ar: '%d day' is not translated" in found
    (package / "templates" / "page.html").write_text('{% load i18n %}{% translate "New" %}')
    assert "zgh: 'New' is not in the catalogue" in problems(locale, package)
    po = translating.po_file("fr", locale)
    po.write_text(po.read_text().replace('msgid "Hello"\nmsgstr ""', 'msgid "Hello"\nmsgstr "Bonjour"'))
    found = problems(locale, package)
    assert "fr: 'Hello' is not translated" not in found
    assert "fr: the .mo file is not of this .po file; run compile" in found
    translating.compile_all(locale)
    assert not any(problem.startswith("fr: the .mo") for problem in problems(locale, package))


def test_what_was_translated_stays_and_what_is_gone_goes(package: Path, tmp_path: Path) -> None:
    locale = tmp_path / "locale"
    translating.extract(locale, package)
    po = translating.po_file("fr", locale)
    po.write_text(po.read_text().replace('msgid "Late"\nmsgstr ""', 'msgid "Late"\nmsgstr "Tard"'))
    (package / "templates" / "page.html").write_text("")
    translating.extract(locale, package)
    catalog = read("fr", locale)
    assert catalog["Late"].string == "Tard"
    assert "Hello" not in catalog


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (Message("Hello %(name)s", "Bonjour"), "has other placeholders: %(name)s"),
        (Message("Hello %(name)s", "Bonjour %(nom)s"), "has other placeholders: %(name)s, %(nom)s"),
        (Message("Hello", "Bonjour", flags=["fuzzy"]), "is marked fuzzy"),
        (Message("Hello", ""), "is not translated"),
        (Message('<a href="/">Hello</a>', "<a>Bonjour</a>"), 'has other placeholders: <a href="/">, <a>'),
        (Message(("%d day", "%d days"), ("%d jour", "")), "is not translated"),
        (Message(("%d day", "%d days"), ("%d jour",)), "is not translated"),
        (Message(("%d day", "%d days"), ("un jour", "des jours")), "has other placeholders: %d"),
    ],
)
def test_each_fault_is_seen(message: Message, fault: str) -> None:
    assert list(faults(message, 2)) == [fault]


def test_a_form_for_one_may_leave_the_number_out() -> None:
    assert list(faults(Message(("%d day", "%d days"), ("un jour", "%d jours")), 2)) == []


def test_the_words_reach_readers_and_the_rest_falls_back_to_french() -> None:
    told = {}
    for language in (*LANGUAGES, "en"):
        with override(language):
            told[language] = gettext("Institutes")
    assert told == {"fr": "Instituts", "ar": "المعاهد", "zgh": "ⵉⵙⵉⵏⴰⴳⵏ", "en": "Institutes"}
    with override("zgh"):
        assert gettext("Enter a valid time.") == "Saisissez une heure valide."  # no page of ours has such a field


@pytest.mark.parametrize("folder", [translating.FOLDER, borrowed.FOLDER])
def test_tamazight_is_marked_for_a_native_reader_until_one_has_read_it(folder: Path) -> None:
    catalog = read("zgh", folder)
    assert len(catalog) > 200
    comments = [message.user_comments for message in catalog if message.id]
    assert all(comment in ([TO_REVIEW], [translating.FROM_CLDR], []) for comment in comments)


def test_days_and_months_are_written_as_readers_expect() -> None:
    assert wording.day(MOMENT, "fr") == "3 août 2026"
    assert wording.day(MOMENT, "ar") == "3 غشت 2026"
    assert wording.day(MOMENT, "zgh") == "3 ⵖⵓⵛⵜ 2026"
    assert wording.day(MOMENT, "en") == "3 August 2026"
    assert wording.moment(MOMENT, "fr") == "3 août 2026, 14:05 UTC"
    with override("zgh"):
        assert date_format(MOMENT, "F") == "ⵖⵓⵛⵜ"


def test_numbers_have_the_separators_of_the_language() -> None:
    assert [wording.number(1234567.5, language) for language in ("fr", "ar", "zgh", "en")] == [
        "1\u202f234\u202f567,5", "1.234.567,5", "1\u00a0234\u00a0567,5", "1,234,567.5",
    ]  # fmt: skip
