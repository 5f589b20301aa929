"""What our pages borrow from Django and allauth is told in every language; what is missing after an upgrade is seen."""

from __future__ import annotations

import copy
import itertools
import string
from collections.abc import Iterator
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from babel.messages.catalog import Catalog
from django import forms
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils.formats import date_format
from django.utils.translation import override

from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.portal import borrowed
from jazari.portal.tests.test_translating import MOMENT
from jazari.portal.translating import (
    LANGUAGES,
    borrowed_problems,
    borrowed_template,
    extract_borrowed,
    po_file,
    read,
)
from jazari.settings.home import Home
from jazari.testing.pages import PASSWORD, People, anonymous

ALL = ("en", *LANGUAGES)
ADDRESS = "somebody@example.org"
SHORT = {"email": ADDRESS, "password1": "1234", "password2": "123"}
FORMS = ("gateway.forms", "gateway.playground_form", "governance.forms", "accounts.forms")
ALLAUTH_FORMS = ("account.forms", "mfa.base.forms", "mfa.totp.forms", "mfa.webauthn.forms", "idp.oidc.forms")
NO_PAGE = ("ChangePhoneForm", "VerifyPhoneForm", "ClientRegistrationForm", "ConfirmCodeForm")
THE_SAME_IN_TWO = {
    "Actions", "Code", "Question", "Route", "Sessions",
}  # fmt: skip
"""Words that are written alike in English and in French."""


# Catalogues


@pytest.fixture(scope="module")
def template() -> Catalog:
    """Everything that is borrowed."""
    return borrowed_template()


def test_all_that_is_borrowed_is_translated(template: Catalog) -> None:
    assert len(template) > 200
    assert borrowed_problems(template=template) == []


def test_the_check_sees_what_an_upgrade_brings(template: Catalog) -> None:
    newer = copy.deepcopy(template)
    newer.add("A new sentence of %(who)s.")
    assert borrowed_problems(template=newer) == [
        f"{language}: 'A new sentence of %(who)s.' is not in the catalogue" for language in LANGUAGES
    ]


def test_the_check_sees_what_is_not_translated_yet(template: Catalog, tmp_path: Path) -> None:
    extract_borrowed(tmp_path, template)
    found = borrowed_problems(tmp_path, template)
    assert "zgh: 'This field is required.' is not translated" in found
    assert "fr: 'This field is required.' is not translated" not in found


def test_a_text_that_pages_no_longer_show_goes(template: Catalog, tmp_path: Path) -> None:
    extract_borrowed(tmp_path, template)
    assert {"Enter a whole number.", "Incorrect code.", "January"} <= ids_of(read("zgh", tmp_path))
    assert "This field is required." not in ids_of(read("fr", tmp_path))
    older = copy.deepcopy(template)
    older.delete("Enter a whole number.")
    extract_borrowed(tmp_path, older)
    assert "Enter a whole number." not in ids_of(read("zgh", tmp_path))


def test_words_of_ours_instead_of_the_makers_stay(template: Catalog, tmp_path: Path) -> None:
    extract_borrowed(tmp_path, template)
    po = po_file("fr", tmp_path)
    po.write_text(po.read_text() + '\nmsgid "This field is required."\nmsgstr "Remplissez ce champ."\n')
    extract_borrowed(tmp_path, template)
    assert read("fr", tmp_path)["This field is required."].string == "Remplissez ce champ."


def ids_of(catalog: Catalog) -> set[str]:
    return {message.id if isinstance(message.id, str) else message.id[0] for message in catalog}


def test_every_reason_to_leave_out_still_leaves_something_out() -> None:
    names = [path.relative_to(borrowed.ALLAUTH.parent).as_posix() for path in borrowed.ALLAUTH.rglob("*")]
    unused = [pattern for pattern in borrowed.LEFT_OUT if not any(fnmatchcase(name, pattern) for name in names)]
    assert unused == []


def test_nothing_of_replaced_templates_is_borrowed() -> None:
    names = {name for name, _, _ in borrowed.sources()}
    assert "allauth/templates/account/login.html" in names
    assert "allauth/templates/account/email.html" in names  # ours extends it
    assert "allauth/templates/allauth/layouts/base.html" not in names
    assert "allauth/templates/idp/oidc/authorization_form.html" not in names


# What forms say


def form_classes() -> Iterator[type[forms.BaseForm]]:
    modules = [f"jazari.{name}" for name in FORMS] + [f"allauth.{name}" for name in ALLAUTH_FORMS]
    for name in modules:
        for thing in vars(import_module(name)).values():
            if isinstance(thing, type) and issubclass(thing, forms.BaseForm) and thing.__name__ not in NO_PAGE:
                yield thing


def sentences(field: forms.Field) -> Iterator[Any]:
    yield field.label
    yield field.help_text
    yield from field.error_messages.values()
    yield from (getattr(validator, "message", "") for validator in field.validators)


