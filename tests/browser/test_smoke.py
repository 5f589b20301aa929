"""In the default tests: the portal's process serves a page that a real browser shows without a fault."""

from __future__ import annotations

from tests.browser.looking import Looker, axe_says


def test_the_home_page_shows_without_a_fault_in_a_real_browser(look: Looker):
    with look.window("ar") as window:
        page = window.open("/")
        assert page.locator("html").get_attribute("dir") == "rtl"
        assert axe_says(page) == []
