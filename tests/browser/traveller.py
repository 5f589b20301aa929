"""Somebody who walks through a portal in French, as the tutorial tells; each page on the way is looked at.

What is pressed is named by its English text, as the tutorial names it; the page must have it in French.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext, override, pgettext
from playwright.sync_api import Browser, Locator, Page, expect

from jazari.nodes.demo.portals import MadeUpPerson
from tests.browser.looking import Window, look_in_every_language
from tests.browser.passkeys import add_authenticator

PICTURES = Path(__file__).parents[2] / "build" / "tutorial"
VIEW = {"width": 1000, "height": 740}
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 1.0
ROOT = "network"
"""The Root's own namespace, by which its cookies are called."""


def french(words: str, context: str = "") -> str:
    """What a French page says for ``words``, which may mean several things without their ``context``."""
    with override("fr"):
        return pgettext(context, words) if context else gettext(words)


@dataclass
class Traveller:
    """A made-up person of the demo before a browser that speaks French.

    ``looks``: whether pages are looked at; somebody who opens the same pages as another before need not.
    """

    person: MadeUpPerson
    window: Window
    looks: bool = True

    @property
    def page(self) -> Page:
        """The page that is open."""
        return self.window.page

    def go(self, path: str) -> None:
        """Open a page by its address."""
        self.window.open(path)

    def found(self, words: str, place: str = "main") -> Locator:
        """The button or link called ``words`` that shows in ``place``."""
        name, within = french(words), self.page.locator(place)
        return within.get_by_role("button", name=name, exact=True).or_(
            within.get_by_role("link", name=name, exact=True)
        )

    def press(self, words: str, place: str = "main") -> None:
        """Press the button or follow the link called ``words``: there must be exactly one in ``place``."""
        self.found(words, place).click()
        self.page.wait_for_load_state("load")

    def says(self, words: str) -> None:
        """The page must say ``words``, sooner or later, without being asked again."""
        expect(self.page.get_by_text(french(words)).first).to_be_visible(timeout=PATIENCE_SECONDS * 1000)

    def wait_for(self, place: Locator) -> None:
        """Ask for the page again and again until ``place`` is there: what other nodes do takes moments."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not place.count():
            assert time.monotonic() < deadline, f"{self.page.url} never shows {place}"
            time.sleep(LOOK_SECONDS)
            self.page.reload()

    def look(self, *, again: bool = True) -> None:
        """Look at the page in all four languages, in another tab; ``again``: then ask for it once more in this one.

        A form that was opened elsewhere is no longer the one that the node waits for.
        """
        if not self.looks:
            return
        look_in_every_language(self.window, ROOT if self.person.node == "root" else self.person.node)
        if again:
            self.page.reload()

    def picture(self, name: str, top: str = "") -> None:
        """Keep what the window shows for the tutorial, from the element ``top`` on."""
        self.page.evaluate(
            "top => { const e = top && document.querySelector(top); scrollTo(0, e ? e.getBoundingClientRect().top"
            " + scrollY - 16 : 0) }",
            top,
        )
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


@contextmanager
def travelling(browser: Browser, person: MadeUpPerson, *, looks: bool = True) -> Iterator[Traveller]:
    """``person`` before a fresh browser with a passkey store; the test fails on any trouble in its pages."""
    context = browser.new_context(locale="fr-FR", viewport=VIEW)
    window = Window(context.new_page(), person.origin)
    window.watch()
    add_authenticator(window.page)
    try:
        yield Traveller(person, window, looks)
        assert window.troubles == []
    finally:
        context.close()
