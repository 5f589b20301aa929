"""One line of the journal: how it is written, and whether it is what was written. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
_SEAL = b',"hash":"'
_BODY = len(b'{"at":"2026-11-26T09:00:00Z","body":')
_SEAL_LENGTH = len(_SEAL) + 64 + 2  # ,"hash":"<64>"}


@dataclass(frozen=True)
class Line:
    """A line that is whole: its number (from 1), moment, kind, body, and the hashes that chain it.

    ``text`` is the body's canonical JSON, as it was written.
    """

    n: int
    at: str
    kind: str
    body: dict[str, Any]
    prev: str
    hash: str
    text: bytes


class BadLine(ValueError):
    """Why a line is not the one that was written; the journal says where."""


def line_bytes(n: int, at: str, kind: str, body: str, prev: str) -> tuple[bytes, str]:
    """A line with its newline, and its hash. ``body`` is canonical JSON; the members are in canonical order."""
    text = f'{{"at":"{at}","body":{body},"kind":"{kind}","n":{n},"prev":"{prev}"}}'.encode()
    digest = hashlib.sha256(text).hexdigest()
    return b'%s,"hash":"%s"}\n' % (text[:-1], digest.encode()), digest


def parse_line(data: bytes) -> Line:
    """The line in ``data`` (without its newline); ``BadLine`` if its hash is not that of its bytes."""
    # Strings hold no bare quotes and only a number and a hash follow, so the last member ``kind`` ends the body.
    text, seal = data[:-_SEAL_LENGTH], data[-_SEAL_LENGTH:]
    digest = hashlib.sha256(text + b"}").hexdigest()
    if seal != b'%s%s"}' % (_SEAL, digest.encode()):
        raise BadLine("its hash is not that of its text")
    try:
        fields = json.loads(text + b"}")
        return Line(**fields, hash=digest, text=text[_BODY : text.rindex(b',"kind":"')])
    except (ValueError, TypeError, RecursionError) as error:
        raise BadLine("it is no line of a journal") from error


def check_lines(data: bytes, n: int, prev: str | None) -> Iterator[tuple[Line, int]]:
    """The whole lines of ``data`` with the offset where each ends; ``BadLine`` at the first that does not follow.

    The first must be number ``n`` and follow ``prev`` (any, if None). What comes after the last newline is left out.
    """
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        line = parse_line(data[start:end])
        if line.n != n or (prev is not None and line.prev != prev):
            raise BadLine(f"it does not follow line {n - 1}")
        yield line, end + 1
        n, prev, start = n + 1, line.hash, end + 1
