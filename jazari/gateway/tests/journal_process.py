"""A process that keeps a ledger, to be killed or to run out of disk: `python -m ... FOLDER MODE`."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from jazari.gateway.errors import JournalUnwritable
from jazari.gateway.journal import Journal
from jazari.gateway.ledger import Ledger
from jazari.gateway.receipts import Receipt, new_call_id

GRANTED = 10**12


def receipt_of(call: str, project: str = "archives", charge: int = 7) -> Receipt:
    return Receipt(id=call, project=project, charge=charge, outcome="ok", status=200, moment="2026-11-26T09:00:00Z")


def open_ledger(folder: Path) -> tuple[Journal, Ledger]:
    journal = Journal.open(folder, segment_bytes=20_000)
    ledger = Ledger(journal)
    ledger.set_grants({"archives": GRANTED})
    return journal, ledger


def settle_for_ever(folder: Path) -> None:
    _, ledger = open_ledger(folder)
    while True:
        call, lost = new_call_id(), new_call_id()
        ledger.reserve(call, "archives", 10)
        ledger.reserve(lost, "archives", 10)
        ledger.settle(call, receipt_of(call))
        os.write(1, f"{call}\n".encode())
        ledger.settle(lost, receipt_of(lost))


def refuses(ledger: Ledger) -> bool:
    try:
        ledger.reserve(new_call_id(), "archives", 10)
    except JournalUnwritable:
        return True
    return False


def fill_the_disk(folder: Path) -> None:
    """On a disk of 6 MiB: what had begun is settled from the last room, and nothing new begins."""
    journal, ledger = open_ledger(folder)
    calls = [new_call_id() for _ in range(200)]
    for call in calls:
        ledger.reserve(call, "archives", 10)
    filler = os.open(folder.parent / "filler", os.O_CREAT | os.O_WRONLY)
    fill(filler)
    while not refuses(ledger):
        pass
    before = ledger.balance("archives")
    for call in calls:
        ledger.settle(call, receipt_of(call))
    settled = ledger.balance("archives")
    assert settled.spent - before.spent == 7 * len(calls)
    fill(filler)
    assert refuses(ledger)
    assert ledger.balance("archives") == settled
    os.ftruncate(filler, 0)
    time.sleep(1.1)
    assert not refuses(ledger)
    journal.close()


def fill(descriptor: int) -> None:
    try:
        while True:
            os.write(descriptor, b"x" * 4096)
    except OSError:
        pass


def largest_file(folder: Path) -> None:
    """Writes fail in the middle of a line: it is cut off, the reservation stays, and settling works later."""
    journal, ledger = open_ledger(folder)
    call = new_call_id()
    ledger.reserve(call, "archives", 10)
    size = max(path.stat().st_size for path in folder.glob("*.ndjson"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    before = ledger.balance("archives")
    for _ in range(3):
        try:
            ledger.settle(call, receipt_of(call))
        except JournalUnwritable:
            assert ledger.balance("archives") == before
        else:
            raise AssertionError("it was written over the limit")
    assert refuses(ledger)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ledger.settle(call, receipt_of(call))
    assert ledger.balance("archives").spent == 7
    journal.close()


if __name__ == "__main__":
    modes = {"for-ever": settle_for_ever, "full-disk": fill_the_disk, "largest-file": largest_file}
    modes[sys.argv[2]](Path(sys.argv[1]))
