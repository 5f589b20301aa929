"""The frame around every page: letters, weight, keyboard, the menu, and life without JavaScript."""

from __future__ import annotations

import gzip
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Response, expect

from jazari.accounts.rules import Role
from jazari.testing.pages import PASSWORD
from tests.browser.looking import LANGUAGES, NARROW, Looker, fonts_of
from tests.browser.people import address

pytestmark = pytest.mark.browser
LETTERS = {"fr": "Noto Sans", "en": "Noto Sans", "ar": "Noto Kufi Arabic", "zgh": "Noto Sans Tifinagh"}
MOST_BYTES = 100_000
ONLY_TEXT = {"text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"}


@pytest.mark.parametrize(("language", "family"), LETTERS.items())
def test_each_script_is_drawn_with_our_own_letters(look: Looker, language: str, family: str):
    with look.window(language) as window:
        page = window.open("/")
        assert fonts_of(page, ".brand span") == {family: True}
        for chosen, (code, own) in enumerate(LETTERS.items(), start=0):
            used = fonts_of(page, f".wide .languages [value={code}]")
            assert used == {own: True}, f"the name of {code}, number {chosen}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_loads_only_the_letters_it_uses(look: Looker, language: str):
    with look.window(language) as window:
        page = window.open("/account/login/")
        loaded = page.evaluate(
            "[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family.replaceAll('\"', ''))"
        )
        assert ("Noto Kufi Arabic" in loaded) == (language == "ar")
        assert ("Noto Sans Tifinagh" in loaded) == (language == "zgh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_page_weighs_at_most_a_hundred_kilobytes(look: Looker, language: str):
    answers: list[Response] = []
    with look.window(language) as window:
        window.page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  Playwright marks it
        window.open("/")
        weights = {urlsplit(answer.url).path: over_the_wire(answer) for answer in answers}
    assert sum(weights.values()) <= MOST_BYTES, weights


def over_the_wire(answer: Response) -> int:
    """Bytes of the body, text compressed as the portal's proxy or the portal itself sends it."""
    body = answer.body()
    text = answer.headers.get("content-type", "").partition(";")[0] in ONLY_TEXT
    return len(gzip.compress(body, 6)) if text else len(body)


def test_the_first_key_leads_past_the_navigation(look: Looker):
    with look.window("fr") as window:
        page = window.open("/account/login/")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('main').contains(document.activeElement)")


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_the_keyboard_goes_through_the_page_in_the_order_of_reading(look: Looker, language: str):
    with look.window(language) as window:
        page = window.open("/account/login/")
        tops, seen = [], []
        for _ in range(14):
            page.keyboard.press("Tab")
            box = page.evaluate(
                "(e => [e.className + e.id + e.name, e.getBoundingClientRect().top])(document.activeElement)"
            )
            seen.append(box[0])
            tops.append(box[1])
        assert tops[1:11] == sorted(tops[1:11]), seen
        assert seen.index("id_loginlogin") < seen.index("id_passwordpassword")


def test_where_the_keyboard_is_shows(look: Looker):
    with look.window("fr") as window:
        page = window.open("/account/login/")
        for _ in range(8):
            page.keyboard.press("Tab")
            style = page.evaluate(
                "(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))"
            )
            assert style[0] == "solid"
            assert style[1] >= 2


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_menu_of_a_narrow_screen_opens_by_keyboard(look: Looker, scripts: bool):
    with look.window("en", viewport=NARROW, java_script_enabled=scripts) as window:
        page = window.open("/") if scripts else _go(window, "/")
        link = page.locator(".narrow").get_by_role("link", name="Sign in")
        expect(link).to_be_hidden()
        page.locator(".narrow > summary").focus()
        page.keyboard.press("Enter")
        expect(link).to_be_visible()
        page.locator(".narrow").get_by_role("button", name="Français").click()
        expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_what_is_printed_is_the_content_in_black_on_white(look: Looker):
    with look.window("fr", color_scheme="dark") as window:
        page = window.open("/catalogue/")
        expect(page.locator("footer.frame")).to_be_visible()
        page.emulate_media(media="print", color_scheme="dark")
        expect(page.locator("h1")).to_be_visible()
        for left_out in page.locator("footer.frame, header.frame nav, .languages").all():
            expect(left_out).to_be_hidden()
        ink = page.evaluate("getComputedStyle(document.body).color")
        paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")


def test_sign_in_and_out_work_without_javascript(look: Looker):
    with look.window("en", java_script_enabled=False) as window:
        page = _go(window, "/account/login/")
        page.locator("#id_login").fill(address(Role.TRAINER))
        page.locator("#id_password").fill("wrong, and long enough")
        page.locator("main form button").first.click()
        expect(page.locator("form .problems[role=alert]")).to_be_visible()
        page.locator("#id_password").fill(PASSWORD)
        page.locator("main form button").first.click()
        expect(page.locator(".wide nav bdi")).to_have_text(address(Role.TRAINER))
        page.locator(".wide").get_by_role("button", name="Sign out").click()
        expect(page.locator(".wide").get_by_role("link", name="Sign in")).to_be_visible()


def test_every_target_is_at_least_24_pixels_high(look: Looker):
    with look.window("ar", Role.MEMBER) as window:
        page = window.open("/account/2fa/")
        low = page.evaluate(
            """[...document.querySelectorAll('a, button, input, select, summary')]
            .filter(e => e.checkVisibility() && !e.closest('p, li > span'))
            .filter(e => e.type !== 'hidden' && e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"""
        )
        assert low == []


def _go(window, path: str):
    window.page.goto(window.origin + path)
    return window.page
