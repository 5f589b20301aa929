"""A real portal in a process of its own, with people in it, and Debian's Chromium to look at it.

Tests here use no database: Playwright keeps an event loop in this thread, in which Django refuses to query.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from jazari.settings.home import Home, NodeConfig
from jazari.testing.chromium import CHROMIUM, OPTIONS
from jazari.testing.network import free_ports
from tests.browser.looking import Looker
from tests.browser.portals import ROOT, running_portal

TITLES = {
    "fr": "Institut de Rabat",
    "ar": "معهد الرباط",
    "zgh": "ⴰⵙⵉⵏⴰⴳ ⵏ ⵔⵔⴱⴰⵟ",
    "en": "Institute of Rabat",
}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a screen; the test skips where it is not installed, but fails where CI=true."""
    if not CHROMIUM.exists():
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{CHROMIUM} is missing and CI=true says that the browser tests must run")
        pytest.skip(f"{CHROMIUM} is not installed: nothing was looked at in a browser")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(OPTIONS))
        yield started
        started.close()


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An institute's home whose portal has a free port."""
    (port,) = free_ports(1)
    config = NodeConfig(role="institute", namespace="rabat", region="MA-04", titles=TITLES, portal_port=port)
    return Home.create(tmp_path_factory.mktemp("browser") / "rabat", config)


@pytest.fixture(scope="package")
def sessions(home: Home) -> dict[str, str]:
    """One person for each role: the keys of their sessions."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.browser.people", str(home.path)], cwd=ROOT, check=True, capture_output=True
    )
    found: dict[str, str] = json.loads(made.stdout)
    return found


@pytest.fixture(scope="package")
def origin(home: Home, sessions: dict[str, str]) -> Iterator[str]:
    """The address of the running portal."""
    with running_portal(home) as address:
        yield address


@pytest.fixture(scope="package")
def look(browser: Browser, home: Home, origin: str, sessions: dict[str, str]) -> Looker:
    """Opens windows on the portal."""
    return Looker(browser, origin, home.namespace, sessions)
