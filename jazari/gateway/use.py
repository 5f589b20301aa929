"""Use over time: sums of each day, added up from the journal as it grows and kept in a table.

The journal is the truth and the table a cache of it: each receipt is added once, in the transaction that moves the
mark. Where the journal is not the one that was counted (restored from a backup), all is counted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from django.db import transaction

from jazari.core.files import plain_os_errors
from jazari.gateway.errors import JournalDamaged
from jazari.gateway.journal import segments
from jazari.gateway.journal_lines import BadLine, parse_line
from jazari.gateway.models import DailyUse, UseMark
from jazari.gateway.receipt_files import journal_folder
from jazari.governance.turns import take_turn
from jazari.settings.home import Home

MOST_AT_ONCE = 8 * 1024 * 1024
"""Bytes of the journal that one page adds up, about a third of a second; the worker takes more."""
ANSWERED = "answered"
SUMS = ("calls", "answered", "prompt_tokens", "completion_tokens", "microcredits", "microwatt_hours", "unmetered")
_TURN = 0x4A5A555345
_RECEIPT = b'"kind":"receipt","n":'
_SEAL_END = 2  # "}
Key = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Place:
    """Where counting stands; as ``UseMark``."""

    segment: str = ""
    offset: int = 0
    line: int = 0
    hash: str = ""
    moment: str = ""


@dataclass
class Sums:
    """Sums by day, project, route, provider and model, in the order of ``SUMS``."""

    by_key: dict[Key, list[int]] = field(default_factory=dict)

    def add(self, receipt: Mapping[str, Any]) -> None:
        """One more receipt, as it stands in the journal: what is at its default is not written there."""
        key = tuple(str(receipt.get(name, "")) for name in ("project", "route", "provider", "model"))
        sums = self.by_key.setdefault((str(receipt["moment"])[:10], *key), [0] * len(SUMS))  # type: ignore[arg-type]
        usage, energy = receipt.get("usage", {}), receipt.get("energy_microwatt_hours")
        answered = receipt.get("outcome") == ANSWERED
        values = (
            1,
            int(answered),
            usage.get("prompt_tokens", 0),
            usage.get("completion_tokens", 0),
            receipt.get("charge", 0),
            energy or 0,
            int(answered and energy is None),
        )
        for i, value in enumerate(values):
            sums[i] += value


@dataclass(frozen=True)
class Counted:
    """``moment``: up to which the table is complete, "" before the first line; ``behind``: newer lines wait."""

    moment: str
    behind: bool


def count(home: Home, most_bytes: int = MOST_AT_ONCE) -> Counted:
    """Add what is new in the journal to the table, ``most_bytes`` of it at most.

    Raises ``JournalDamaged`` at a line that is not what was written; what comes before it is counted.
    """
    folder = journal_folder(home.path)
    before = _mark()
    start = before if _is_there(folder, before) else Place()
    sums, place, behind = _read(folder, start, most_bytes)
    if place != before:
        _keep(before, place, sums, anew=start != before)
    return Counted(place.moment, behind)


def _mark() -> Place:
    row = UseMark.objects.filter(pk=1).values("segment", "offset", "line", "hash", "moment").first()
    return Place(**row) if row else Place()


def _is_there(folder: Path, place: Place) -> bool:
    """Whether the journal holds the line that was counted last, or everything up to it was put away."""
    if not place.segment:
        return True
    path = folder / f"{place.segment}.ndjson"
    if not path.exists():
        return any(int(one.stem) > place.line for one in segments(folder))
    with plain_os_errors(path), path.open("rb") as file:
        file.seek(max(0, place.offset - 64 - _SEAL_END - 1))
        return file.read(64) == place.hash.encode()


def _read(folder: Path, place: Place, most_bytes: int) -> tuple[Sums, Place, bool]:
    sums, left = Sums(), most_bytes
    for path in segments(folder):
        if place.segment and path.stem < place.segment:
            continue
        offset = place.offset if path.stem == place.segment else 0
        data, more = _piece(path, offset, left)
        place = _add(sums, path, offset, data, place)
        left -= len(data)
        if more:
            return sums, place, True
    return sums, place, False


def _piece(path: Path, offset: int, most: int) -> tuple[bytes, bool]:
    """Whole lines from ``offset``, ``most`` bytes at most, and whether there are more."""
    with plain_os_errors(path), path.open("rb") as file:
        file.seek(offset)
        data = file.read(max(0, most) + 1)
    whole = data[: data.rfind(b"\n", 0, max(0, most)) + 1]
    return whole, len(data) > most


def _add(sums: Sums, path: Path, offset: int, data: bytes, place: Place) -> Place:
    last = b""
    for text in data.split(b"\n")[:-1]:
        last = text
        if _RECEIPT in text:
            try:
                sums.add(parse_line(text).body)
            except (BadLine, KeyError, TypeError, AttributeError) as error:
                raise _damaged(path) from error
    if not last:
        return place
    try:
        line = parse_line(last)
    except BadLine as error:
        raise _damaged(path) from error
    return Place(path.stem, offset + len(data), line.n, line.hash, line.at)


def _damaged(path: Path) -> JournalDamaged:
    return JournalDamaged(f"A line of {path} is not what was written: run `jazari receipt verify`.")


def _keep(before: Place, after: Place, sums: Sums, *, anew: bool) -> None:
    """Add ``sums`` and move the mark, unless somebody else moved it meanwhile: then they counted the same."""
    with transaction.atomic():
        take_turn(_TURN)
        if _mark() != before:
            return
        if anew:
            DailyUse.objects.all().delete()
        _add_rows(sums.by_key)
        values = {name: getattr(after, name) for name in ("segment", "offset", "line", "hash", "moment")}
        UseMark.objects.update_or_create(pk=1, defaults=values)


def _add_rows(by_key: Mapping[Key, list[int]]) -> None:
    days = sorted({key[0] for key in by_key})
    known = {_key_of(row): row for row in DailyUse.objects.filter(day__in=days)}
    new = []
    for key, values in by_key.items():
        row = known.get(key)
        if row is None:
            day, project, route, provider, model = key
            row = DailyUse(day=date.fromisoformat(day), project=project, route=route, provider=provider, model=model)
            new.append(row)
        for name, value in zip(SUMS, values, strict=True):
            setattr(row, name, getattr(row, name) + value)
    DailyUse.objects.bulk_create(new, batch_size=500)
    DailyUse.objects.bulk_update([row for key, row in known.items() if key in by_key], SUMS, batch_size=50)


def _key_of(row: DailyUse) -> Key:
    return row.day.isoformat(), row.project, row.route, row.provider, row.model
