"""Every page of ``pages.VISITS`` in every language, light and dark: axe-core, errors, fonts, 320 pixels, pictures."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.looking import LANGUAGES, NARROW, SCREENSHOTS, WIDE, Looker, axe_says
from tests.browser.pages import VISITS, Visit

LOOKED_AT = {("light", "wide"), ("dark", "narrow")}
"""Where axe-core looks: at both colour schemes and at both widths; it takes as long as all the rest."""

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
def test_a_page_is_whole_in_every_language_light_and_dark(look: Looker, visit: Visit, language: str, scheme: str):
    with look.window(language, visit.role, color_scheme=scheme) as window:
        page = window.open(visit.path, visit.status)
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
        assert page.locator("h1").count() == 1
        for name, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)
            picture(page, f"{visit.name}-{language}-{name}-{scheme}")
            assert window.sideways() == 0, f"{name}: the page scrolls sideways"
            if (scheme, name) in LOOKED_AT:
                assert axe_says(page) == []


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
