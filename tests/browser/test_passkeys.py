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
from tests.browser.looking import Looker, axe_says, look_in_every_language
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
        look_in_every_language(window, look.namespace)
        page = window.open("/account/2fa/webauthn/")
        page.get_by_text("Phone").wait_for()
        look_in_every_language(window, look.namespace)
        for action in ("edit", "remove"):
            page.locator(f"main a[href$='/{action}/']").first.click()
            page.wait_for_url(f"**/{action}/")
            look_in_every_language(window, look.namespace)
            page.go_back()
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
        for path in ("", "reauthenticate/", "recovery-codes/", "recovery-codes/generate/", "totp/deactivate/"):
            window.open(f"/account/2fa/{path}")
            look_in_every_language(window, look.namespace)
        page.locator(".wide").get_by_role("button", name="Sign out").click()
        window.open("/account/login/")
        page.locator("#id_login").fill(address(Role.BOARD))
        page.locator("#id_password").fill(PASSWORD)
        page.locator("main form button").first.click()
        page.wait_for_url("**/2fa/authenticate/")
        look_in_every_language(window, look.namespace)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_account_is_made_with_a_code_from_the_mail(look: Looker, home: Home, scripts: bool):
    email = "nouvelle@example.org" if scripts else "autre@example.org"
    with look.window("fr", java_script_enabled=scripts) as window:
        page = window.page
        page.goto(window.origin + "/account/signup/")
        page.locator("#id_email").fill(email)
        page.locator("#id_password1").fill(PASSWORD)
        page.locator("#id_password2").fill(PASSWORD)
        page.locator("main form button").first.click()
        code = until(lambda: mailed_code(home.path / "mail", email), "a mail with a code")
        if scripts:
            look_in_every_language(window, look.namespace)
        page.locator("#id_code").fill(code)
        page.locator("main form button").first.click()
        expect(page.locator(".wide nav bdi")).to_have_text(email)


def code_of(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    assert time.time() > counter
    return format_hotp_value(hotp_value(secret, counter))


def mailed_code(folder: Path, email: str) -> str:
    for file in folder.glob("*.log"):
        text = file.read_text(encoding="utf-8")
        if email in text and (found := re.search(r"^\s*([A-Z0-9]{4,}(?:-[A-Z0-9]{2,})?)\s*$", text, re.MULTILINE)):
            return found[1]
    return ""
