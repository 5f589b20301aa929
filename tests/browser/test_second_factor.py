"""A passkey is added to an account and then opens it, in a real browser with a virtual authenticator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from jazari.settings.home import Home
from jazari.testing.commands import Commands
from jazari.testing.pages import PASSWORD
from tests.browser import passkeys
from tests.browser.looking import Window, look_in_every_language

pytestmark = pytest.mark.browser
EMAIL = "amina@example.org"


def invited(home: Home, *roles: str) -> str:
    options = [word for role in roles for word in ("--role", role)]
    return str(Commands({"JAZARI_HOME": str(home.path)}).run("people", "invite", *options, EMAIL)["link"])


def sign_in(page: Any, origin: str) -> None:
    page.goto(f"{origin}/account/login/")
    page.fill("input[name=login]", EMAIL)
    page.fill("input[name=password]", PASSWORD)
    page.click("form:has(input[name=login]) button[type=submit]")
    page.wait_for_url(f"{origin}/")


def test_a_passkey_is_added_and_opens_what_a_password_alone_does_not(tmp_path: Path, browser: Browser) -> None:
    with passkeys.portal_of_a_new_home(tmp_path / "home") as home:
        origin = f"http://localhost:{home.config.portal_port}"
        window = Window(browser.new_context(locale="en-GB").new_page(), origin)
        page = window.page
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if "inline script" in message.text else None)
        authenticator = passkeys.add_authenticator(page)
        page.goto(invited(home, "operator"))
        look_in_every_language(window, home.namespace)
        for name in ("password", "again"):
            page.fill(f"input[name={name}]", PASSWORD)
        page.click("main form button[type=submit]")
        sign_in(page, origin)
        page.goto(f"{origin}/account/people/")
        assert "/account/second-factor/" in page.url

        page.goto(f"{origin}/account/2fa/webauthn/add/")
        page.fill("input[name=password]", PASSWORD)
        page.click("main form button[type=submit]")
        page.wait_for_url(re.compile("/webauthn/add/"))
        page.fill("input[name=name]", "Test key")
        page.check("input[name=passwordless]")
        page.click("#mfa_webauthn_add")
        page.wait_for_url(re.compile("recovery-codes|/webauthn/$"))

        page.context.clear_cookies()
        page.goto(f"{origin}/account/login/?next=/account/people/")
        page.click("#passkey_login")
        page.wait_for_url(f"{origin}/account/people/")
        assert EMAIL in page.inner_text("main")

        page.context.clear_cookies()
        authenticator.send("WebAuthn.disable")
        page.goto(f"{origin}/account/people/")
        assert "/account/login/" in page.url
        assert problems == []
