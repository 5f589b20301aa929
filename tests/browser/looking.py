"""A browser's window on the portal: what it may not show, and what axe-core says about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, ViewportSize

from jazari.accounts.rules import Role

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
LANGUAGES = ("fr", "ar", "zgh", "en")
NARROW: ViewportSize = {"width": 320, "height": 640}
WIDE: ViewportSize = {"width": 1280, "height": 800}


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
    _kept: dict[tuple[str, Role | None], BrowserContext] = field(default_factory=dict)

    @contextmanager
    def tab(self, language: str, role: Role | None) -> Iterator[Window]:
        """A tab in the browser of all tabs of this language and role, for tests that only look: windows take time."""
        context = self._kept.get((language, role)) or self._context(language, role)
        self._kept[language, role] = context
        with self._watched(context) as found:
            yield found
            found.page.close()

    @contextmanager
    def window(self, language: str = "en", role: Role | None = None, **options: Any) -> Iterator[Window]:
        """A fresh browser in ``language``, signed in as somebody with ``role``; it fails the test on any trouble."""
        context = self._context(language, role, **options)
        try:
            with self._watched(context) as found:
                yield found
        finally:
            context.close()

    def _context(self, language: str, role: Role | None, **options: Any) -> BrowserContext:
        context = self.browser.new_context(**({"viewport": WIDE} | options))
        speak(context, self.namespace, self.origin, language)
        if role is not None:
            session = {"name": f"{self.namespace}-session", "value": self.sessions[str(role)], "url": self.origin}
            context.add_cookies([session])
        return context

    @contextmanager
    def _watched(self, context: BrowserContext) -> Iterator[Window]:
        found = Window(context.new_page(), self.origin)
        found.watch()
        yield found
        assert found.troubles == []


LOOKS: tuple[tuple[str, ViewportSize, Literal["light", "dark"]], ...] = (
    ("wide", WIDE, "light"),
    ("narrow", NARROW, "dark"),
)
looked_at: dict[str, set[str]] = {language: set() for language in LANGUAGES}
"""The views whose pages were found whole, by language: see ``test_whole_portal``."""


def look_whole(window: Window, language: str) -> None:
    """The page that is open must be whole, wide and light as narrow and dark; both go to ``SCREENSHOTS``."""
    page = window.page
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    assert page.locator("h1").count() == 1
    view = view_at(page.url)
    for name, size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        picture = f"{view.replace(':', '-')}-{language}-{name}-{scheme}.png"
        page.screenshot(path=SCREENSHOTS / picture, full_page=True, animations="disabled")
        assert window.sideways() == 0, f"{page.url} in {language}, {name}: the page scrolls sideways"
        wrong = axe_says(page)
        assert wrong == [], f"{page.url} in {language}, {name}, {scheme}: {wrong}"
    looked_at[language].add(view)


def look_in_every_language(window: Window, namespace: str) -> None:
    """The page that is open, asked for in another tab in each language of the portal of ``namespace``."""
    context, before = window.page.context, window.page.locator("html").get_attribute("lang")
    tab = Window(context.new_page(), window.origin, window.troubles)
    tab.watch()
    for language in LANGUAGES:
        speak(context, namespace, window.origin, language)
        tab.open(window.page.url.removeprefix(window.origin).partition("#")[0])
        look_whole(tab, language)
    speak(context, namespace, window.origin, before or LANGUAGES[0])
    tab.page.close()
    assert window.troubles == []


def speak(context: BrowserContext, namespace: str, origin: str, language: str) -> None:
    """As if ``language`` had been chosen in this browser."""
    context.add_cookies([{"name": f"{namespace}-language", "value": language, "url": origin}])


def view_at(address: str) -> str:
    """The name of the view that answers at an address of the portal."""
    try:
        return str(resolve(urlsplit(address).path, urlconf="jazari.nodes.portal_urls").view_name)
    except Resolver404:
        return "nothing"


def axe_says(page: Page) -> list[str]:
    """What axe-core finds wrong on the page: rule, element and why."""
    if page.evaluate("!window.axe"):
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
