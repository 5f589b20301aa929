"""The frame of all pages: who may open what, in which language, with which headers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.urls import reverse

from jazari.accounts.rules import Role
from jazari.settings.home import Home
from jazari.testing.pages import People, anonymous

PACKAGE = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("portal")


def test_anybody_may_read_the_home_page_in_the_language_of_the_browser() -> None:
    page = anonymous("ar").get("/")
    assert page.status_code == 200
    assert '<html lang="ar" dir="rtl">' in page.content.decode()


def test_french_is_spoken_to_who_asks_for_none_of_the_four() -> None:
    assert '<html lang="fr" dir="ltr">' in anonymous("de").get("/").content.decode()


def test_a_chosen_language_is_kept_by_this_browser() -> None:
    client = anonymous("fr")
    client.post(reverse("portal:language"), {"language": "zgh", "next": "/"})
    assert '<html lang="zgh" dir="ltr">' in client.get("/").content.decode()


def test_the_choice_of_a_language_leads_to_no_other_site() -> None:
    answer = anonymous().post(reverse("portal:language"), {"language": "fr", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/"


def test_nothing_inline_is_run_and_nobody_may_frame_the_page() -> None:
    page = anonymous().get("/")
    assert "script-src" not in page["Content-Security-Policy"]
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


def test_a_page_of_an_account_asks_for_sign_in(people: People) -> None:
    asked = anonymous().get(reverse("accounts:mine"))
    assert asked.status_code == 302
    assert asked["Location"].startswith(reverse("account_login"))
    assert people.client(Role.MEMBER).get(reverse("accounts:mine")).status_code == 200


def test_every_table_stands_in_a_box_in_which_it_scrolls() -> None:
    templates = {path: path.read_text() for path in PACKAGE.rglob("*.html")}
    bare = [path.name for path, text in templates.items() if "<table" in text.replace("{% wide_table %}<table", "")]
    assert any("<table" in text for text in templates.values())
    assert bare == []


def test_no_slice_hides_the_template_of_another() -> None:
    names = [path.relative_to(folder) for folder in PACKAGE.glob("*/templates") for path in folder.rglob("*.*")]
    assert len(names) == len(set(names)) > 100


def test_a_node_without_titles_is_called_by_its_namespace(portal: Home) -> None:
    portal.write(replace(portal.config, titles={}))
    page = anonymous().get("/").content.decode()
    assert "<span>rabat</span></a>" in page
