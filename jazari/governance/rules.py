"""What an audit entry is, how entries are chained, and what is wrong with a chain. Pure."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from jazari.core.canonical import canonical_json
from jazari.core.errors import JazariError
from jazari.governance.cards import CheckpointCard

GENESIS = "0" * 64
LONGEST_NAME = 300
LARGEST_DETAIL = 65_536
DEEPEST_DETAIL = 16
MOST_PROBLEMS = 100

Trouble = Literal["changed", "deleted", "relinked", "rewritten", "truncated"]


@dataclass(frozen=True)
class Entry:
    """One line of the trail, as stored. ``detail`` is the canonical JSON text that was hashed."""

    seq: int
    moment: str
    kind: str
    actor: str
    subject: str
    detail: str
    event_id: str | None
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class Problem:
    """What is wrong at entry ``seq``, in one sentence."""

    trouble: Trouble
    seq: int
    message: str


def entry_hash(entry: Entry) -> str:
    """SHA-256 over every field but the hash itself, the previous entry's hash included; hexadecimal.

    A stored value of a type that never was ours (a planted blob or number) hashes to the empty string,
    which equals no hash.
    """
    fields = {name: getattr(entry, name) for name in _HASHED}
    try:
        return hashlib.sha256(canonical_json(fields)).hexdigest()
    except (JazariError, TypeError, ValueError):
        return ""


_HASHED = ("seq", "moment", "kind", "actor", "subject", "detail", "event_id", "previous_hash")


def check_chain(
    entries: Iterable[Entry], checkpoints: Iterable[CheckpointCard] = (), after: tuple[int, str] = (0, GENESIS)
) -> Iterator[Problem]:
    """Everything wrong with ``entries`` (in order of ``seq``), at most ``MOST_PROBLEMS`` of them.

    ``after``: number and hash of the entry that they follow, where they are not the whole trail. Without checkpoints
    a trail cut at its end, or rewritten from some entry to the end with all hashes recomputed, cannot be told from an
    honest one: that is what publishing checkpoints is for.
    """
    known = {card.entries: card for card in checkpoints}
    for count, problem in enumerate(_walk(entries, known, after)):
        if count == MOST_PROBLEMS:
            return
        yield problem


def _walk(entries: Iterable[Entry], known: Mapping[int, CheckpointCard], after: tuple[int, str]) -> Iterator[Problem]:
    seq, previous = after
    for entry in entries:
        yield from _check_entry(entry, seq, previous)
        if entry.seq in known and known[entry.seq].head != entry.hash:
            yield Problem(
                "rewritten",
                entry.seq,
                f"Entry {entry.seq} is not the one in the checkpoint published on {known[entry.seq].moment}.",
            )
        seq, previous = entry.seq, entry.hash
    for end in sorted(number for number in known if number > seq):
        yield Problem(
            "truncated",
            end,
            f"The trail ends at entry {seq}, but a published checkpoint says that it had {end} entries on "
            f"{known[end].moment}.",
        )


def _check_entry(entry: Entry, seq: int, previous: str) -> Iterator[Problem]:
    if entry.seq != seq + 1:
        missing = f"{seq + 1}" if entry.seq == seq + 2 else f"{seq + 1} to {entry.seq - 1}"
        yield Problem("deleted", seq + 1, f"Missing before entry {entry.seq}: {missing}.")
    if entry_hash(entry) != entry.hash:
        yield Problem("changed", entry.seq, f"Entry {entry.seq} is not what was written: its hash differs.")
    elif entry.seq == seq + 1 and entry.previous_hash != previous:
        yield Problem(
            "relinked", entry.seq, f"Entry {entry.seq} does not follow entry {seq}: one of them was replaced."
        )


def checkpoint_due(
    published: CheckpointCard | None, entries: int, age: timedelta, *, most: int, longest: timedelta
) -> bool:
    """Whether a new checkpoint should be published.

    Publishing one leaves an entry itself, so a single new entry waits for ``longest`` to pass.
    """
    fresh = entries - (published.entries if published else 0)
    if fresh <= 0:
        return False
    return published is None or fresh >= most or (fresh > 1 and age >= longest)


def plain_name(text: object) -> str:
    """``text`` fit for a line of the trail: no control or broken characters, at most ``LONGEST_NAME``.

    The trail must take whatever an attacker put in a name, so bad characters are replaced, not refused.
    """
    shown = "".join("\ufffd" if _is_bad(character) else character for character in str(text))
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff")


def _is_bad(character: str) -> bool:
    return character in _BIDI or unicodedata.category(character) in ("Cc", "Cs")


def detail_text(detail: Mapping[str, Any]) -> str:
    """Canonical JSON of ``detail``. What JSON cannot carry becomes text; what is too large is left out.

    A detail never stops the entry: the fact that something happened outweighs its particulars.
    """
    try:
        text = canonical_json(_plain(dict(detail), DEEPEST_DETAIL)).decode()
    except (JazariError, ValueError, TypeError) as error:
        return canonical_json({"omitted": f"not representable ({type(error).__name__})"}).decode()
    if len(text.encode()) > LARGEST_DETAIL:
        return canonical_json({"omitted": "too large", "bytes": len(text.encode())}).decode()
    return text


def _plain(value: Any, depth: int) -> Any:
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {_text(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in value]
    return value if _is_json_number(value) or value is None or isinstance(value, bool) else _text(value)


def _is_json_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and abs(value) < 2**53


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()
