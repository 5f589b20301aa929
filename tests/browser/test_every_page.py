"""Every page of ``pages.VISITS`` in every language, light and dark: axe-core, errors, fonts, 320 pixels, pictures."""

from __future__ import annotations

import pytest

from tests.browser.looking import LANGUAGES, Looker, look_whole
from tests.browser.pages import VISITS, Visit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
def test_a_page_is_whole_in_every_language_light_and_dark(look: Looker, visit: Visit, language: str, scheme: str):
    with look.window(language, visit.role, color_scheme=scheme) as window:
        window.open(visit.path, visit.status)
        look_whole(window, language, scheme, visit.name)
