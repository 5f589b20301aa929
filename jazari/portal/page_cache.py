"""Pages that are the same for everybody, rendered once and then sent as bytes.

A view says so with ``@same_for_all`` (``jazari.accounts.access``). Such a page is rendered from a request made up of
nothing but the ``Question``: no cookie, no token, no header of the caller's reaches the view, so that no page of
somebody who has signed in can ever be kept, and nobody can plant anything in a page of others. It is forgotten when the
verified catalogue changes, which is looked at once a second, and in any case after the time that its view says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.http import parse_cookie
from django.urls import Resolver404, resolve

from jazari.accounts.access import same_for_all_seconds
from jazari.accounts.limits import address_of
from jazari.federation.http import Application, Message, Receive, Scope, Send
from jazari.portal.kept import Page, Question, Room, may_be_kept
from jazari.portal.languages import language_for
from jazari.portal.packing import Headers, Packed, Packing, takes_gzip, without

LONGEST_QUESTION = 1_024
"""Bytes of path and query; longer ones are answered, and not kept."""
LARGEST_PAGE = 1_000_000
ROOM = 12_000_000
ROOM_WITH_QUERY = 4_000_000
"""Of their own: whoever asks one question after another pushes out nothing but other questions."""
LOOK_SECONDS = 1.0
MOST_RENDERINGS = 8
"""At once, for readers without an account: those with one need not wait behind them."""
_MESSAGES = "messages"
"""The cookie of Django's messages: somebody is to be told something on the next page."""
_log = logging.getLogger("jazari.portal.cache")


@dataclass
class Answer:
    """What Django answered, whole."""

    status: int = 500
    headers: Headers = field(default_factory=list)
    content: bytes = b""


