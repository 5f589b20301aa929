"""Reading the journal beside the gateway that writes it: one receipt and its proof, the newest ones, all of it checked.

Nothing is locked or written. Reading takes milliseconds to seconds: call it in a thread where an event loop runs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from jazari.core import clock
from jazari.core.files import plain_os_errors
from jazari.gateway.balances import Balances
from jazari.gateway.errors import JournalDamaged, ReceiptNotFound, ReceiptUntrusted
from jazari.gateway.journal import segments
from jazari.gateway.journal_lines import GENESIS, BadLine, Line, check_lines, parse_line
from jazari.gateway.merkle import leaf_hash, path_of
from jazari.gateway.receipts import Anchor, Proof, Receipt

_ID = re.compile(r"rc-([0-9a-f]{11})-[0-9a-f]{20}")
_LONGEST_CALL_SECONDS = 2 * 3600
_ANCHOR = re.compile(rb'"kind":"anchor","n":([0-9]+),')
_RECEIPT = b'"kind":"receipt","n":'


LARGEST_DOCUMENT = 100_000
"""Bytes of a receipt with its proof; a whole one has a few thousand."""


def journal_folder(home: Path) -> Path:
    """Where the gateway of the node in ``home`` keeps its journal."""
    return home / "gateway" / "journal"


class Kept(BaseModel):
    """A receipt as kept: on line ``line`` of the journal; ``proof`` and ``anchor`` are None until it is anchored.

    Its JSON is what a client gets, keeps and can verify without us.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    receipt: Receipt
    line: int
    proof: Proof | None = None
    anchor: Anchor | None = None

    def document(self) -> dict[str, Any]:
        """As JSON; the receipt exactly as it was hashed: RFC 8785 of that member gives its leaf again."""
        return self.model_dump(mode="json") | {"receipt": json.loads(self.receipt.text())}

    @classmethod
    def read(cls, data: bytes) -> Kept:
        """From ``document``'s JSON; ``ReceiptUntrusted`` if it is something else."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ReceiptUntrusted(
                "This holds no receipt of a gateway: give what `jazari receipt show ID --json` printed."
            ) from error


def find_receipt(folder: Path, call: str) -> Kept:
    """The receipt of ``call`` with its proof; ``ReceiptNotFound`` if there is none (yet)."""
    wanted = f'"id":"{call}",'.encode()
    if _ID.fullmatch(call):
        for path in _likely(folder, int(call[3:14], 16) / 1000):
            data = _read(path)
            if (at := _receipt_at(data, wanted)) >= 0:
                return _kept(path, data, at)
    raise not_found(call)


def find_receipt_of(folder: Path, project: str, call: str) -> Kept:
    """The same for a client of ``project``: another's receipt is not found in the same words as none."""
    kept = find_receipt(folder, call)
    if _owner(kept.receipt.project) != _owner(project):
        raise not_found(call)
    return kept


def _owner(project: str) -> tuple[str, bool]:
    """Whose account it is: another institute has one for each month (``guests``), a project its own."""
    name, slash, _month = project.partition("/")
    return name, bool(slash)


def not_found(call: str) -> ReceiptNotFound:
    """What is said of a receipt that is not there."""
    return ReceiptNotFound(f"There is no receipt {call[:60]!r} here: check the id, and that the call has ended.")


def _read(path: Path) -> bytes:
    with plain_os_errors(path):
        return path.read_bytes()


def _likely(folder: Path, began: float) -> list[Path]:
    """Segments that were written to while a call that began at ``began`` (Unix seconds) can have ended.

    And the one after: a start after a crash writes receipts of calls that began long before. So whoever asks for ids
    at random makes us read little.
    """
    found = segments(folder)
    starts = [_start(path) for path in found]
    ends = [*starts[1:], math.inf]
    places = [i for i in range(len(found)) if starts[i] <= began + _LONGEST_CALL_SECONDS and ends[i] >= began - 1]
    return [found[i] for i in places] + found[places[-1] + 1 :][:1] if places else []


