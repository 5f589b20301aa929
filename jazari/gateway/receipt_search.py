"""Looking for receipts in the journal, the newest first, a bounded part of it at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jazari.core.files import plain_os_errors
from jazari.gateway.errors import JournalDamaged
from jazari.gateway.journal import segments
from jazari.gateway.journal_lines import BadLine, parse_line
from jazari.gateway.receipts import Receipt

MOST_SEARCHED = 64 * 1024 * 1024
"""Bytes of the journal that one search reads at most."""
_RECEIPT = b'"kind":"receipt","n":'


@dataclass(frozen=True)
class Wanted:
    """What receipts are looked for. Days are whole ones of UTC."""

    project: str = ""
    route: str = ""
    outcome: str = ""
    since: date | None = None
    until: date | None = None

    def fits(self, receipt: Receipt) -> bool:
        """Whether it is one of them."""
        day = receipt.moment[:10]
        return (
            self.project in ("", receipt.project)
            and self.route in ("", receipt.route)
            and self.outcome in ("", receipt.outcome)
            and (self.since is None or day >= self.since.isoformat())
            and (self.until is None or day <= self.until.isoformat())
        )

    def marks(self) -> list[bytes]:
        """What is in the bytes of every line that fits, so that most others need not be parsed."""
        named = {"project": self.project, "route": self.route, "outcome": self.outcome}
        # Canonical JSON, as in the journal: names in quotes, no spaces.
        return [f'"{name}":{json.dumps(v, ensure_ascii=False)}'.encode() for name, v in named.items() if v]


@dataclass(frozen=True)
class FoundReceipts:
    """Receipts with the numbers of their lines, the newest first. ``older``: the line below which to go on, or None.

    ``down_to`` is the day of the oldest line that was looked at, "" where all were.
    """

    receipts: list[tuple[int, Receipt]]
    older: int | None = None
    down_to: str = ""


def search_receipts(
    folder: Path, wanted: Wanted, before: int | None = None, limit: int = 50, most_bytes: int = MOST_SEARCHED
) -> FoundReceipts:
    """The newest receipts on lines below ``before`` that fit; ``JournalDamaged`` at one that is not as written."""
    found: list[tuple[int, Receipt]] = []
    left, marks = most_bytes, wanted.marks()
    for path in reversed(segments(folder)):
        first = int(path.stem)
        if before is not None and first >= before:
            continue
        if left <= 0:
            return FoundReceipts(found, before, _day(path))
        with plain_os_errors(path):
            data = path.read_bytes()
        left -= len(data)
        for number, text in _lines(data, first, before):
            if all(mark in text for mark in marks) and wanted.fits(receipt := _receipt(path, text)):
                found.append((number, receipt))
                if len(found) == limit:
                    return FoundReceipts(found, number)
        if wanted.since is not None and _day_of(data) < wanted.since.isoformat():
            return FoundReceipts(found)
        before = first
    return FoundReceipts(found)


def _lines(data: bytes, first: int, before: int | None) -> Iterator[tuple[int, bytes]]:
    """Lines with a receipt, the last first. The last piece is no line yet, or empty."""
    texts = data.split(b"\n")[:-1]
    top = len(texts) if before is None else min(len(texts), before - first)
    for i in range(top - 1, -1, -1):
        if _RECEIPT in texts[i]:
            yield first + i, texts[i]


def _receipt(path: Path, text: bytes) -> Receipt:
    try:
        return Receipt.model_validate_json(parse_line(text).text)
    except (BadLine, ValueError) as error:
        raise JournalDamaged(f"A line of {path} is not what was written: run `jazari receipt verify`.") from error


def _day(path: Path) -> str:
    with plain_os_errors(path), path.open("rb") as file:
        return _day_of(file.read(40))


def _day_of(data: bytes) -> str:
    return data[7:17].decode("ascii", "replace")
