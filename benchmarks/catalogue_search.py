"""Search and facets over many cards: how long one question takes, and the part of the page that answers it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.base import Finding, Options, Outcome, at_most
from benchmarks.many_cards import COMMON, EVERYWHERE, LICENCES, REGIONS, SECTORS, MadeUp

CARDS = 100_000
LONGEST_MS = 50.0
KEPT = "JAZARI_BENCH_CARDS"
"""An environment variable: a folder in which the cards are kept for the next time."""


def run(options: Options) -> Outcome:
    """Index the cards, then ask every kind of question in turn, so that all see the same machine."""
    count, rounds = (300, 2) if options.smoke else (CARDS, 60)
    with TemporaryDirectory(prefix="jazari-bench-") as scratch:
        cards = MadeUp(count)
        seconds = index_cards(Path(os.environ.get(KEPT) or scratch), cards)
        kinds = _questions(cards)
        searched = _measure(kinds, rounds, _search)
        shown = _measure(kinds, rounds, _page())
    return _outcome(count, rounds, seconds, searched, shown)


def index_cards(folder: Path, cards: MadeUp) -> float:
    """Make a home in ``folder`` whose catalogue holds ``cards``, unless it is there already; the seconds it took."""
    from jazari.settings.home import Home, NodeConfig
    from jazari.settings.runtime import PAGES, setup

    path = folder / "home"
    home = (
        Home.open(path) if path.exists() else Home.create(path, NodeConfig(role="institute", namespace="institute-0"))
    )
    setup(home, migrate=True, profile=PAGES)
    from jazari.catalog.indexing import update_index
    from jazari.catalog.models import CatalogItem
    from jazari.nodes import wiring

    wiring.register_cards()
    started = time.perf_counter()
    if not CatalogItem.objects.exists():
        update_index(cards)  # type: ignore[arg-type]
    return time.perf_counter() - started


def _questions(cards: MadeUp) -> dict[str, Callable[[], dict[str, str]]]:
    """Each kind of question, as the words and facets of one."""
    draw = random.Random(9)

    def word(language: str) -> str:
        return draw.choice(COMMON[language])

    return {
        "no words": dict,
        "a word of every card": lambda: {"q": EVERYWHERE},
        "a common word": lambda: {"q": word("fr")},
        "a common Arabic word": lambda: {"q": word("ar")},
        "two common words": lambda: {"q": f"{word('fr')} {word('en')}"},
        "a rare word": lambda: {"q": cards.rare_word()},
        "no such word": lambda: {"q": "inexistant"},
        "a common word, by title": lambda: {"q": word("fr"), "sort": "title"},
        "one facet": lambda: {"region": draw.choice(REGIONS)},
        "three facets": lambda: {
            "region": draw.choice(REGIONS), "sector": draw.choice(SECTORS), "licence": draw.choice(LICENCES),
        },
        "a common word and a facet": lambda: {"q": word("fr"), "sector": draw.choice(SECTORS)},
        "page 100": lambda: {"q": word("fr"), "page": "100"},
    }  # fmt: skip


def _measure(
    kinds: dict[str, Callable[[], dict[str, str]]], rounds: int, ask: Callable[[dict[str, str]], object]
) -> dict[str, list[float]]:
    from jazari.catalog.queries import remembered

    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds + 1):
        for kind, question in kinds.items():
            asked = question()
            remembered.cache_clear()  # nobody has asked this before
            started = time.perf_counter()
            ask(asked)
            if number:  # the first round warms up
                found[kind].append((time.perf_counter() - started) * 1000)
    return found


def _search(asked: dict[str, str]) -> object:
    from jazari.catalog.asking import Question

    return Question.of(asked.get, lambda name: [asked[name]] if name in asked else []).answer("fr")


def _page() -> Callable[[dict[str, str]], object]:
    from django.conf import settings
    from django.test import Client

    client = Client(headers={"host": settings.ALLOWED_HOSTS[0], "hx-request": "true", "accept-language": "fr"})

    def ask(asked: dict[str, str]) -> object:
        answer = client.get("/catalogue/", asked)
        assert answer.status_code == 200, answer.status_code
        return answer

    return ask


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _outcome(
    count: int, rounds: int, seconds: float, searched: dict[str, list[float]], shown: dict[str, list[float]]
) -> Outcome:
    everything = [value for values in searched.values() for value in values]
    pages = [value for values in shown.values() for value in values]
    rows = [[kind, *(_told(found[kind]) for found in (searched, shown))] for kind in searched]
    measured: dict[str, Any] = {"index_seconds": seconds, "search_ms": searched, "page_ms": shown}
    return Outcome(
        measured=measured,
        findings=[
            at_most("search, p99 of all questions", _percentile(everything, 0.99), LONGEST_MS, "ms", 1),
            Finding("search, p50 of all questions", f"{_percentile(everything, 0.5):.1f} ms"),
            at_most("the part of the page that answers, p99", _percentile(pages, 0.99), 2 * LONGEST_MS, "ms", 1),
            Finding("the part of the page that answers, p50", f"{_percentile(pages, 0.5):.1f} ms"),
        ],
        tables=[("One question, p50 and p99 in ms", ["", "search and facets", "the part of the page"], rows)],
        notes=[
            f"{count:,} data set cards of 40 institutes in SQLite, words as frequent as in a language; each kind of "
            f"question {rounds} times, in turn, one at a time, facets counted and the hits of a page read each time.",
            "Nothing is taken from an earlier answer, though the catalogue remembers the last 64 of this version.",
        ],
    )


def _told(values: list[float]) -> str:
    return f"{_percentile(values, 0.5):.1f} / {_percentile(values, 0.99):.1f}"
