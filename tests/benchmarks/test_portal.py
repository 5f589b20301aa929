"""The portal's benchmark counts what really happens, and says so when a page is not there."""

from __future__ import annotations

import gzip
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import portal_findings
from benchmarks.many_cards import MadeUp
from benchmarks.portal import SMOKE, Found, Page
from benchmarks.portal_home import copy_home
from benchmarks.portal_pages import Asker, Pace, Weight, address_of, most_a_second, percentile, questions, weigh

HTML = b'<link rel="stylesheet" href="/a.css"><link rel="canonical" href="/"><script src="/b.js" defer></script>' * 9
FILES = {"/": HTML, "/a.css": b"a" * 100, "/b.js": b"b" * 50, "/two": b"two"}


class _Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Cookie"), self.headers.get("HX-Request")))  # type: ignore[attr-defined]
        content = FILES.get(self.path.partition("?")[0])
        status = 302 if self.path == "/elsewhere" else 404 if content is None else 200
        packed = gzip.compress(content or b"") if content == HTML else content or b""
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/")
        if content == HTML:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        self.wfile.write(packed)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Who asks as fast as it can hangs up in the middle."""


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    server = _Server(("127.0.0.1", 0), _Pages)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def asker(server: ThreadingHTTPServer) -> Asker:
    return Asker(f"http://127.0.0.1:{server.server_address[1]}", "session=x")


def test_a_page_is_weighed_with_each_file_that_it_names_once(asker: Asker) -> None:
    weight = weigh(asker, "/")
    assert (weight.raw, weight.packed) == (len(HTML), len(gzip.compress(HTML)))
    assert weight.files == {"/a.css": 100, "/b.js": 50}
    assert weight.with_files == weight.packed + 150


def test_a_page_that_is_missing_or_sends_elsewhere_is_no_page(asker: Asker) -> None:
    assert [asker.fetch(path)[0] for path in ("/", "/nowhere", "/elsewhere")] == [200, 404, 302]
    assert Asker("http://127.0.0.1:9").fetch("/") == (0, b"")
    seen = asker.one_by_one(["/", "/nowhere", "/elsewhere"])
    assert (len(seen.whole), seen.failed) == (1, 2)


def test_requests_carry_the_session_and_ask_for_parts_as_htmx_does(asker: Asker, server: ThreadingHTTPServer) -> None:
    server.asked.clear()  # type: ignore[attr-defined]
    asker.one_by_one(["/two"], part=True)
    asker.one_by_one(["/two"])
    assert server.asked == [("/two", "session=x", "true"), ("/two", "session=x", None)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/nowhere", None])
def test_without_wrk_our_own_client_asks_for_the_pages_in_turn(
    asker: Asker, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    if path:
        monkeypatch.setenv("PATH", path)
    server.asked.clear()  # type: ignore[attr-defined]
    pace = most_a_second(asker, ["/", "/two"], 0.1)
    assert pace.a_second > 0
    assert pace.failed == 0
    assert {asked[0] for asked in server.asked} == {"/", "/two"}  # type: ignore[attr-defined]
    assert path is None or pace.tool == "our own client"


def test_a_missing_page_is_a_finding_that_is_not_met() -> None:
    found = Found(SMOKE, starts=[1.0], memory={"then": 1.0})
    found.pages = {"home": Page("/", "anybody", 404), "run": Page("/run", "a researcher", 302)}
    told = {one.measure: one for one in portal_findings.outcome(found).findings}
    assert (told["home (/)"].met, told["run (/run)"].met) == (False, False)
    assert "404" in told["home (/)"].value
    assert told["search, the whole page, p99"].met is False


def test_requests_that_fail_are_a_finding_that_is_not_met() -> None:
    found = Found(SMOKE, starts=[1.0], memory={"then": 1.0})
    found.pages = {"home": Page("/", "anybody", 200, Pace(900.0, 3, "wrk"), weight=Weight(1, 1, {}))}
    told = {one.measure: one for one in portal_findings.outcome(found).findings}
    assert told["home: requests that failed"].met is False
    assert told["home, anonymous readers, pages a second (wrk)"].met is True


def test_no_question_is_asked_twice() -> None:
    asked = [address_of(one, 0) for several in questions(MadeUp(100), 20).values() for one in several]
    assert len(asked) == len(set(asked)) > 150


def test_nothing_answered_is_no_fast_answer() -> None:
    assert percentile(Asker("http://127.0.0.1:9").one_by_one(["/"]), 0.99) == float("inf")


def test_the_home_of_a_node_that_serves_is_copied_with_what_its_database_holds(tmp_path: Path) -> None:
    (tmp_path / "a" / "run").mkdir(parents=True)
    (tmp_path / "a" / "run" / "node.lock").touch()
    (tmp_path / "a" / "jazari.toml").write_text("x")
    with closing(sqlite3.connect(tmp_path / "a" / "db.sqlite3")) as serving:
        serving.execute("PRAGMA journal_mode=WAL")
        serving.execute("CREATE TABLE t (a)")
        serving.execute("INSERT INTO t VALUES (5)")
        serving.commit()
        copy_home(tmp_path / "a", tmp_path / "b")
    assert {path.name for path in (tmp_path / "b").rglob("*")} == {"run", "jazari.toml", "db.sqlite3"}
    with closing(sqlite3.connect(tmp_path / "b" / "db.sqlite3")) as copied:
        assert copied.execute("SELECT a FROM t").fetchall() == [(5,)]
