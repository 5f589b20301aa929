"""The first page in Chromium on a slow line: bytes with everything it loads, and when it can be read and used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jazari.testing.chromium import CHROMIUM, OPTIONS

BITS_A_SECOND = 256_000
ROUND_TRIP_MS = 600
_PATIENCE_MS = 120_000
_TIMES = """() => {
  const at = performance.getEntriesByType("navigation")[0];
  const painted = performance.getEntriesByName("first-contentful-paint")[0];
  return {painted: painted ? painted.startTime : at.domContentLoadedEventEnd,
          ready: at.domContentLoadedEventEnd, loaded: at.loadEventEnd};
}"""


@dataclass(frozen=True)
class Shown:
    """Seconds from the start until something is painted, until its scripts have run too (from when it can be read and
    used), and until all is loaded; ``sizes``: bytes that travelled, headers included, by address."""

    painted: float
    usable: float
    loaded: float
    sizes: dict[str, int]


def missing() -> str:
    """Why nothing can be looked at in a browser here; empty where it can."""
    if not CHROMIUM.exists():
        return f"skipped: {CHROMIUM} is not installed"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "skipped: Playwright is not installed (it drives Chromium)"
    return ""


def look(url: str, *, slow: bool) -> Shown:
    """Open ``url`` in a browser that has seen nothing yet; ``slow``: over 256 kbit/s with 600 ms there and back."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(OPTIONS))
        try:
            page = browser.new_context(locale="fr-FR").new_page()
            wire, sizes = page.context.new_cdp_session(page), _watch(page)
            if slow:
                _slow_down(wire)
            page.goto(url, wait_until="load", timeout=_PATIENCE_MS)
            page.evaluate("document.fonts.ready")
            page.wait_for_timeout(500)
            times = page.evaluate(_TIMES)
        finally:
            browser.close()
    painted, ready, loaded = (times[name] / 1000 for name in ("painted", "ready", "loaded"))
    return Shown(painted, max(painted, ready), loaded, dict(sizes))


def _watch(page: Any) -> dict[str, int]:
    wire, addresses, sizes = page.context.new_cdp_session(page), dict[str, str](), dict[str, int]()
    wire.send("Network.enable")
    wire.on("Network.requestWillBeSent", lambda event: addresses.update({event["requestId"]: event["request"]["url"]}))

    def finished(event: dict[str, Any]) -> None:
        address = addresses.get(event["requestId"], event["requestId"])
        if not address.startswith("data:"):
            sizes[address] = sizes.get(address, 0) + int(event["encodedDataLength"])

    wire.on("Network.loadingFinished", finished)
    return sizes


def _slow_down(wire: Any) -> None:
    wire.send("Network.enable")
    rate = BITS_A_SECOND / 8
    line = {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": rate, "uploadThroughput": rate}
    wire.send("Network.emulateNetworkConditions", line)
