"""Credits stay exact: over any sequence of calls, and over a crash at any byte."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.gateway.balances import About
from jazari.gateway.errors import BadAccounting, JournalDamaged, OutOfCredits, ReceiptNotFound
from jazari.gateway.journal import Journal, segments
from jazari.gateway.ledger import MOST_IN_BATCH, Balance, Ledger
from jazari.gateway.receipt_files import Kept, check_journal, find_receipt, newest_receipts
from jazari.gateway.receipts import Receipt, canonical_text, new_call_id, verify
from jazari.gateway.tests.journal_process import receipt_of
from jazari.gateway.words import DataClass, Kind
from jazari.governance.spool import read_event, write_event

PROJECTS = ["archives", "mairie"]


@dataclass
class Books:
    """What the ledger must say: kept apart from it, in the simplest way."""

    spent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROJECTS, 0))
    held: dict[str, tuple[str, int]] = field(default_factory=dict)
    receipts: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Books:
        return Books(dict(self.spent), dict(self.held), dict(self.receipts))


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="jazari-ledger-"))
        self.granted = dict.fromkeys(PROJECTS, 0)
        self.books = Books()
        # After each change: which file was the newest, how long it was, and the books then.
        self.history: list[tuple[Path, int, Books]] = []
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.folder, segment_bytes=3000)
        self.ledger = Ledger(self.journal)
        self.ledger.set_grants(self.granted)
        self.remember()

    def remember(self) -> None:
        newest = segments(self.folder)[-1]
        self.history.append((newest, newest.stat().st_size, self.books.copy()))

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)

    @rule(project=st.sampled_from(PROJECTS), amount=st.integers(0, 1000))
    def grant(self, project: str, amount: int) -> None:
        self.granted[project] += amount
        self.ledger.set_grants(self.granted)

    @rule(project=st.sampled_from(PROJECTS), amount=st.integers(0, 600))
    def reserve(self, project: str, amount: int) -> None:
        call = new_call_id()
        held = sum(other for owner, other in self.books.held.values() if owner == project)
        if amount > self.granted[project] - self.books.spent[project] - held:
            with pytest.raises(OutOfCredits):
                self.ledger.reserve(call, project, amount)
        else:
            self.ledger.reserve(call, project, amount, About("key-1", "chat", Kind.CHAT, DataClass.PERSONAL))
            self.books.held[call] = (project, amount)
        self.remember()

    @precondition(lambda self: self.books.held)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        # In the order in which they began: sorted by their random ids, a repetition would draw another one.
        call = data.draw(st.sampled_from(list(self.books.held)))
        project, amount = self.books.held.pop(call)
        charge = data.draw(st.integers(0, amount))
        receipt = receipt_of(call, project, charge)
        assert self.ledger.settle(call, receipt) == receipt.hash()
        self.books.spent[project] += charge
        self.books.receipts[call] = charge
        self.remember()

    @rule(project=st.sampled_from(PROJECTS))
    def refuse(self, project: str) -> None:
        call = new_call_id()
        self.ledger.record(receipt_of(call, project, 0))
        self.books.receipts[call] = 0
        self.remember()

    @rule()
    def anchor(self) -> None:
        waiting = self.ledger.unanchored
        event = self.ledger.anchor()
        assert (event is None) == (waiting == 0)
        assert event is None or event.detail["count"] == waiting
        self.remember()

    @rule(lost=st.integers(0, 2500))
    def crash(self, lost: int) -> None:
        """The process dies and the newest file loses its last bytes."""
        self.journal.close()
        newest = segments(self.folder)[-1]
        data = newest.read_bytes()
        first_line = data.index(b"\n") + 1
        newest.write_bytes(data[: max(first_line, len(data) - lost)])
        self.books = self.books_at(newest)
        for call, (_, _) in self.books.held.items():
            self.books.receipts[call] = 0  # interrupted
        self.books.held = {}
        self.open()

    def books_at(self, newest: Path) -> Books:
        """What whole lines still say. What a restart itself wrote charges nothing: another restart writes it again."""
        size = newest.stat().st_size
        kept = [books for path, end, books in self.history if path == newest and end <= size]
        begun = [books for path, _, books in self.history if path == newest]
        self.history = [one for one in self.history if one[0] != newest or one[1] <= size]
        return (kept[-1] if kept else begun[0]).copy()

    @invariant()
    def balances_are_exact(self) -> None:
        for project in PROJECTS:
            held = sum(amount for owner, amount in self.books.held.values() if owner == project)
            balance = self.ledger.balance(project)
            assert balance == Balance(self.granted[project], self.books.spent[project], held)
            assert balance.available >= 0

    @invariant()
    def the_files_say_the_same(self) -> None:
        checked = check_journal(self.folder)
        assert {name: amount for name, amount in self.books.spent.items() if amount} == checked.spent
        found = newest_receipts(self.folder, lambda _: True, 10_000)
        assert {one.id: one.charge for one in found} == self.books.receipts
        assert len(found) == checked.receipts

    @invariant()
    def anchored_receipts_are_proved(self) -> None:
        for call in sorted(self.books.receipts)[:2]:
            kept = find_receipt(self.folder, call)
            if kept.anchor is not None and kept.proof is not None:
                verify(kept.receipt, kept.proof, kept.anchor)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def ledger(folder: Path) -> Iterator[Ledger]:
    journal = Journal.open(folder)
    ledger = Ledger(journal)
    ledger.set_grants({"archives": 1_000_000})
    yield ledger
    journal.close()


def test_a_call_that_the_budget_does_not_cover_is_refused_and_nothing_is_held(ledger: Ledger) -> None:
    ledger.reserve("rc-1", "archives", 700_000)
    with pytest.raises(OutOfCredits, match=r"has 0\.300000 credits to spare and this call may cost up to 0\.300001"):
        ledger.reserve("rc-2", "archives", 300_001)
    with pytest.raises(OutOfCredits, match=r"The project mairie has 0\.000000 credits"):
        ledger.reserve("rc-3", "mairie", 1)
    assert ledger.balance("archives") == Balance(1_000_000, 0, 700_000)
    assert ledger.balance("mairie") == Balance(0, 0, 0)


def test_what_fits_no_reservation_changes_nothing(ledger: Ledger) -> None:
    ledger.reserve("rc-1", "archives", 10)
    for call, receipt in [
        ("rc-1", receipt_of("rc-1", charge=11)),
        ("rc-1", receipt_of("rc-2")),
        ("rc-1", receipt_of("rc-1", "mairie")),
        ("rc-2", receipt_of("rc-2")),
    ]:
        with pytest.raises(BadAccounting):
            ledger.settle(call, receipt)
    for amount in (-1, 2**53):
        with pytest.raises(BadAccounting):
            ledger.reserve("rc-3", "archives", amount)
    with pytest.raises(BadAccounting):
        ledger.reserve("rc-1", "archives", 1)
    with pytest.raises(BadAccounting):
        ledger.record(receipt_of("rc-1", charge=0))
    with pytest.raises(BadAccounting):
        ledger.record(receipt_of("rc-9", charge=1))
    with pytest.raises(BadAccounting):
        ledger.set_grants({"archives": -1})
    assert ledger.balance("archives") == Balance(1_000_000, 0, 10)


def test_a_call_is_settled_once(ledger: Ledger) -> None:
    ledger.reserve("rc-1", "archives", 10)
    ledger.settle("rc-1", receipt_of("rc-1"))
    with pytest.raises(BadAccounting):
        ledger.settle("rc-1", receipt_of("rc-1"))
    assert ledger.balance("archives") == Balance(1_000_000, 7, 0)


def test_grants_taken_back_stop_new_calls_only(ledger: Ledger) -> None:
    ledger.reserve("rc-1", "archives", 500_000)
    ledger.set_grants({"archives": 100_000})
    with pytest.raises(OutOfCredits, match=r"has 0\.000000 credits to spare"):
        ledger.reserve("rc-2", "archives", 1)
    ledger.settle("rc-1", receipt_of("rc-1", charge=400_000))
    assert ledger.balance("archives").available == -300_000


def test_a_call_that_a_crash_cut_off_gets_a_receipt_that_charges_nothing(folder: Path) -> None:
    journal = Journal.open(folder)
    ledger = Ledger(journal)
    ledger.set_grants({"archives": 100})
    call = new_call_id()
    ledger.reserve(call, "archives", 10, About("key-1", "chat", Kind.CHAT, DataClass.PERSONAL, True))
    journal.close()
    journal = Journal.open(folder)
    assert Ledger(journal).balance("archives") == Balance(0, 0, 0)
    journal.close()
    receipt = find_receipt(folder, call).receipt
    assert receipt == Receipt(
        id=call, project="archives", key="key-1", route="chat", kind=Kind.CHAT, data_class=DataClass.PERSONAL,
        declassified=True, outcome="interrupted", moment=receipt.moment,
    )  # fmt: skip


def test_a_batch_closes_by_itself_and_its_event_waits_for_delivery(
    ledger: Ledger, folder: Path, tmp_path: Path
) -> None:
    calls = [new_call_id() for _ in range(MOST_IN_BATCH + 1)]
    for call in calls:
        ledger.record(receipt_of(call, charge=0))
    assert ledger.unanchored == 1
    (event,) = ledger.undelivered_events()
    assert event.detail["count"] == MOST_IN_BATCH
    # What the gateway process does with it: the file that the worker reads into the audit trail.
    again, _ = read_event(write_event(tmp_path / "spool", event))
    assert (again.kind, again.subject, again.id) == (event.kind, event.subject, event.id)
    assert again.detail.items() >= event.detail.items()
    ledger.delivered(event)
    assert ledger.undelivered_events() == []
    first, late = find_receipt(folder, calls[0]), find_receipt(folder, calls[-1])
    assert first.anchor is not None
    assert first.proof is not None
    assert first.anchor.model_dump() == event.detail
    assert late.anchor is None


def test_an_anchor_that_was_not_delivered_comes_again_after_a_restart(folder: Path) -> None:
    journal = Journal.open(folder, segment_bytes=2000)
    ledger = Ledger(journal)
    ledger.record(receipt_of("rc-1", charge=0))
    event = ledger.anchor()
    number = 1
    while len(segments(folder)) == 1:
        number += 1
        ledger.record(receipt_of(f"rc-{number}", charge=0))
    waiting = ledger.undelivered_events()
    journal.close()
    journal = Journal.open(folder)
    assert Ledger(journal).undelivered_events() == waiting
    assert event in waiting
    assert sum(one.detail["count"] for one in waiting) == number
    journal.close()


def test_what_a_client_is_given_is_enough_to_verify_it(ledger: Ledger, folder: Path) -> None:
    calls = [new_call_id() for _ in range(5)]
    for call in calls:
        ledger.reserve(call, "archives", 10)
        ledger.settle(call, receipt_of(call))
    ledger.anchor()
    document = find_receipt(folder, calls[2]).document()
    kept = Kept.read(canonical_json(document))
    assert kept.proof is not None
    assert kept.anchor is not None
    verify(kept.receipt, kept.proof, kept.anchor)
    assert canonical_json(document["receipt"]) == kept.receipt.text().encode()


def test_a_receipt_is_found_among_many_segments_by_when_its_call_began(folder: Path) -> None:
    start = datetime(2026, 11, 26, 9, tzinfo=UTC)
    calls = []
    for hour in range(8):
        with clock.frozen(start + timedelta(hours=hour)):
            journal = Journal.open(folder, segment_bytes=1)
            ledger = Ledger(journal)
            ledger.set_grants({"archives": 100})
            calls.append(new_call_id())
            ledger.reserve(calls[-1], "archives", 7)
        # An hour long call, or one that the next start ends: each second process is gone in the middle of its call.
        with clock.frozen(start + timedelta(hours=hour + 1)):
            if hour % 2:
                ledger.settle(calls[-1], receipt_of(calls[-1]))
            journal.close()
    with clock.frozen(start + timedelta(days=9)):
        calls.append(new_call_id())
        journal = Journal.open(folder)
        Ledger(journal).record(receipt_of(calls[-1], charge=0))
        journal.close()
    assert len(segments(folder)) > 8
    assert [find_receipt(folder, call).receipt.charge for call in calls] == [0, 7] * 4 + [0]


@pytest.mark.parametrize("call", ["", "rc-", "../x", "rc-019abcdef01-" + "0" * 20, "rc-zzzzzzzzzzz-" + "0" * 20, '",'])
def test_an_unknown_id_is_not_found(ledger: Ledger, folder: Path, call: str) -> None:
    ledger.record(receipt_of(new_call_id(), charge=0))
    with pytest.raises(ReceiptNotFound, match="check the id"):
        find_receipt(folder, call)


def test_a_line_that_cannot_follow_is_damage(folder: Path) -> None:
    """Somebody who can write the file can chain lines: what they say must still add up."""
    for kind, body in [
        ("receipt", receipt_of("rc-1").text()),
        ("reserve", '{"call":"rc-1"}'),
        ("anchor", canonical_text({"count": 1, "first": 1, "head": "0" * 64, "last": 1, "root": "0" * 64})),
        ("snapshot", '{"spent":{"archives":1}}'),
        ("other", "{}"),
    ]:
        shutil.rmtree(folder, ignore_errors=True)
        journal = Journal.open(folder)
        journal.append(kind, body)
        journal.close()
        journal = Journal.open(folder)
        with pytest.raises(JournalDamaged, match="Line 2"):
            Ledger(journal)
        journal.close()
        with pytest.raises(JournalDamaged, match="Line 2"):
            check_journal(folder)
