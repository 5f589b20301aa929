"""The playground in a browser: an answer appears word by word, from a gateway through the portal's real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from jazari.accounts.rules import Role
from jazari.testing.commands import REPOSITORY
from tests.browser.looking import LANGUAGES, Looker, axe_says, look_whole
from tests.browser.passkeys import portal_of_a_new_home

pytestmark = pytest.mark.browser
BEGIN, END = "Al-Jazari built", "so that others could build them again."
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def playground(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looker]:
    """Windows on a portal whose gateway has a playground and a model that speaks slowly."""
    with portal_of_a_new_home(tmp_path_factory.mktemp("playground") / "rabat") as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.playground_gateway", str(home.path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            sessions = json.loads(process.stdout.readline())
            yield Looker(browser, f"http://localhost:{home.config.portal_port}", home.namespace, sessions)
        finally:
            process.stdin.close()
            process.wait(20)


def test_an_answer_appears_word_by_word_and_leads_to_its_receipt(playground: Looker):
    with playground.window("fr", Role.MEMBER) as window:
        page = window.open("/gateway/playground/")
        page.locator("#id_question").fill("Qui a construit des horloges à eau ?")
        page.locator("#playground button[type=submit]").click()
        answer, receipt = page.locator("#conversation li:nth-child(2) .said"), page.locator("#conversation a")
        expect(answer).to_contain_text(BEGIN, timeout=PATIENCE_MS)
        assert END not in answer.inner_text(), "the answer came at once: nothing was streamed"
        assert receipt.count() == 0
        expect(receipt).to_be_visible(timeout=PATIENCE_MS)
        assert answer.inner_text().startswith(BEGIN)
        assert axe_says(page) == []
        receipt.click()
        expect(page.locator("h1")).to_be_visible()
        assert axe_says(page) == []


def test_without_a_script_the_answer_comes_with_the_page(playground: Looker):
    with playground.window("fr", Role.MEMBER, java_script_enabled=False) as window:
        page = window.page
        page.goto(window.origin + "/gateway/playground/")
        page.locator("#id_question").fill("Qui a construit des horloges à eau ?")
        page.locator("#playground button[type=submit]").click()
        expect(page.locator("#conversation li:nth-child(2) .said")).to_contain_text(BEGIN, timeout=PATIENCE_MS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_playground_is_whole_in_every_language(playground: Looker, language: str):
    with playground.window(language, Role.MEMBER) as window:
        window.open("/gateway/playground/")
        look_whole(window, language, "light")
