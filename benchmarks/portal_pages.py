"""Asking a portal for pages: how many a second, how long each takes, and how many bytes travel."""

from __future__ import annotations

import gzip
import random
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urljoin

from benchmarks.gateway_load import Seen, Target, each_in_turn
from benchmarks.many_cards import COMMON, EVERYWHERE, LICENCES, REGIONS, SECTORS, MadeUp

CONNECTIONS = 16
OF_EACH_KIND = 20
_OWN_ROUND = 400
_LOADED = re.compile(rb'<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"[^>]*>')
_NO_FILE = re.compile(rb'rel="(?:canonical|alternate|prev|next)"')


@dataclass(frozen=True)
class Asker:
    """Asks the portal at ``origin`` as a browser would; ``cookie``: of somebody who has signed in."""

    origin: str
    cookie: str = ""

    @property
    def target(self) -> Target:
        """For the clients that measure."""
        return Target("the portal", self.origin)

    def headers(self, *, part: bool = False) -> dict[str, str]:
        """What every request has; ``part``: htmx asks for the part of a page that answers."""
        found = {"Accept-Language": "fr", "Accept-Encoding": "gzip"}
        return found | ({"Cookie": self.cookie} if self.cookie else {}) | ({"HX-Request": "true"} if part else {})

    def request(self, path: str, *, part: bool = False) -> bytes:
        """One whole HTTP request."""
        host, port = self.target.address
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers(part=part).items())
        return f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}\r\n".encode()

    def fetch(self, path: str) -> tuple[int, bytes]:
        """Status and content as it travels; 0 where nobody answers."""
        asked = urllib.request.Request(self.origin + path, headers=self.headers())  # noqa: S310  an address of our own
        try:
            with urllib.request.build_opener(_Staying()).open(asked, timeout=30) as answer:
                return int(answer.status), bytes(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, b""
        except OSError:
            return 0, b""

    def one_by_one(self, paths: Sequence[str], *, part: bool = False) -> Seen:
        """Each page in turn, when the one before has come."""
        return each_in_turn(self.target, [self.request(path, part=part) for path in paths], 1)


class _Staying(urllib.request.HTTPRedirectHandler):
    """A page that sends elsewhere is not the page that was asked for."""

    def redirect_request(self, *_: object) -> None:  # type: ignore[override]
        return None


@dataclass(frozen=True)
class Pace:
    """How many pages ``a_second`` come with 16 requests always under way; ``failed`` others; ``tool``: who asked."""

    a_second: float
    failed: int
    tool: str


def most_a_second(asker: Asker, paths: Sequence[str], seconds: float) -> Pace:
    """``paths`` in turn, as fast as they come: by wrk where it is installed, else by our own client."""
    program = shutil.which("wrk")
    return _by_wrk(program, asker, paths, seconds) if program else _by_ourselves(asker, paths, seconds)


def _by_wrk(program: str, asker: Asker, paths: Sequence[str], seconds: float) -> Pace:
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        script = Path(folder) / "pages.lua"
        script.write_text(_script(asker, paths), encoding="utf-8")
        command = [program, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{max(1, round(seconds))}s", "--timeout", "30s"]
        told = subprocess.run(
            [*command, "-s", str(script), asker.origin], capture_output=True, text=True, check=True,
            timeout=seconds + 90,
        ).stdout  # fmt: skip
    answered, a_second = _number(r"(\d+) requests in", told), _number(r"Requests/sec:\s+([\d.]+)", told)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    refused = _number(r"Non-2xx or 3xx responses: (\d+)", told)
    failed = int(refused) + (sum(map(int, errors.groups())) if errors else 0)
    return Pace(a_second * (answered - refused) / max(answered, 1), failed, "wrk")


def _script(asker: Asker, paths: Sequence[str]) -> str:
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in asker.headers().items())
    listed = ", ".join(f'"{path}"' for path in paths)
    turns = "n = n % #paths + 1\n  return wrk.format(nil, paths[n])"
    return f"{headers}\nlocal paths = {{{listed}}}\nlocal n = 0\nfunction request()\n  {turns}\nend\n"


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def _by_ourselves(asker: Asker, paths: Sequence[str], seconds: float) -> Pace:
    requests = [asker.request(paths[n % len(paths)]) for n in range(_OWN_ROUND)]
    seen = Seen()
    while seen.seconds < seconds:
        seen.add(each_in_turn(asker.target, requests, CONNECTIONS))
    return Pace(len(seen.whole) / seen.seconds, seen.failed, "our own client")


def percentile(seen: Seen, share: float) -> float:
    """Milliseconds to the end of the answer, at a quantile; infinite where nothing came."""
    values = sorted(seen.whole)
    return values[min(len(values) - 1, int(share * len(values)))] * 1000 if values else float("inf")


@dataclass(frozen=True)
class Weight:
    """Bytes of a page and as it travels; ``files``: bytes as they travel of what its HTML names, by address."""

    raw: int
    packed: int
    files: dict[str, int]

    @property
    def with_files(self) -> int:
        """All of it as it travels, without headers and without what style sheets name."""
        return self.packed + sum(self.files.values())


def weigh(asker: Asker, path: str) -> Weight:
    """The bytes of the page at ``path`` and of what its HTML names."""
    packed = asker.fetch(path)[1]
    raw = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    named = {urljoin(path, one[1].decode()) for one in _LOADED.finditer(raw) if not _NO_FILE.search(one[0])}
    return Weight(len(raw), len(packed), {one: len(asker.fetch(one)[1]) for one in sorted(named)})


def questions(cards: MadeUp, of_each: int) -> dict[str, list[dict[str, str]]]:
    """Different questions to the catalogue, by kind: a small portal remembers the last ones, and never these."""
    draw, asked = random.Random(9), set[str]()
    words = {language: sorted(set(known)) for language, known in COMMON.items()}
    kinds: dict[str, Callable[[], dict[str, str]]] = {
        "a word of every card": lambda: {"q": f"{EVERYWHERE} {draw.choice(words['fr'])}"},
        "a common word": lambda: {"q": draw.choice(words["fr"])},
        "a common Arabic word": lambda: {"q": draw.choice(words["ar"])},
        "two common words": lambda: {"q": f"{draw.choice(words['fr'])} {draw.choice(words['en'])}"},
        "a rare word": lambda: {"q": cards.rare_word()},
        "no such word": lambda: {"q": f"inexistant {draw.randrange(10**6)}"},
        "a common word, by title": lambda: {"q": draw.choice(words["fr"]), "sort": "title"},
        "one facet": lambda: {"region": draw.choice(REGIONS), "sort": draw.choice(["best", "title"])},
        "three facets": lambda: {
            "region": draw.choice(REGIONS), "sector": draw.choice(SECTORS), "licence": draw.choice(LICENCES),
        },
        "a common word and a facet": lambda: {"q": draw.choice(words["fr"]), "sector": draw.choice(SECTORS)},
        "page 100": lambda: {"q": f"{draw.choice(words['en'])} {draw.choice(words['ar'])}", "page": "100"},
    }  # fmt: skip
    return {kind: _different(make, of_each, asked) for kind, make in kinds.items()}


def _different(make: Callable[[], dict[str, str]], count: int, asked: set[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for _ in range(20 * count):
        question = make()
        key = urlencode(sorted(question.items()))
        if key not in asked and len(found) < count:
            asked.add(key)
            found.append(question)
    return found


def address_of(question: dict[str, str], turn: int) -> str:
    """The catalogue's address of a question; ``turn`` makes it one that no kept page has."""
    return f"/catalogue/?{urlencode(question | {'turn': str(turn)})}"
