"""A passkey made and used with Chromium's virtual authenticator; an authenticator app; codes by mail."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import expect

from jazari.accounts.rules import Role
from jazari.settings.home import Home
from jazari.testing.pages import PASSWORD
from jazari.testing.waiting import until
from tests.browser.looking import Looker, axe_says
from tests.browser.passkeys import add_authenticator
from tests.browser.people import address

pytestmark = pytest.mark.browser


def test_a_passkey_is_made_and_opens_the_account(look: Looker):
    with look.window("en", Role.AUDITOR) as window:
        add_authenticator(window.page)
        page = window.open("/account/2fa/webauthn/add/")
        page.locator("#id_name").fill("Phone")
        page.locator("#id_passwordless").check()
        page.locator("#mfa_webauthn_add").click()
        page.wait_for_url(lambda url: not url.endswith("/add/"))
        assert axe_says(page) == []
        window.open("/account/2fa/webauthn/").get_by_text("Phone").wait_for()
        assert axe_says(page) == []
        page.locator(".wide").get_by_role("button", name="Sign out").click()
        page = window.open("/account/login/")
        page.locator("#passkey_login").click()
        expect(page.locator(".wide nav bdi")).to_have_text(address(Role.AUDITOR))


def test_a_passkey_that_is_not_given_is_said_in_a_sentence(look: Looker):
    with look.window("en") as window:
        page = window.open("/account/login/")
        page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new Error('refused')) }")
        page.locator("#passkey_login").click()
        expect(page.locator("#passkey-problem")).to_be_visible()
        assert axe_says(page) == []


def test_an_authenticator_app_is_set_up_and_asked_for(look: Looker):
    with look.window("en", Role.BOARD) as window:
        page = window.open("/account/2fa/totp/activate/")
        secret = page.locator("#authenticator_secret").input_value()
        page.locator("#id_code").fill(code_of(secret))
        page.locator("main form button").first.click()
        page.wait_for_url(lambda url: not url.endswith("/activate/"))
        for path in ("/account/2fa/", "/account/2fa/recovery-codes/", "/account/2fa/totp/deactivate/"):
            window.open(path)
            assert axe_says(page) == []
        page.locator(".wide").get_by_role("button", name="Sign out").click()
        window.open("/account/login/")
        page.locator("#id_login").fill(address(Role.BOARD))
        page.locator("#id_password").fill(PASSWORD)
        page.locator("main form button").first.click()
        page.wait_for_url("**/2fa/authenticate/")
        assert axe_says(page) == []


def test_an_account_is_made_with_a_code_from_the_mail(look: Looker, home: Home):
    with look.window("fr", java_script_enabled=False) as window:
        page = window.page
        page.goto(window.origin + "/account/signup/")
        page.locator("#id_email").fill("nouvelle@example.org")
        page.locator("#id_password1").fill(PASSWORD)
        page.locator("#id_password2").fill(PASSWORD)
        page.locator("main form button").first.click()
        page.locator("#id_code").fill(until(lambda: mailed_code(home.path / "mail"), "a mail with a code"))
        page.locator("main form button").first.click()
        expect(page.locator(".wide nav bdi")).to_have_text("nouvelle@example.org")


def code_of(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    assert time.time() > counter
    return format_hotp_value(hotp_value(secret, counter))


def mailed_code(folder: Path) -> str:
    for file in folder.glob("*.log"):
        if found := re.search(
            r"^\s*([A-Z0-9]{4,}(?:-[A-Z0-9]{2,})?)\s*$", file.read_text(encoding="utf-8"), re.MULTILINE
        ):
            return found[1]
    return ""
