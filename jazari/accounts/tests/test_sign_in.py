"""Sign-in, sign-up and reset: what strangers can learn and try, and which sessions a change ends."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse

from jazari.accounts.adapters import AccountAdapter, MFAAdapter
from jazari.accounts.limits import client_address
from jazari.accounts.models import Person
from jazari.accounts.rules import Role
from jazari.settings.home import Home
from jazari.testing.pages import PASSWORD, People, anonymous

pytestmark = pytest.mark.usefixtures("portal")
KNOWN, NEW = "known@example.org", "new@example.org"
ANOTHER = "another long pass-phrase"


@pytest.fixture
def known(portal: Home, people: People) -> Person:
    return people.person(Role.MEMBER, email=KNOWN)


def sign_in(client: Client, email: str = KNOWN, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password}, **extra)


def without_what_was_typed(page: Any) -> str:
    text = page.content.decode()
    for varying in (KNOWN, NEW):
        text = text.replace(varying, "ADDRESS")
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text)


def test_an_account_opens_after_the_code_that_was_sent_to_its_address() -> None:
    client = anonymous()
    client.post(reverse("account_signup"), {"email": NEW, "password1": PASSWORD, "password2": PASSWORD})
    assert client.get(reverse("accounts:mine")).status_code == 302
    code = re.search(r"^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", mail.outbox[0].body, re.MULTILINE)
    assert code, mail.outbox[0].body
    assert "Institut de Rabat" in mail.outbox[0].body
    client.post(reverse("account_email_verification_sent"), {"code": code[1]})
    assert client.get(reverse("accounts:mine")).status_code == 200
    assert Person.objects.get(email=NEW).grants.count() == 0


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("account_signup", {"email": "", "password1": PASSWORD, "password2": PASSWORD}),
        ("account_reset_password", {"email": ""}),
        ("account_login", {"login": "", "password": "not the password of anybody"}),
    ],
)
@pytest.mark.usefixtures("known")
def test_nobody_learns_whether_an_address_has_an_account(page: str, fields: dict[str, str]) -> None:
    def answer(email: str) -> tuple[Any, ...]:
        mail.outbox.clear()
        client = anonymous()
        filled = {name: value or email for name, value in fields.items()}
        first = client.post(reverse(page), filled)
        last = client.get(first["Location"]) if first.status_code == 302 else first
        return first.status_code, first.get("Location"), without_what_was_typed(last), len(mail.outbox)

    assert answer(KNOWN) == answer(NEW)


@pytest.mark.parametrize("page", ["account_signup", "account_login"])
@pytest.mark.usefixtures("known")
def test_a_password_is_hashed_whether_or_not_the_address_has_an_account(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    hasher = type(hashers.get_hasher())
    encode = hasher.encode
    monkeypatch.setattr(hasher, "encode", lambda *given: hashed.append("") or encode(*given))

    def work(email: str) -> int:
        hashed.clear()
        fields = {"email": email, "login": email, "password": ANOTHER, "password1": ANOTHER, "password2": ANOTHER}
        anonymous().post(reverse(page), fields)
        return len(hashed)

    assert work(KNOWN) == work(NEW) > 0


@pytest.mark.usefixtures("known")
def test_an_address_can_be_tried_five_times_from_anywhere_and_then_not_even_rightly() -> None:
    for number in range(5):
        sign_in(anonymous(), password="wrong", REMOTE_ADDR=f"192.0.2.{number}")
    client = anonymous()
    sign_in(client, REMOTE_ADDR="192.0.2.99")
    assert client.get(reverse("accounts:mine")).status_code == 302
    assert sign_in(anonymous(), NEW, REMOTE_ADDR="192.0.2.99").status_code == 200


def test_one_caller_can_try_sign_up_and_reset_only_so_often() -> None:
    for page, limit in (("account_signup", 10), ("account_reset_password", 10)):
        answers = [
            anonymous().post(reverse(page), {"email": f"a{n}@example.org"}).status_code for n in range(limit + 1)
        ]
        assert answers[-1] == 429
        assert 429 not in answers[:-1]


def test_too_many_entries_of_strangers_do_not_push_out_what_was_counted() -> None:
    from django.core.cache import cache

    cache.set("counted", 1)
    for number in range(5_000):
        cache.set(f"noise-{number}", 1)
    assert cache.get("counted") == 1


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        (2, "1.1.1.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "no address", "192.0.2.1"),
        (1, None, "192.0.2.1"),
    ],
)
def test_what_a_caller_writes_about_its_address_counts_for_nothing(
    settings: Any, proxies: int, header: str | None, expected: str
) -> None:
    settings.PORTAL_PROXIES = proxies
    headers = {"x-forwarded-for": header} if header is not None else {}
    request = RequestFactory(headers=headers).get("/", REMOTE_ADDR="192.0.2.1")
    assert client_address(request) == AccountAdapter().get_client_ip(request) == expected


@pytest.mark.usefixtures("known")
def test_a_new_password_ends_the_other_sessions() -> None:
    here, elsewhere = anonymous(), anonymous()
    for client in (here, elsewhere):
        sign_in(client)
    fields = {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER}
    assert here.post(reverse("account_change_password"), fields).status_code == 302
    assert here.get(reverse("accounts:mine")).status_code == 200
    assert elsewhere.get(reverse("accounts:mine")).status_code == 302
    assert any("password" in letter.body.lower() for letter in mail.outbox)


@pytest.mark.usefixtures("known")
def test_sessions_are_listed_and_ended_everywhere() -> None:
    here, elsewhere = anonymous(), anonymous()
    for client in (here, elsewhere):
        sign_in(client, HTTP_USER_AGENT="A browser")
    assert here.get(reverse("usersessions_list"), HTTP_USER_AGENT="A browser").content.decode().count("A browser") == 2
    assert here.get(reverse("accounts:sign-out-everywhere")).status_code == 405
    here.post(reverse("accounts:sign-out-everywhere"))
    for client in (here, elsewhere):
        assert client.get(reverse("accounts:mine")).status_code == 302


def test_a_deactivated_person_cannot_sign_in(known: Person) -> None:
    Person.objects.filter(pk=known.pk).update(is_active=False)
    client = anonymous()
    sign_in(client)
    assert client.get(reverse("accounts:mine")).status_code == 302


def test_secrets_of_second_factors_are_not_in_the_database_in_clear() -> None:
    kept = MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in kept
    assert MFAAdapter().decrypt(kept) == "JBSWY3DPEHPK3PXP"


@pytest.mark.usefixtures("known")
def test_an_authenticator_app_is_added_and_then_asked_for() -> None:
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

    def code(secret: str, later: int = 0) -> str:
        return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())) + later))

    client = anonymous()
    sign_in(client)
    asked = client.get(reverse("mfa_activate_totp"))
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    assert page.status_code == 200, page["Location"]
    secret = page.context["form"].secret
    assert client.post(reverse("mfa_activate_totp"), {"code": code(secret)}).status_code == 302
    assert secret not in str(Authenticator.objects.values_list("data", flat=True))
    assert Authenticator.objects.filter(type="recovery_codes").exists()
    other = anonymous()
    assert sign_in(other)["Location"].startswith(reverse("mfa_authenticate"))
    assert other.get(reverse("accounts:mine")).status_code == 302
    other.post(reverse("mfa_authenticate"), {"code": code(secret, later=1)})
    assert other.get(reverse("accounts:mine")).status_code == 200


def test_every_page_of_sign_in_has_our_frame_and_nothing_inline(known: Person) -> None:
    client = anonymous()
    client.force_login(known)
    pages = [anonymous().get(reverse(name)) for name in ("account_login", "account_signup", "account_reset_password")]
    pages += [client.get(reverse(name)) for name in ("account_email", "mfa_index", "usersessions_list")]
    for page in pages:
        text = page.content.decode()
        assert page.status_code == 200
        assert 'id="main"' in text
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text)
        assert not re.search(r"/static/(account|mfa)/", text)


@pytest.mark.parametrize("path", ["/identity/o/device", "/identity/o/api/device/code"])
def test_no_device_without_a_browser_signs_in(people: People, path: str) -> None:
    client = people.client(Role.MEMBER)
    assert client.get(path).status_code == client.post(path, {"client_id": "x"}).status_code == 404


def test_a_letter_does_not_stand_in_for_a_password(people: People) -> None:
    client = people.client(Role.MEMBER, second_factor=False)
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(reverse("account_reauthenticate"))
    assert "code" not in client.get(reverse("account_reauthenticate")).content.decode().partition("<main")[2]
    assert client.post(reverse("account_request_reauthentication_code")).status_code in (302, 403)
    assert mail.outbox == []