def _start(path: Path) -> float:
    with plain_os_errors(path), path.open("rb") as file:
        moment = file.read(len('{"at":"2026-11-26T09:00:00Z"'))[7:27]
    try:
        return datetime.strptime(moment.decode(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _receipt_at(data: bytes, wanted: bytes) -> int:
    """Where the line begins whose receipt has the id; -1 if none. Quotes in strings are escaped, so it is a member."""
    at = data.find(wanted)
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
        if end >= 0 and data.find(_RECEIPT, at, end) >= 0:
            return start
        at = data.find(wanted, at + 1)
    return -1


def _kept(path: Path, data: bytes, at: int) -> Kept:
    line = _line(path, data, at)
    for found in _ANCHOR.finditer(data, at):
        anchor = _anchor(_line(path, data, data.rfind(b"\n", 0, found.start()) + 1))
        if anchor.first <= line.n <= anchor.last:
            proof = _proof(path, data, line, anchor)
            return Kept(receipt=_receipt(line), line=line.n, proof=proof, anchor=anchor)
    return Kept(receipt=_receipt(line), line=line.n)


def _line(path: Path, data: bytes, at: int) -> Line:
    try:
        return parse_line(data[at : data.index(b"\n", at)])
    except ValueError as error:
        raise JournalDamaged(f"A line of {path} is not what was written: run `jazari receipt verify`.") from error


def _receipt(line: Line) -> Receipt:
    return Receipt.model_validate_json(line.text)


def _anchor(line: Line) -> Anchor:
    return Anchor.model_validate_json(line.text)


def _proof(path: Path, data: bytes, line: Line, anchor: Anchor) -> Proof:
    texts = data.split(b"\n")
    first = int(path.stem)
    lines = [_line(path, text + b"\n", 0) for text in texts[anchor.first - first : anchor.last - first + 1]]
    receipts = [one for one in lines if one.kind == "receipt"]
    index = next(i for i, one in enumerate(receipts) if one.n == line.n)
    path_up = path_of(index, [leaf_hash(one.text) for one in receipts])
    return Proof(index=index, count=len(receipts), path=tuple(step.hex() for step in path_up))


def newest_receipts(folder: Path, wanted: Callable[[Receipt], bool], most: int) -> list[Receipt]:
    """The newest receipts that ``wanted`` says yes to, at most ``most``, the newest first."""
    found: list[Receipt] = []
    for path in reversed(segments(folder)):
        for text in reversed(_read(path).split(b"\n")[:-1]):
            if _RECEIPT in text and wanted(receipt := _receipt(_line(path, text + b"\n", 0))):
                found.append(receipt)
                if len(found) == most:
                    return found
    return found


def read_balances(folder: Path) -> Balances:
    """What every project has spent and reserved by now, from the newest segment alone; nothing without a journal."""
    state = Balances()
    for path in segments(folder)[-1:]:
        first = int(path.stem)
        try:
            for line, _ in check_lines(_read(path), first, GENESIS if first == 1 else None):
                state.apply(line)
        except (ValueError, KeyError, TypeError) as error:
            raise JournalDamaged(f"{path} is not what was written: run `jazari receipt verify`.") from error
    return state


def receipts_since(folder: Path, moment: str) -> list[Receipt]:
    """All receipts written at ``moment`` (RFC 3339, UTC, to the second) or later, in order."""
    found: list[Receipt] = []
    for path in reversed(segments(folder)):
        texts = [text for text in _read(path).split(b"\n")[:-1] if _RECEIPT in text]
        receipts = (_receipt(_line(path, text + b"\n", 0)) for text in texts)
        found[:0] = [receipt for receipt in receipts if receipt.moment >= moment]
        if clock.timestamp(datetime.fromtimestamp(_start(path), UTC)) < moment:
            break
    return found


@dataclass
class Checked:
    """What a journal holds whose lines all follow each other: counted from line ``first``."""

    first: int
    lines: int
    receipts: int
    spent: dict[str, int]
    anchors: list[Anchor]


def check_journal(folder: Path) -> Checked:
    """Read all of it: the chain, every balance and every root; ``JournalDamaged`` at the first that is not as written.

    Whoever can write the files can also write them anew as a whole: only the anchors in the audit trail show that.
    """
    state, found = Balances(), Checked(0, 0, 0, {}, [])
    for line in _all_lines(folder):
        try:
            state.apply(line)
            if line.kind == "receipt":
                _receipt(line)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(folder, line.n, str(error)) from error
        found.first, found.lines = found.first or line.n, found.lines + 1
        found.receipts += line.kind == "receipt"
        if line.kind == "anchor":
            found.anchors.append(_anchor(line))
    found.spent = state.spent
    return found


def _all_lines(folder: Path) -> Iterator[Line]:
    n, prev = 0, ""
    for path in segments(folder):
        first = int(path.stem)
        if n and first != n + 1:
            raise _damaged(folder, n + 1, "it is missing")
        n = first - 1
        try:
            for line, _ in check_lines(_read(path), first, prev or (GENESIS if first == 1 else None)):
                yield line
                n, prev = line.n, line.hash
        except BadLine as error:
            raise _damaged(folder, n + 1, str(error)) from error


def _damaged(folder: Path, n: int, why: str) -> JournalDamaged:
    return JournalDamaged(
        f"Line {n} of the journal in {folder} is not what was written ({why[:200]}): keep a copy and compare it with "
        "a backup."
    )