def in_language(lazy: Any, language: str) -> str:
    with override(language):
        return str(lazy or "")


@pytest.mark.parametrize("language", ["zgh", "ar", "fr"])
def test_every_form_speaks_every_language(language: str) -> None:
    told = set()
    for form in form_classes():
        for field in form.base_fields.values():
            for lazy in sentences(field):
                english, french, text = (in_language(lazy, name) for name in ("en", "fr", language))
                if text and text in ({english} if language == "fr" else {english, french}):
                    told.add(english)
    assert told - (THE_SAME_IN_TWO if language == "fr" else set()) == set()


def test_dates_of_borrowed_pages_are_written_as_in_morocco() -> None:
    with override("zgh"):
        assert date_format(MOMENT, "SHORT_DATE_FORMAT") == "3/8/2026"
        assert date_format(MOMENT, "DATETIME_FORMAT") == "3 ⵖⵓⵛⵜ 2026 14:05"


# What people read


class Reading(HTMLParser):
    """The words of the main part of a page that are in the page's own language."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: set[str] = set()
        self._open: list[tuple[str, bool]] = []
        self._main = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._main = self._main or tag == "main"
        marked = (
            ("lang" in values and tag != "html")
            or tag in ("code", "script", "style")
            or bool(self._open and self._open[-1][1])
        )
        if tag not in ("input", "img", "br", "hr", "meta", "link"):
            self._open.append((tag, marked))
        if not marked:
            for name in ("placeholder", "title", "aria-label", "alt"):
                self.handle_data(values.get(name) or "", attribute=True)

    def handle_endtag(self, tag: str) -> None:
        self._main = self._main and tag != "main"
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str, attribute: bool = False) -> None:
        text = " ".join(data.split())
        marked = not attribute and bool(self._open and self._open[-1][1])
        if self._main and not marked and any(character.isalpha() for character in text):
            self.words.add(text.strip(string.punctuation))


def is_about_nobody(text: str) -> bool:
    """Whether ``text`` is no language at all: an address, a secret, a browser's name."""
    return "@" in text or text.isupper() or text in {"rabat", "Institut de Rabat", "Firefox"}


def assert_no_language_is_mixed(told: dict[str, set[str]], where: str = "") -> None:
    for one, other in itertools.combinations(told, 2):
        both = {text for text in told[one] & told[other] if not is_about_nobody(text)}
        assert both - (THE_SAME_IN_TWO if {one, other} == {"en", "fr"} else set()) == set(), (where, one, other)


def read_in_all(readers: dict[str, Client], path: str, data: dict[str, Any] | None = None) -> dict[str, set[str]]:
    """What the answer to one request says in each language."""
    told = {}
    for language, reader in readers.items():
        cache.clear()
        answer = reader.post(path, data, follow=True) if data is not None else reader.get(path, follow=True)
        assert answer.status_code in (200, 401), (path, answer.status_code)
        assert "reauthenticate" in path or "reauthenticate" not in answer.request["PATH_INFO"], path
        told[language] = Reading(answer.content.decode()).words
        assert told[language], path
    return told


