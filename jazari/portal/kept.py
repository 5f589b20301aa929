"""Pages as bytes, the least recently read ones forgotten first."""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from jazari.portal.packing import Headers, header, pack, with_vary, without

FIELDS = ("Accept-Language", "Cookie", "Accept-Encoding", "HX-Request", "HX-History-Restore-Request")
"""What a question is made of, besides its address."""
VARIES = frozenset(field.lower().encode() for field in FIELDS)


@dataclass(frozen=True)
class Question:
    """All that a page which is the same for everybody may depend on.

    ``fragment``: htmx asked for a part of it, and not for a page of its history, which is a whole one.
    """

    path: str
    query: bytes
    language: str
    fragment: bool


@dataclass(frozen=True)
class Page:
    """A page ready to be sent. ``packed``: its content as gzip. ``until``: when it is too old (``time.monotonic``)."""

    headers: tuple[tuple[bytes, bytes], ...]
    packed: bytes
    tag: bytes
    until: float
    length: int

    @classmethod
    def of(cls, headers: Headers, content: bytes, until: float) -> Page:
        """The page with headers that let browsers keep it and ask each time whether it is still so."""
        tag = tag_of(content).encode()
        plain = without(headers, b"content-length", b"cache-control", b"etag")
        plain = with_vary(plain, *FIELDS)
        return cls((*plain, (b"cache-control", b"no-cache"), (b"etag", tag)), pack(content), tag, until, len(content))

    @property
    def content(self) -> bytes:
        """The page as it was rendered, for the few who do not read gzip."""
        return gzip.decompress(self.packed)

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.packed) + sum(len(name) + len(value) + 120 for name, value in self.headers) + 500


def may_be_kept(status: int, headers: Headers) -> bool:
    """Whether an answer is everybody's: a whole page that sets no cookie and varies by nothing that is not asked."""
    rule = header(headers, b"cache-control").lower()
    varies = {field.strip() for field in header(headers, b"vary").lower().split(b",") if field.strip()}
    return (
        status == 200
        and not header(headers, b"set-cookie")
        and not header(headers, b"content-encoding")
        and not any(word in rule for word in (b"no-store", b"private"))
        and varies <= VARIES
    )


def tag_of(content: bytes) -> str:
    """A weak ETag: the same for the same content, packed or not."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:24]}"'


class Room:
    """Pages by question, ``most`` bytes of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pages: OrderedDict[Question, Page] = OrderedDict()
        self.size = 0

    def get(self, question: Question, now: float) -> Page | None:
        """The page, unless there is none or it is too old."""
        page = self._pages.get(question)
        if page is None:
            return None
        if page.until < now:
            self._drop(question)
            return None
        self._pages.move_to_end(question)
        return page

    def put(self, question: Question, page: Page) -> None:
        """Keep a page; a quarter of the room is the most that one may take."""
        if question in self._pages:
            self._drop(question)
        if page.size > self._most // 4:
            return
        self._pages[question] = page
        self.size += page.size
        while self.size > self._most:
            self._drop(next(iter(self._pages)))

    def clear(self) -> None:
        """Forget all."""
        self._pages.clear()
        self.size = 0

    def __len__(self) -> int:
        return len(self._pages)

    def _drop(self, question: Question) -> None:
        self.size -= self._pages.pop(question).size
