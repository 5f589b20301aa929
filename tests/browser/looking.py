"""A browser's window on the portal: what it may not show, and what axe-core says about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from jazari.accounts.rules import Role

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
LANGUAGES = ("fr", "ar", "zgh", "en")
NARROW, WIDE = {"width": 320, "height": 640}, {"width": 1280, "height": 800}


@dataclass
class Window:
    """One page in the browser, and everything that went wrong in it: ``troubles`` must stay empty."""

    page: Page
    origin: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str, status: int = 200) -> Page:
        """Go there, wait for its fonts, and check the status."""
        answer = self.page.goto(self.origin + path, wait_until="load")
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        self.page.evaluate("document.fonts.ready")
        return self.page

    def watch(self) -> None:
        """Note errors of scripts and of the security policy, and files that are missing."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        self.page.on("response", self._response)

    def sideways(self) -> int:
        """How many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def _console(self, message: ConsoleMessage) -> None:
        # What a missing file is called is in the response; a page with another status than 200 is said here, too.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.troubles.append(f"{response.status}: {response.url}")


@dataclass
class Looker:
    """Opens windows on one portal. ``sessions``: keys of the sessions of people, by role."""

    browser: Browser
    origin: str
    namespace: str
    sessions: dict[str, str]

    @contextmanager
    def window(self, language: str = "en", role: Role | None = None, **options: Any) -> Iterator[Window]:
        """A fresh browser in ``language``, signed in as somebody with ``role``; it fails the test on any trouble."""
        context = self.browser.new_context(**({"viewport": WIDE} | options))
        self.speak(context, language)
        if role is not None:
            self._cookie(context, f"{self.namespace}-session", self.sessions[str(role)])
        found = Window(context.new_page(), self.origin)
        found.watch()
        try:
            yield found
            assert found.troubles == []
        finally:
            context.close()

    def speak(self, context: BrowserContext, language: str) -> None:
        """As if ``language`` had been chosen in this browser."""
        self._cookie(context, f"{self.namespace}-language", language)

    def _cookie(self, context: BrowserContext, name: str, value: str) -> None:
        context.add_cookies([{"name": name, "value": value, "url": self.origin}])


LOOKED_AT = {("light", "wide"), ("dark", "narrow")}
"""Where axe-core looks: at both colour schemes and at both widths; it takes as long as all the rest."""


def look_whole(window: Window, language: str, scheme: str, picture: str = "") -> None:
    """The page that is open must be whole, wide and narrow; ``picture`` names the screenshots, none without it."""
    page = window.page
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    assert page.locator("h1").count() == 1
    for name, size in (("wide", WIDE), ("narrow", NARROW)):
        page.set_viewport_size(size)
        if picture:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENSHOTS / f"{picture}-{language}-{name}-{scheme}.png", full_page=True)
        assert window.sideways() == 0, f"{page.url} in {language}, {name}: the page scrolls sideways"
        if (scheme, name) in LOOKED_AT:
            assert axe_says(page) == [], f"{page.url} in {language}, {name}, {scheme}"


def axe_says(page: Page) -> list[str]:
    """What axe-core finds wrong on the page: rule, element and why."""
    page.evaluate(AXE)
    found = page.evaluate("tags => axe.run({runOnly: tags, resultTypes: ['violations']})", LEVELS)
    return [
        f"{rule['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def fonts_of(page: Page, selector: str) -> dict[str, bool]:
    """The fonts that really draw the element, by family, and whether each came from the portal."""
    wire = page.context.new_cdp_session(page)
    wire.send("DOM.enable")
    wire.send("CSS.enable")
    root = wire.send("DOM.getDocument")["root"]["nodeId"]
    node = wire.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    used = wire.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    wire.detach()
    return {font["familyName"]: font["isCustomFont"] for font in used}