class PageCache:
    """ASGI in front of Django; ``version`` tells of the catalogue's state (it may ask the database)."""

    def __init__(self, pages: Application, version: Callable[[], str]) -> None:
        self._pages = pages
        self._application = Packed(pages)
        self._read_version = version
        self._version = ""
        self._looked = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._rooms = {False: Room(ROOM), True: Room(ROOM_WITH_QUERY)}
        self._under_way: dict[Question, asyncio.Task[tuple[Answer, Page | None]]] = {}
        self._turns = asyncio.Semaphore(MOST_RENDERINGS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        question = question_of(scope)
        if question is None:
            await self._application(scope, receive, send)
            return
        await self._look()
        page = self._rooms[bool(question.query)].get(question, time.monotonic())
        if page is not None:
            await send_page(page, scope, send)
            return
        seconds = seconds_of(question.path)
        if seconds:
            await self._render_or_wait(question, seconds, scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _render_or_wait(
        self, question: Question, seconds: float, scope: Scope, receive: Receive, send: Send
    ) -> None:
        task = self._under_way.get(question)
        first = task is None
        if task is None:
            task = asyncio.create_task(self._render(question, seconds, scope))
            self._under_way[question] = task
            task.add_done_callback(lambda _: self._under_way.pop(question, None))
        answer, page = await asyncio.shield(task)  # whoever leaves must not stop it: others wait for the same
        if page is not None:
            await send_page(page, scope, send)
        elif first:
            await _send_answer(answer, Packing(send))
        else:
            await self._application(scope, receive, send)  # an answer that is not everybody's was for the first

    async def _render(self, question: Question, seconds: float, scope: Scope) -> tuple[Answer, Page | None]:
        version = self._version
        async with self._turns:
            answer = await _ask(self._pages, bare(scope, question))
        if not may_be_kept(answer.status, answer.headers) or len(answer.content) > LARGEST_PAGE:
            return answer, None
        page = Page.of(answer.headers, answer.content, time.monotonic() + seconds)
        if version == self._version:  # else it may tell of before
            self._rooms[bool(question.query)].put(question, page)
        return answer, page

    async def _look(self) -> None:
        """Forget everything if the catalogue has changed; ask that once a second."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_now())
        await asyncio.shield(self._looking)

    async def _look_now(self) -> None:
        try:
            version = await sync_to_async(self._read_and_close, thread_sensitive=False)()
        except Exception:
            # What was verified stays readable while the database cannot be asked.
            _log.warning("The version of the catalogue cannot be read; pages stay as they are.", exc_info=True)
            version = self._version
        if version != self._version:
            for room in self._rooms.values():
                room.clear()
        self._version, self._looked, self._looking = version, time.monotonic(), None

    def _read_and_close(self) -> str:
        """In a thread of no request, where nobody else would close the connection."""
        try:
            return self._read_version()
        finally:
            connection.close()


def question_of(scope: Scope) -> Question | None:
    """What is asked; None where the answer may be the caller's alone, or is too long a question to keep."""
    if scope["method"] not in ("GET", "HEAD") or len(scope["path"]) + len(scope["query_string"]) > LONGEST_QUESTION:
        return None
    accepts, cookies, fragment, restores = "", [], False, False
    for name, value in scope["headers"]:
        if name == b"authorization":
            return None
        if name == b"accept-language":
            accepts = value.decode("latin-1")
        elif name == b"cookie":
            cookies.append(value.decode("latin-1"))
        elif name == b"hx-request":
            fragment = value == b"true"
        elif name == b"hx-history-restore-request":
            restores = True
    sent = parse_cookie("; ".join(cookies))
    if settings.SESSION_COOKIE_NAME in sent or _MESSAGES in sent:
        return None
    language = language_for(sent.get(settings.LANGUAGE_COOKIE_NAME, ""), accepts)
    return Question(scope["path"], scope["query_string"], language, fragment and not restores)


def seconds_of(path: str) -> float:
    """For how long the page at ``path`` is the same for everybody; 0 where it is not, or there is none."""
    try:
        return same_for_all_seconds(resolve(path).func)
    except Resolver404:
        return 0.0


def bare(scope: Scope, question: Question) -> Scope:
    """A request that holds the question alone; the address of the caller stays, for limits."""
    host = [(name, value) for name, value in scope["headers"] if name == b"host"]
    headers = [*host, (b"accept-language", question.language.encode())]
    if question.fragment:
        headers.append((b"hx-request", b"true"))
    kept = {name: scope[name] for name in ("type", "asgi", "http_version", "scheme", "path", "query_string")}
    return {**kept, "method": "GET", "headers": headers, "client": _client(scope), "server": scope.get("server")}


def _client(scope: Scope) -> tuple[str, int] | None:
    """Whence the caller comes, also behind our proxies."""
    direct = scope.get("client")
    if direct is None:
        return None
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    return address_of(direct[0], forwarded.decode("latin-1")), direct[1]


async def send_page(page: Page, scope: Scope, send: Send) -> None:
    """Send a kept page: whole, packed, only its head, or the news that the caller has it already."""
    headers = list(page.headers)
    if _has_it(scope, page.tag):
        await _send(send, 304, without(headers, b"content-type"), b"")
        return
    packed = takes_gzip(scope)
    content = page.packed if packed else page.content
    if packed:
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(content)).encode()))
    await _send(send, 200, headers, b"" if scope["method"] == "HEAD" else content)


def _has_it(scope: Scope, tag: bytes) -> bool:
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            said = {one.strip().removeprefix(b"W/") for one in value.split(b",")}
            return b"*" in said or tag.removeprefix(b"W/") in said
    return False


async def _ask(application: Application, scope: Scope) -> Answer:
    answer, given = Answer(), False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()  # nobody leaves: the answer is for all who wait
        given = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.content += message.get("body", b"")

    await application(scope, receive, collect)
    return answer


async def _send_answer(answer: Answer, send: Send) -> None:
    headers = [*without(answer.headers, b"content-length"), (b"content-length", str(len(answer.content)).encode())]
    await _send(send, answer.status, headers, answer.content)


async def _send(send: Send, status: int, headers: Headers, content: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
