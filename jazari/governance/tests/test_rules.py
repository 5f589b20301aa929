"""The laws of the chain, without a database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.governance.cards import CheckpointCard
from jazari.governance.rules import (
    GENESIS,
    MOST_PROBLEMS,
    Entry,
    check_chain,
    checkpoint_due,
    detail_text,
    entry_hash,
    plain_name,
)

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
facts = st.lists(st.tuples(texts, texts, texts, st.none() | texts), min_size=1, max_size=8)


def chain(lines: list[tuple[str, str, str, str | None]]) -> list[Entry]:
    entries: list[Entry] = []
    previous = GENESIS
    for seq, (kind, subject, detail, event_id) in enumerate(lines, 1):
        entry = Entry(seq, "2026-11-01T09:30:00.000000Z", kind, "node", subject, detail, event_id, previous, "")
        entry = dataclasses.replace(entry, hash=entry_hash(entry))
        previous = entry.hash
        entries.append(entry)
    return entries


def card(entries: list[Entry], seq: int) -> CheckpointCard:
    return CheckpointCard(entries=seq, head=entries[seq - 1].hash, moment="2026-11-01T09:30:00Z")


@given(facts)
def test_an_honest_chain_has_no_problem_with_any_of_its_checkpoints(lines: list) -> None:
    entries = chain(lines)
    assert list(check_chain(entries, [card(entries, entry.seq) for entry in entries])) == []


@given(facts, st.data())
def test_no_change_removal_or_swap_goes_unnoticed_with_a_checkpoint_at_the_end(
    lines: list, data: st.DataObject
) -> None:
    entries = chain(lines)
    checkpoint = card(entries, len(entries))
    at = data.draw(st.integers(0, len(entries) - 1))
    kind = data.draw(st.sampled_from(["change", "remove", "swap", "cut", "rewrite"]))
    tampered = list(entries)
    if kind == "change":
        tampered[at] = dataclasses.replace(tampered[at], subject=tampered[at].subject + "!")
    elif kind == "remove":
        del tampered[at]
    elif kind == "swap":
        other = (at + 1) % len(tampered)
        tampered[at], tampered[other] = tampered[other], tampered[at]
    elif kind == "cut":
        tampered = tampered[:at]
    else:
        lines = list(lines)
        lines[at] = (lines[at][0] + "!", *lines[at][1:])
        tampered = chain(lines)
    assert (tampered == entries) == (list(check_chain(tampered, [checkpoint])) == [])


def test_the_number_of_problems_told_is_limited() -> None:
    entries = [dataclasses.replace(entry, kind="x") for entry in chain([("a", "b", "{}", None)] * 300)]
    assert len(list(check_chain(entries))) == MOST_PROBLEMS


@given(st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.floats() | st.integers() | st.text(),
       lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
       max_leaves=8), max_size=4))  # fmt: skip
def test_every_detail_becomes_some_canonical_text(detail: dict) -> None:
    assert detail_text(detail).startswith("{")
    assert detail_text(detail) == detail_text(detail)


@given(st.text(alphabet=st.characters(), max_size=600))
def test_a_plain_name_is_bounded_printable_and_stable(text: str) -> None:
    name = plain_name(text)
    assert len(name) <= 300
    assert name.encode().decode() == name
    assert plain_name(name) == name


@pytest.mark.parametrize(
    ("published", "entries", "hours", "due"),
    [
        (None, 0, 0, False),
        (None, 1, 0, True),
        (5, 5, 99, False),
        (5, 6, 99, False),  # only its own publication happened since
        (5, 7, 0, False),
        (5, 7, 1, True),
        (5, 105, 0, True),
    ],
)
def test_a_checkpoint_is_due_after_enough_entries_or_time(
    published: int | None, entries: int, hours: int, due: bool
) -> None:
    last = published and CheckpointCard(entries=published, head=GENESIS, moment="2026-11-01T09:30:00Z")
    age = timedelta(hours=hours)
    assert checkpoint_due(last or None, entries, age, most=100, longest=timedelta(hours=1)) is due
