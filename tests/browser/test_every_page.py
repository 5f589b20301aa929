"""Pages that show without anything having happened before, in every language: see ``pages``."""

from __future__ import annotations

import pytest

from tests.browser.looking import LANGUAGES, Looker, look_whole
from tests.browser.pages import VISITS, Visit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.path)
def test_a_page_is_whole_in_every_language(look: Looker, visit: Visit, language: str):
    with look.tab(language, visit.role) as window:
        page = window.open(visit.path, visit.status)
        assert page.url == look.origin + visit.path, "it sent us elsewhere"
        look_whole(window, language)
