"""The portal of a node: pages a second, how long each takes, their bytes, a slow line, memory and start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import portal_browser, portal_findings
from benchmarks.base import Options, Outcome
from benchmarks.gateway_home import Program
from benchmarks.gateway_load import Seen
from benchmarks.many_cards import MadeUp
from benchmarks.portal_browser import Shown
from benchmarks.portal_home import PortalHome, portal_home
from benchmarks.portal_pages import (
    OF_EACH_KIND,
    Asker,
    Pace,
    Weight,
    address_of,
    most_a_second,
    questions,
    weigh,
)

CORES = 2


@dataclass(frozen=True)
class Size:
    """How many cards; seconds at full speed; pages asked one by one; questions of each kind and their turns; cards
    that nobody has read; starts."""

    cards: int = 100_000
    seconds: float = 8.0
    pages: int = 400
    of_each: int = OF_EACH_KIND
    turns: int = 3
    unread: int = 300
    starts: int = 5


SMOKE = Size(cards=200, seconds=1.0, pages=10, of_each=2, turns=1, unread=10, starts=1)


@dataclass
class Page:
    """What was measured of one kind of page. ``status``: what it answered when it was first asked for;
    ``processor_ms``: what the portal's process used for one of those that were asked for one after another."""

    path: str
    who: str
    status: int = 0
    pace: Pace | None = None
    alone: Seen = field(default_factory=Seen)
    processor_ms: float = 0.0
    weight: Weight | None = None


@dataclass
class Found:
    """Everything that was measured."""

    size: Size
    cores: int = CORES
    starts: list[float] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    unread: Seen = field(default_factory=Seen)
    processor_ms: dict[str, float] = field(default_factory=dict)
    whole: dict[str, Seen] = field(default_factory=dict)
    part: dict[str, Seen] = field(default_factory=dict)
    browser_missing: str = ""
    first: Shown | None = None
    slow: dict[str, Shown] = field(default_factory=dict)


def run(options: Options) -> Outcome:
    """Measure starts and the first page's bytes, each page, search, the slow line, and memory after all of it."""
    found = Found(SMOKE if options.smoke else Size())
    cards = MadeUp(found.size.cards)
    with _two_cores(found), portal_home(found.size.cards) as home:
        _starts(found, home)
        with _running(home) as program:
            found.memory["before anybody asked"] = program.memory()
            measure(found, home, program, cards)
    return portal_findings.outcome(found)


def measure(found: Found, home: PortalHome, program: Program, cards: MadeUp) -> None:
    """Everything that is asked of a portal that runs, and its memory after that."""
    asker, researcher = Asker(home.origin), Asker(home.origin, home.cookie)
    _pages(found, home, program, asker, researcher)
    _unread(found, program, asker, cards)
    _search(found, program, asker, cards)
    _browser(found, home)
    found.memory["after all of this"] = program.memory()


@contextmanager
def _two_cores(found: Found) -> Iterator[None]:
    """This program and all it starts on two cores, whatever the machine has."""
    before = os.sched_getaffinity(0)
    found.cores = min(CORES, len(before))
    os.sched_setaffinity(0, sorted(before)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _running(home: PortalHome) -> Iterator[Program]:
    program = home.start()
    try:
        yield program
    finally:
        program.stop()


def _starts(found: Found, home: PortalHome) -> None:
    """The first start compiles modules and makes tables, once for all: it is not counted."""
    for number in range(found.size.starts + 1):
        with _running(home) as program:
            if number:
                found.starts.append(program.start_seconds)


def card_address(number: int) -> str:
    """The page of one of the made-up cards."""
    return f"/catalogue/institute-0/dataset/set-{number}/1/"


def _pages(found: Found, home: PortalHome, program: Program, asker: Asker, researcher: Asker) -> None:
    anonymous = {
        "home": "/", "catalogue": "/catalogue/", "card": card_address(1), "institutes": "/institutes/",
        "institute": "/institutes/rabat/", "studies": "/studies/", "study": home.study, "result": home.result,
    }  # fmt: skip
    for name, path in anonymous.items():
        found.pages[name] = _page(found.size, program, asker, Page(path, "anybody"))
    found.pages["run"] = _page(found.size, program, researcher, Page(home.run, "a researcher"))
    found.pages["home, signed in"] = _page(found.size, program, researcher, Page("/", "a researcher"))
    found.pages["card, signed in"] = _page(found.size, program, researcher, Page(card_address(1), "a researcher"))


def _page(size: Size, program: Program, asker: Asker, page: Page) -> Page:
    page.status = asker.fetch(page.path)[0]
    if page.status == 200:
        page.weight = weigh(asker, page.path)
        with _counted(program) as used:
            page.alone = asker.one_by_one([page.path] * size.pages)
        page.processor_ms = used[0] / size.pages
        page.pace = most_a_second(asker, [page.path], size.seconds)
    return page


@contextmanager
def _counted(program: Program) -> Iterator[list[float]]:
    """A list with the milliseconds of processor time that the program used during the block."""
    before, used = program.processor_seconds(), [0.0]
    yield used
    used[0] = (program.processor_seconds() - before) * 1000


def _unread(found: Found, program: Program, asker: Asker, cards: MadeUp) -> None:
    """Cards that nobody has read before: nothing of them is kept."""
    names = cards.namespaces()
    paths = [
        f"/catalogue/{names[number % len(names)]}/dataset/set-{2 + number // len(names)}/1/"
        for number in range(found.size.unread)
    ]
    with _counted(program) as used:
        found.unread = asker.one_by_one(paths)
    found.processor_ms["a card that nobody has read"] = used[0] / len(paths)


def _search(found: Found, program: Program, asker: Asker, cards: MadeUp) -> None:
    asked = questions(cards, found.size.of_each)
    count = found.size.turns * sum(map(len, asked.values()))
    for part, name, seen in ((False, "a search", found.whole), (True, "the part that answers", found.part)):
        with _counted(program) as used:
            for turn in range(found.size.turns):
                for kind, several in asked.items():
                    answers = asker.one_by_one([address_of(one, turn) for one in several], part=part)
                    seen.setdefault(kind, Seen()).add(answers)
        found.processor_ms[name] = used[0] / count


def _browser(found: Found, home: PortalHome) -> None:
    found.browser_missing = portal_browser.missing()
    if found.browser_missing:
        print(f"  in a browser: {found.browser_missing}", flush=True)
        return
    found.first = portal_browser.look(home.origin + "/", slow=False)
    for name in ("home", "catalogue", "card"):
        if found.pages[name].status == 200:
            found.slow[name] = portal_browser.look(home.origin + found.pages[name].path, slow=True)
