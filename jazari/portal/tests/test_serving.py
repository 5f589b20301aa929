"""Pages as they travel: kept for everybody, never for anybody else than whom they were made for."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jazari.accounts.rules import Role
from jazari.portal import page_cache, serving
from jazari.portal.assets import asset_url, static_files
from jazari.portal.handler import PageHandler
from jazari.portal.kept import Page, Question, Room, may_be_kept
from jazari.portal.packing import takes_gzip
from jazari.portal.page_cache import PageCache, question_of
from jazari.portal.serving import as_one_application
from jazari.portal.tests import serving_urls
from jazari.testing.pages import People

ORIGIN = "https://portal.example.ma"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("portal")]


class Site:
    """The whole application, asked over ASGI as a server would."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.application = as_one_application(PageHandler(), ORIGIN)

    def get(self, path: str, method: str = "GET", content: bytes = b"", **headers: str) -> httpx.Response:
        return self.together([(path, headers)], method, content)[0]

    def together(self, asked: list[tuple[str, dict[str, str]]], method: str = "GET", content: bytes = b"") -> Any:
        return self._runner.run(self._ask(asked, method, content))

    async def _ask(self, asked: list[tuple[str, dict[str, str]]], method: str, content: bytes) -> Any:
        transport = httpx.ASGITransport(self.application)
        async with httpx.AsyncClient(transport=transport, base_url="http://caller.example") as client:
            client.headers.clear()
            every = [client.request(method, path, content=content, headers=_spelled(more)) for path, more in asked]
            return await asyncio.gather(*every)