def signed_in(people: People) -> dict[str, Client]:
    """Clients that have shown their password just now."""
    readers = {name: people.client(Role.RESEARCHER, language=name, HTTP_USER_AGENT="Firefox") for name in ALL}
    for reader in readers.values():
        assert reader.post("/account/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return readers


STRANGERS = [
    ("/account/login/", None),
    ("/account/login/", {}),
    ("/account/login/", {"login": ADDRESS, "password": "wrong"}),
    ("/account/signup/", None),
    ("/account/signup/", {}),
    ("/account/signup/", SHORT),
    ("/account/signup/", {"email": "nonsense", "password1": PASSWORD, "password2": "another"}),
    ("/account/password/reset/", None),
    ("/account/password/reset/", {"email": ""}),
    ("/account/password/reset/", {"email": ADDRESS}),
    ("/account/password/reset/key/1-nonsense/", None),
    ("/account/inactive/", None),
    ("/account/3rdparty/login/cancelled/", None),
    ("/account/3rdparty/login/error/", None),
]


def test_strangers_read_one_language(portal: Home) -> None:
    readers = {language: anonymous(language) for language in ALL}
    seen = set()
    for path, data in STRANGERS:
        told = read_in_all(readers, path, data)
        assert_no_language_is_mixed(told, path)
        seen |= told["en"]
    assert seen >= {
        "This field is required",
        "The email address and/or password you specified are not correct",
        "This password is too short. It must contain at least 12 characters",
        "You must type the same password each time",
        "Enter a valid email address",
    }


OWN = [
    ("/account/logout/", None),
    ("/account/email/", None),
    ("/account/email/", {"action_add": "", "email": "nonsense"}),
    ("/account/email/", {"action_remove": "", "email": "researcher@example.org"}),
    ("/account/email/", {"action_primary": "", "email": "researcher@example.org"}),
    ("/account/password/change/", None),
    ("/account/password/change/", {"oldpassword": "wrong", "password1": "1234", "password2": "12"}),
    ("/account/password/change/", {"oldpassword": PASSWORD, "password1": PASSWORD, "password2": PASSWORD}),
    ("/account/2fa/", None),
    ("/account/2fa/totp/activate/", None),
    ("/account/2fa/totp/activate/", {"code": "000000"}),
    ("/account/2fa/totp/activate/", {}),
    ("/account/2fa/webauthn/add/", None),
    ("/account/sessions/", None),
    ("/account/3rdparty/", None),
    ("/account/reauthenticate/", None),
    ("/account/reauthenticate/", {"password": "wrong"}),
]


def test_people_read_one_language(portal: Home, people: People) -> None:
    readers = signed_in(people)
    seen = set()
    for path, data in OWN:
        told = read_in_all(readers, path, data)
        assert_no_language_is_mixed(told, path)
        seen |= told["en"]
    assert seen >= {"Incorrect code", "Incorrect password", "Please type your current password"}


WITH_FACTORS = [
    ("/account/2fa/", None),
    ("/account/2fa/totp/deactivate/", None),
    ("/account/2fa/recovery-codes/", None),
    ("/account/2fa/recovery-codes/generate/", None),
    ("/account/2fa/recovery-codes/generate/", {}),
    ("/account/2fa/webauthn/", None),
    ("/account/2fa/reauthenticate/", None),
    ("/account/2fa/reauthenticate/", {"code": "000000"}),
    ("/account/sessions/", None),
]


def test_pages_of_second_factors_are_in_one_language(portal: Home, people: People) -> None:
    add_factors(people)
    readers = signed_in(people)
    for path, data in WITH_FACTORS:
        assert_no_language_is_mixed(read_in_all(readers, path, data), path)


def test_a_wrong_code_is_told_in_one_language(portal: Home, people: People) -> None:
    TOTP.activate(people.person(Role.RESEARCHER), "A" * 32)
    readers = {language: anonymous(language) for language in ALL}
    for reader in readers.values():
        reader.post("/account/login/", {"login": "researcher@example.org", "password": PASSWORD})
    told = read_in_all(readers, "/account/2fa/authenticate/", {"code": "000000"})
    assert "Incorrect code" in told["en"]
    assert "ⵓⵔ ⵜⵖⵉⵏ ⵜⵏⴳⴰⵍⵜ" in told["zgh"]
    assert_no_language_is_mixed(told)


def add_factors(people: People) -> None:
    person = people.person(Role.RESEARCHER)
    TOTP.activate(person, "A" * 32)
    RecoveryCodes.activate(person)
    key = Authenticator.objects.create(
        user=person, type=Authenticator.Type.WEBAUTHN, data={"name": "K-1", "credential": {}}
    )
    key.record_usage()
    UserSession.objects.create(
        user=person, ip="127.0.0.1", user_agent="Firefox", session_key="other", created_at=clock.now()
    )


LETTERS = [
    ("/account/password/reset/", {"email": ADDRESS}),
    ("/account/password/reset/", {"email": "researcher@example.org"}),
    ("/account/signup/", {"email": "researcher@example.org", "password1": PASSWORD, "password2": PASSWORD}),
    ("/account/signup/", {"email": "new-{}@example.org", "password1": PASSWORD, "password2": PASSWORD}),
]


@pytest.mark.parametrize(("path", "data"), LETTERS)
def test_letters_are_in_one_language(portal: Home, people: People, path: str, data: dict[str, str]) -> None:
    people.person(Role.RESEARCHER)
    told = {}
    for language in ALL:
        cache.clear()
        mail.outbox.clear()
        answer = anonymous(language).post(path, {name: value.format(language) for name, value in data.items()})
        assert answer.status_code == 302
        [letter] = mail.outbox
        lines = {line.strip() for line in [letter.subject, *str(letter.body).splitlines()]}
        told[language] = {line for line in lines if any(map(str.isalpha, line)) and "http" not in line}
        told[language] -= {line for line in lines if len(line.split()) == 1}  # a code or an address
    assert_no_language_is_mixed(told)


def test_a_form_from_elsewhere_is_refused_on_a_page_of_ours(portal: Home) -> None:
    told = {}
    for language in ALL:
        answer = Client(headers={"accept-language": language}, enforce_csrf_checks=True).post("/account/login/", {})
        assert answer.status_code == 403
        told[language] = Reading(answer.content.decode()).words
    assert "This form was not accepted" in told["en"]
    assert_no_language_is_mixed(told)
