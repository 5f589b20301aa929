"""What the figures of the portal's benchmark say beside the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.base import Finding, Outcome, at_least, at_most, median, spread
from benchmarks.gateway_load import Seen
from benchmarks.portal_browser import BITS_A_SECOND, ROUND_TRIP_MS, Shown
from benchmarks.portal_pages import CONNECTIONS, percentile

if TYPE_CHECKING:
    from benchmarks.portal import Found, Page

LEAST_A_SECOND = 500.0
LONGEST_SEARCH_MS = 50.0
MOST_KB = 100.0
_FAST = ("home", "card")


def outcome(found: Found) -> Outcome:
    """Findings, every figure, and how they came about."""
    findings = [
        *(one for name, page in found.pages.items() for one in _page(name, page)),
        *_search(found), *_browser(found), *_process(found),
    ]  # fmt: skip
    return Outcome(measured=_measured(found), findings=findings, tables=_tables(found), notes=_notes(found))


def _page(name: str, page: Page) -> list[Finding]:
    if page.pace is None or page.weight is None:
        target = f"at least {LEAST_A_SECOND:g} pages a second" if name in _FAST else "a page"
        return [Finding(f"{name} ({page.path})", f"no page: status {page.status}", target, met=False)]
    failed = page.pace.failed + page.alone.failed
    findings = [Finding(f"{name}: requests that failed", str(failed), "0", met=False)] if failed else []
    if name in _FAST:
        measure = f"{name}, anonymous readers, pages a second ({page.pace.tool})"
        return [at_least(measure, page.pace.a_second, LEAST_A_SECOND, "", 0), *findings]
    return findings


def _search(found: Found) -> list[Finding]:
    findings = []
    for what, seen in (("search, the whole page", found.whole), ("search, the part that answers", found.part)):
        together = _together(seen)
        findings += [
            at_most(f"{what}, p99", percentile(together, 0.99), LONGEST_SEARCH_MS, "ms", 1),
            Finding(f"{what}, p50", f"{percentile(together, 0.5):.1f} ms"),
        ]
        if together.failed:
            findings.append(Finding(f"{what}, questions that failed", str(together.failed), "0", met=False))
    unread = found.unread
    told = f"{percentile(unread, 0.5):.1f} and {percentile(unread, 0.99):.1f} ms"
    used = ", ".join(f"{name} {spent:.1f} ms" for name, spent in found.processor_ms.items())
    findings += [
        Finding("a card that nobody has read, p50 and p99", told),
        Finding("processor time of the portal, mean", used),
    ]
    if unread.failed or not unread.whole:
        findings.append(Finding("cards that could not be read", str(unread.failed), "0", met=False))
    return findings


def _together(seen: dict[str, Seen]) -> Seen:
    together = Seen()
    for each in seen.values():
        together.add(each)
    return together


def _browser(found: Found) -> list[Finding]:
    line = f"{BITS_A_SECOND / 1000:g} kbit/s, {ROUND_TRIP_MS} ms there and back"
    if found.first is None:
        weight = found.pages["home"].weight
        told = f"{found.browser_missing}; {weight.with_files / 1000:.1f} KB without fonts" if weight else "no page"
        target = f"at most {MOST_KB:g} KB"
        return [
            Finding("the first page with everything it loads", told, target),
            Finding(f"until the first page can be used at {line}", found.browser_missing),
        ]
    size = sum(found.first.sizes.values()) / 1000
    return [
        at_most("the first page with everything it loads, headers included", size, MOST_KB, "KB", 1),
        *(Finding(f"{name}: until it can be used at {line}", _when(shown)) for name, shown in found.slow.items()),
    ]


def _when(shown: Shown) -> str:
    return f"{shown.usable:.1f} s (painted {shown.painted:.1f} s, all loaded {shown.loaded:.1f} s)"


def _process(found: Found) -> list[Finding]:
    memory = ", ".join(f"{size:.0f} MB {when}" for when, size in found.memory.items())
    return [
        Finding("start, to /healthz (median, range)", f"{spread(found.starts)} s"),
        Finding("memory (PSS)", memory),
    ]


def _tables(found: Found) -> list[tuple[str, list[str], list[list[str]]]]:
    pages = [[name, page.who, *_figures(page)] for name, page in found.pages.items()]
    header = [
        "page",
        "asked by",
        "pages a second",
        "p50 / p99 ms, one reader",
        "processor ms",
        "bytes",
        "as it travels",
    ]
    kinds = [
        [kind, *(f"{percentile(seen[kind], 0.5):.1f} / {percentile(seen[kind], 0.99):.1f}" for seen in
         (found.whole, found.part))] for kind in found.whole
    ]  # fmt: skip
    tables = [
        ("Pages", header, pages),
        ("A question that nobody has asked, p50 / p99 in ms", ["", "the whole page", "the part that answers"], kinds),
    ]
    if found.first is not None:
        sizes = [[_name(address), f"{size:,}"] for address, size in found.first.sizes.items()]
        tables.append(("What the first page loads, bytes that travel with headers", ["", "bytes"], sizes))
    return tables


def _name(address: str) -> str:
    return address.rpartition("/")[2] or "the page"


def _figures(page: Page) -> list[str]:
    if page.pace is None or page.weight is None:
        return [f"status {page.status}", "", "", "", ""]
    alone = f"{percentile(page.alone, 0.5):.1f} / {percentile(page.alone, 0.99):.1f}"
    used = f"{page.processor_ms:.2f}"
    return [f"{page.pace.a_second:,.0f}", alone, used, f"{page.weight.raw:,}", f"{page.weight.packed:,}"]


def _measured(found: Found) -> dict[str, Any]:
    return {
        "cards": found.size.cards,
        "cores": found.cores,
        "starts": [round(each, 3) for each in found.starts],
        "start_median": round(median(found.starts), 3),
        "memory_mb": {name: round(size, 1) for name, size in found.memory.items()},
        "pages": {name: _page_figures(page) for name, page in found.pages.items()},
        "processor_ms": found.processor_ms,
        "unread_card_ms": _milliseconds(found.unread),
        "search_ms": {kind: _milliseconds(seen) for kind, seen in found.whole.items()},
        "search_part_ms": {kind: _milliseconds(seen) for kind, seen in found.part.items()},
        "first_page": vars(found.first) if found.first else found.browser_missing,
        "slow_line": {name: vars(shown) for name, shown in found.slow.items()},
    }


def _milliseconds(seen: Seen) -> list[float]:
    return [round(1000 * each, 2) for each in seen.whole]


def _page_figures(page: Page) -> dict[str, Any]:
    return {
        "path": page.path,
        "status": page.status,
        "pace": vars(page.pace) if page.pace else None,
        "processor_ms": round(page.processor_ms, 3),
        "alone_ms": _milliseconds(page.alone),
        "bytes": vars(page.weight) if page.weight else None,
    }


def _notes(found: Found) -> list[str]:
    return [
        f"One portal process and who asks it share {found.cores} cores, over loopback. Its home is that of an "
        "institute after a run of a study in a network of two, with keys, board, signed logs and mirror; "
        f"{found.size.cards:,} made-up data set cards stand in its index besides, whose institutes are no members.",
        f"Pages a second: the same page with {CONNECTIONS} requests always under way; what may be kept is kept, as for "
        "readers. p50 and p99: one request after another. Times are from sending to the last byte, on connections that "
        "are kept, as gzip.",
        "Search: different questions one after another, whole pages and the part that htmx asks for, at addresses that "
        "no kept page has, more of them than the catalogue remembers answers.",
        "The browser has kept nothing. The line is Chromium's own emulation, which delays each answer and shares the "
        "rate; it does not count setting up connections. A page can be used when something is painted and its scripts "
        "have run.",
    ]