def _spelled(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The catalogue's version is looked at for each request, and is whatever the test says."""
    now = ["1"]
    monkeypatch.setattr(page_cache, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(serving, "network_version", lambda: now[0])
    return now


@pytest.fixture
def site(settings: Any, version: list[str]) -> Iterator[Site]:
    settings.ROOT_URLCONF = "jazari.portal.tests.serving_urls"
    settings.ALLOWED_HOSTS = ["portal.example.ma"]
    serving_urls.state.gate.clear()
    with asyncio.Runner() as runner:
        yield Site(runner)


def signed_in(people: People, *roles: Role) -> str:
    """The cookie of somebody's session."""
    client = people.client(*roles)
    name = django_settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


def number_of(response: httpx.Response) -> int:
    """Which rendering it was: the same number, the same rendering."""
    return int(response.text.split()[0])


def test_a_page_for_all_is_rendered_once(site: Site) -> None:
    first = site.get("/test/shared/")
    assert number_of(site.get("/test/shared/")) == number_of(first)
    assert first.headers["cache-control"] == "no-cache"


def test_a_page_that_does_not_say_it_is_for_all_is_rendered_each_time(site: Site) -> None:
    first = site.get("/test/own/")
    assert number_of(site.get("/test/own/")) != number_of(first)
    assert first.headers["cache-control"] == "private, no-cache"


def test_a_kept_page_was_made_without_anything_of_its_first_reader(site: Site) -> None:
    planted = {
        "cookie": "tracking=planted",
        "user_agent": "planted",
        "referer": "https://planted.example/",
        "x_forwarded_for": "planted",
        "x_forwarded_host": "planted",
        "hx_target": "planted",
        "host": "planted.example",
    }
    first = site.get("/test/shared/", **planted)
    assert "planted" not in first.text
    assert "portal.example.ma" in first.text
    assert site.get("/test/shared/").text == first.text


def test_the_page_of_who_has_signed_in_is_given_to_nobody_else(site: Site, people: People) -> None:
    amina = signed_in(people, Role.RESEARCHER)
    hers = site.get("/test/shared/", cookie=amina)
    assert "researcher@example.org" in hers.text
    others = [site.get("/test/shared/", method) for method in ("GET", "HEAD", "GET")]
    others += [site.get("/test/shared/", cookie=signed_in(people, Role.MEMBER))]
    assert not any("researcher@example.org" in other.text for other in others)
    assert "member@example.org" in others[-1].text
    assert number_of(site.get("/test/shared/", cookie=amina)) != number_of(hers)
    assert hers.headers["cache-control"] == "private, no-cache"


def test_signed_in_and_anonymous_readers_at_the_same_moment_are_kept_apart(site: Site, people: People) -> None:
    amina = signed_in(people, Role.RESEARCHER)
    asked = [("/test/shared/", {"cookie": amina} if number % 2 else {}) for number in range(10)]
    for number, response in enumerate(site.together(asked)):
        assert ("researcher@example.org" in response.text) == bool(number % 2)


@pytest.mark.parametrize("cookie", ["=x; {session}", "a=b;{session}", "{session}; {session}", '"; {session}'])
def test_a_session_is_seen_wherever_it_stands_among_the_cookies(site: Site, people: People, cookie: str) -> None:
    site.get("/test/shared/")
    hers = site.get("/test/shared/", cookie=cookie.format(session=signed_in(people, Role.RESEARCHER)))
    assert "researcher@example.org" in hers.text


@pytest.mark.parametrize("headers", [{"authorization": "Bearer x"}, {"cookie": "messages=x"}])
def test_who_shows_a_token_or_is_to_be_told_something_gets_a_page_of_their_own(
    site: Site, headers: dict[str, str]
) -> None:
    kept = number_of(site.get("/test/shared/"))
    assert number_of(site.get("/test/shared/", **headers)) != kept
    assert number_of(site.get("/test/shared/")) == kept


@pytest.mark.parametrize(
    "path",
    [
        "/test/with_cookie/",
        "/test/failing/?status=404",
        "/test/failing/?status=500",
        "/test/failing/?status=206",
        "/test/private/?rule=private",
        "/test/private/?rule=no-store",
        "/test/varying/",
        "/nowhere/",
    ],
)
def test_what_is_one_readers_or_no_page_is_not_kept(site: Site, path: str) -> None:
    first, second = site.get(path), site.get(path)
    assert first.status_code == second.status_code
    assert "etag" not in first.headers
    assert path == "/nowhere/" or number_of(second) != number_of(first)


def test_a_cookie_that_a_page_sets_reaches_one_reader(site: Site) -> None:
    serving_urls.state.gate.set()
    answers = site.together([("/test/with_cookie/", {})] * 4)
    assert len({number_of(answer) for answer in answers}) == 4


def test_a_change_of_the_catalogue_shows_at_once(site: Site, version: list[str]) -> None:
    first = number_of(site.get("/test/shared/"))
    version[0] = "2"
    assert number_of(site.get("/test/shared/")) != first


def test_what_was_rendered_while_the_catalogue_changed_is_not_kept(site: Site, version: list[str]) -> None:
    def change() -> None:
        serving_urls.state.entered.acquire(timeout=10)
        version[0] = "2"
        # The change is looked at by another request, while the page is still being made.
        asyncio.run_coroutine_threadsafe(_look(site), loop).result(10)
        serving_urls.state.gate.set()

    loop = site._runner.get_loop()
    changer = threading.Thread(target=change)
    changer.start()
    first = number_of(site.get("/test/slow/"))
    changer.join()
    assert number_of(site.get("/test/slow/")) != first


async def _look(site: Site) -> None:
    transport = httpx.ASGITransport(site.application)
    async with httpx.AsyncClient(transport=transport, base_url="http://caller.example") as client:
        await client.get("/test/shared/")


def test_a_page_is_not_kept_longer_than_its_view_says(site: Site) -> None:
    first = number_of(site.get("/test/brief/"))
    threading.Event().wait(0.06)
    assert number_of(site.get("/test/brief/")) != first


def test_while_the_database_cannot_be_asked_pages_stay(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = number_of(site.get("/test/shared/"))
    cache: Any = site.application._application._application

    def gone() -> str:
        raise OSError("gone")

    monkeypatch.setattr(cache, "_read_version", gone)
    assert number_of(site.get("/test/shared/")) == first


def test_many_who_ask_for_the_same_at_once_wait_for_one_rendering(site: Site) -> None:
    threading.Timer(0.3, serving_urls.state.gate.set).start()
    answers = site.together([("/test/slow/", {})] * 20)
    assert len({number_of(answer) for answer in answers}) == 1


def test_who_leaves_stops_nothing_that_others_wait_for(site: Site) -> None:
    async def leave_and_wait() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site.application), base_url=ORIGIN) as client:
            first = asyncio.create_task(client.get("/test/slow/"))
            await asyncio.sleep(0.1)
            second = asyncio.create_task(client.get("/test/slow/"))
            await asyncio.sleep(0.1)
            first.cancel()
            serving_urls.state.gate.set()
            return await second

    assert site._runner.run(leave_and_wait()).status_code == 200


def test_each_language_has_a_page_and_only_the_four(site: Site) -> None:
    said = ["ar", "ar-MA;q=0.9, fr;q=0.1", "AR", "fr-CA", "de", "", "zgh", "en-GB,en;q=0.5", "x" * 5000, "\u00ff"]
    shown = [site.get("/test/shared/", accept_language=text) for text in said]
    assert [page.headers["content-language"] for page in shown] == [
        "ar", "ar", "ar", "fr", "fr", "fr", "zgh", "en", "fr", "fr",
    ]  # fmt: skip
    assert len({number_of(page) for page in shown}) == 4
    assert all(page.text.split()[1] == page.headers["content-language"] for page in shown)


def test_the_language_chosen_here_counts_before_the_browsers(site: Site) -> None:
    chosen = site.get("/test/shared/", cookie=f"{django_settings.LANGUAGE_COOKIE_NAME}=zgh", accept_language="ar")
    assert chosen.headers["content-language"] == "zgh"
    assert number_of(site.get("/test/shared/", accept_language="zgh")) == number_of(chosen)


def test_a_part_asked_by_htmx_is_not_given_as_the_page(site: Site) -> None:
    part = number_of(site.get("/test/shared/", hx_request="true"))
    assert number_of(site.get("/test/shared/")) != part
    assert number_of(site.get("/test/shared/", hx_request="true")) == part


def test_answers_say_what_they_vary_by(site: Site) -> None:
    fields = {"accept-language", "cookie", "accept-encoding", "hx-request"}
    assert set(site.get("/test/shared/").headers["vary"].lower().split(", ")) == fields
    assert {"accept-language", "cookie"} <= set(site.get("/test/own/").headers["vary"].lower().split(", "))


def test_questions_are_kept_as_they_are_asked(site: Site) -> None:
    asked = ["/test/shared/?a=1&b=2", "/test/shared/?b=2&a=1", "/test/shared/?a=1&b=2&", "/test/shared/"]
    assert len({number_of(site.get(path)) for path in asked}) == 4
    assert "?b=2&amp;a=1" not in site.get(asked[0]).text
    assert number_of(site.get(asked[1])) == number_of(site.get(asked[1]))


def test_a_huge_question_is_answered_and_not_kept(site: Site) -> None:
    path = f"/test/shared/?q={'x' * 5000}"
    assert number_of(site.get(path)) != number_of(site.get(path))


def test_many_questions_push_out_no_page_without_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    cache: PageCache = site.application._application._application
    cache._rooms[True]._most = 20_000
    home = number_of(site.get("/test/shared/"))
    for number in range(40):
        site.get(f"/test/shared/?q={number}")
    assert cache._rooms[True].size <= 20_000
    assert 0 < len(cache._rooms[True]) < 40
    assert number_of(site.get("/test/shared/")) == home


def test_who_has_the_page_is_told_so(site: Site) -> None:
    page = site.get("/test/shared/")
    again = site.get("/test/shared/", if_none_match=f'"other", {page.headers["etag"]}')
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == page.headers["etag"]
    assert again.headers["content-security-policy"] == page.headers["content-security-policy"]
    assert site.get("/test/shared/", if_none_match='"other"').status_code == 200
    assert site.get("/test/shared/?q=1", if_none_match=page.headers["etag"]).status_code == 200


def test_kept_pages_carry_the_same_headers_as_others(site: Site) -> None:
    names = ("content-security-policy", "permissions-policy", "x-content-type-options", "referrer-policy")
    site.get("/test/shared/")
    kept, rendered = site.get("/test/shared/"), site.get("/test/own/")
    assert [kept.headers[name] for name in names] == [rendered.headers[name] for name in names]


def test_head_is_answered_as_get_without_content(site: Site) -> None:
    page, head = site.get("/test/shared/"), site.get("/test/shared/", "HEAD")
    assert head.content == b""
    assert head.headers["etag"] == page.headers["etag"]
    assert head.headers["content-length"] == page.headers["content-length"]


def test_a_kept_page_travels_packed_to_who_reads_that(site: Site) -> None:
    packed = site.get("/test/shared/", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(packed.content) / 2
    assert site.get("/test/shared/").content == packed.content


@pytest.mark.parametrize(("path", "packed"), [("/test/own/", True), ("/test/own/?next=chosen", False)])
def test_a_page_with_what_the_caller_chose_is_not_packed(site: Site, path: str, packed: bool) -> None:
    answer = site.get(path, accept_encoding="gzip")
    assert (answer.headers.get("content-encoding") == "gzip") == packed
    assert FILLING in answer.text


FILLING = serving_urls.FILLING


def test_what_streams_is_sent_in_its_parts_and_not_packed(site: Site) -> None:
    answer = site.get("/test/streaming/", accept_encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert answer.text == "event: one\n\nevent: two\n\n"


def test_a_body_that_is_too_large_is_refused_before_django_reads_it(site: Site) -> None:
    assert site.get("/test/taking/", "POST", b"x" * 1000).text == "1000"
    refused = site.get("/test/taking/", "POST", b"x" * (serving.LARGEST_BODY + 1))
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "federation.too-large"


def test_static_files_travel_packed_and_are_kept_for_good(site: Site) -> None:
    for name, file in static_files():
        plain, packed = site.get(asset_url(name)), site.get(asset_url(name), accept_encoding="gzip")
        assert plain.content == packed.content == file.read_bytes()
        assert "immutable" in plain.headers["cache-control"]
        assert plain.headers["vary"] == "Accept-Encoding"
        if name.endswith((".css", ".js")) and len(plain.content) > 2000:
            assert packed.headers["content-encoding"] == "gzip"
    assert site.get("/static/0123456789ab/portal/css/jazari.css").status_code == 404
    assert site.get(asset_url("../serving.py")).status_code == 404


@pytest.mark.parametrize(
    ("said", "takes"),
    [("gzip", True), ("GZIP", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False),
     ("gzip;q=1.0", True), ("br", False), ("", False), ("xgzip", False)],
)  # fmt: skip
def test_gzip_is_sent_to_who_asks_for_it(said: str, takes: bool) -> None:
    assert takes_gzip({"headers": [(b"accept-encoding", said.encode())]}) is takes


HEADER_NAMES = st.sampled_from(
    [b"cookie", b"accept-language", b"hx-request", b"user-agent", b"authorization", b"x-other", b"host"]
)


@given(
    headers=st.lists(st.tuples(HEADER_NAMES, st.binary(max_size=60)), max_size=6),
    path=st.text(max_size=30),
    query=st.binary(max_size=30),
)
@hypothesis_settings(max_examples=200, deadline=None)
def test_whatever_is_sent_the_question_has_one_of_four_languages_and_no_session(
    headers: list[tuple[bytes, bytes]], path: str, query: bytes
) -> None:
    scope = {"method": "GET", "path": path, "query_string": query, "headers": headers}
    question = question_of(scope)
    if question is not None:
        assert question.language in dict(django_settings.LANGUAGES)
        assert not any(name == b"authorization" for name, _ in headers)
        scope["headers"] = [*headers, (b"cookie", f"{django_settings.SESSION_COOKIE_NAME}=x".encode())]
        assert question_of(scope) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000)), max_size=60))
@hypothesis_settings(deadline=None)
def test_a_room_never_holds_more_than_it_may(steps: list[tuple[int, int]]) -> None:
    room = Room(20_000)
    for number, size in steps:
        question = Question(f"/{number}", b"", "fr", fragment=False)
        page = Page((), b"x" * size, b"tag", 1.0, size)
        room.put(question, page)
        assert room.size <= 20_000
        assert room.get(question, 0.0) == (page if page.size <= 5_000 else None)
    assert room.size == sum(page.size for page in room._pages.values())
    assert all(room.get(Question(f"/{number}", b"", "fr", fragment=False), 2.0) is None for number in range(10))
    assert room.size == 0


def test_an_answer_packed_elsewhere_is_not_kept() -> None:
    assert may_be_kept(200, [(b"Content-Type", b"text/html")])
    assert not may_be_kept(200, [(b"Content-Encoding", b"gzip")])
    assert gzip.decompress(Page.of([], b"x", 0.0).packed) == b"x"
