"""The pages of an institute's gateway; in its playground an answer appears word by word, as the portal serves it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from jazari.accounts.rules import Role
from jazari.testing.commands import REPOSITORY
from tests.browser.looking import LANGUAGES, Looker, axe_says, look_in_every_language, look_whole
from tests.browser.pages import OF_A_GATEWAY, Visit
from tests.browser.passkeys import portal_of_a_new_home

pytestmark = pytest.mark.browser
BEGIN, END = "Al-Jazari built", "so that others could build them again."
PATIENCE_MS = 60_000


@dataclass
class Gateway:
    """Windows on its portal, and what addresses there are made of."""

    looker: Looker
    key: str
    call: str


@pytest.fixture(scope="module")
def gateway(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A portal whose gateway has cards, calls, a playground and a model that speaks slowly."""
    with portal_of_a_new_home(tmp_path_factory.mktemp("gateway") / "rabat") as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.gateway_home", str(home.path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            made = json.loads(process.stdout.readline())
            origin = f"http://localhost:{home.config.portal_port}"
            yield Gateway(Looker(browser, origin, home.namespace, made["sessions"]), made["key"], made["call"])
        finally:
            process.stdin.close()
            process.wait(20)


def test_an_answer_appears_word_by_word_and_leads_to_its_receipt(gateway: Gateway):
    with gateway.looker.window("fr", Role.MEMBER) as window:
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
        page.wait_for_url("**/playground/receipts/*/")
        look_in_every_language(window, gateway.looker.namespace)


def test_without_a_script_the_answer_comes_with_the_page(gateway: Gateway):
    with gateway.looker.window("fr", Role.MEMBER, java_script_enabled=False) as window:
        page = window.page
        page.goto(window.origin + "/gateway/playground/")
        page.locator("#id_question").fill("Qui a construit des horloges à eau ?")
        page.locator("#playground button[type=submit]").click()
        expect(page.locator("#conversation li:nth-child(2) .said")).to_contain_text(BEGIN, timeout=PATIENCE_MS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("visit", OF_A_GATEWAY, ids=lambda visit: visit.path)
def test_a_page_of_the_gateway_is_whole_in_every_language(gateway: Gateway, visit: Visit, language: str):
    with gateway.looker.tab(language, visit.role) as window:
        window.open(visit.path.format(key=gateway.key, call=gateway.call), visit.status)
        look_whole(window, language)
