"""Receipts, their exact bytes, and proofs that they were anchored."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jazari.core.canonical import canonical_json
from jazari.gateway.errors import ReceiptUntrusted
from jazari.gateway.merkle import Tree, leaf_hash, path_of, root_from, root_of
from jazari.gateway.receipts import Anchor, Proof, Receipt, Tried, canonical_text, new_call_id, verify
from jazari.gateway.words import DataClass, Kind, Usage

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
counts = st.integers(0, 2**53 - 1)
receipts = st.builds(
    Receipt, id=words, project=words, key=words, route=words, kind=st.sampled_from([None, *Kind]),
    data_class=st.sampled_from([None, *DataClass]), declassified=st.booleans(), provider=words, model=words,
    tried=st.lists(st.builds(Tried, provider=words, outcome=words, decision=words), max_size=3).map(tuple),
    usage=st.builds(Usage, counts, counts, st.booleans()), charge=counts, energy_microwatt_hours=st.none() | counts,
    first_byte_ms=st.none() | counts, total_ms=counts, outcome=words, status=st.integers(0, 999), moment=words,
)  # fmt: skip


@given(st.dictionaries(names, values))
def test_the_fast_encoder_is_canonical_json(value: dict[str, Any]) -> None:
    assert canonical_text(value).encode() == canonical_json(value)


@given(receipts)
def test_a_receipt_is_read_back_as_it_was(receipt: Receipt) -> None:
    text = receipt.text()
    assert text.encode() == canonical_json(json.loads(text))
    assert json.loads(text) == receipt.model_dump(mode="json", exclude_defaults=True)
    again = Receipt.model_validate_json(text)
    assert again == receipt
    assert again.hash() == hashlib.sha256(b"\0" + text.encode()).hexdigest()


def test_a_default_is_not_written_so_that_new_members_change_no_old_hash() -> None:
    receipt = Receipt(id="rc-1", project="archives", outcome="ok", moment="2026-11-26T09:00:00Z")
    assert json.loads(receipt.text()) == {
        "id": "rc-1", "project": "archives", "outcome": "ok", "moment": "2026-11-26T09:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    "bad", [{"charge": -1}, {"charge": 1.5}, {"charge": 2**53}, {"outcome": "x" * 201}, {"prompt": "secret"}]
)
def test_a_receipt_holds_whole_numbers_short_words_and_no_content(bad: dict[str, Any]) -> None:
    facts: dict[str, Any] = {"id": "rc-1", "project": "p", "outcome": "ok", "moment": ""}
    with pytest.raises(ValidationError):
        Receipt(**facts | bad)


def test_energy_is_told_in_watt_hours() -> None:
    receipt = Receipt(id="rc-1", project="p", outcome="ok", moment="", energy_microwatt_hours=250_000)
    assert receipt.energy_wh == 0.25
    assert Receipt(id="rc-1", project="p", outcome="ok", moment="").energy_wh is None


def test_ids_tell_when_and_never_repeat() -> None:
    moment = datetime(2026, 11, 26, tzinfo=UTC)
    found = {new_call_id(moment) for _ in range(100)}
    assert len(found) == 100
    assert {int(one[3:14], 16) for one in found} == {int(moment.timestamp() * 1000)}


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def test_the_roots_are_those_of_the_standard() -> None:
    # The reference tree of Certificate Transparency's own tests (RFC 6962), grown leaf by leaf.
    data = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43", bytes(range(0x50, 0x58)),
            bytes(range(0x60, 0x70))]  # fmt: skip
    leaves = [leaf_hash(one) for one in data]
    assert root_of([]).hex() == hashlib.sha256(b"").hexdigest()
    assert root_of(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(leaves[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert root_of(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.integers(0, 70))
def test_a_tree_that_grows_has_the_same_root(count: int) -> None:
    tree = Tree()
    for leaf in leaves_of(count):
        tree.add(leaf)
    assert (tree.count, tree.root()) == (count, root_of(leaves_of(count)))


@given(st.data())
def test_every_leaf_is_proved_and_no_other(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, count - 1))
    leaves = leaves_of(count)
    path = path_of(index, leaves)
    root = root_of(leaves)
    assert root_from(leaves[index], index, count, path) == root
    other = data.draw(st.integers(0, count - 1).filter(lambda i: i != index) if count > 1 else st.just(0))
    assert (root_from(leaves[other], index, count, path) == root) == (other == index)
    assert root_from(leaves[index], index, count, [*path, root]) != root
    assert root_from(leaves[index], index, count, path[:-1]) != root or not path
    assert root_from(leaves[index], count, count, path) is None


def receipt_number(number: int, charge: int = 5) -> Receipt:
    return Receipt(id=f"rc-{number}", project="archives", charge=charge, outcome="ok", moment="")


def proved(count: int, index: int) -> tuple[Receipt, Proof, Anchor]:
    kept = [receipt_number(number) for number in range(count)]
    leaves = [bytes.fromhex(one.hash()) for one in kept]
    anchor = Anchor(first=1, last=count, count=count, root=root_of(leaves).hex(), head="0" * 64)
    path = tuple(step.hex() for step in path_of(index, leaves))
    return kept[index], Proof(index=index, count=count, path=path), anchor


def test_a_receipt_is_verified_against_its_anchor() -> None:
    receipt, proof, anchor = proved(5, 3)
    verify(receipt, proof, anchor)


def test_a_changed_receipt_or_another_anchor_is_not_believed() -> None:
    receipt, proof, anchor = proved(5, 3)
    for bad in [
        (receipt_number(3, charge=4), proof, anchor),
        (receipt, proof.model_copy(update={"index": 2}), anchor),
        (receipt, proof, anchor.model_copy(update={"count": 6})),
        (receipt, proof, proved(6, 3)[2]),
    ]:
        with pytest.raises(ReceiptUntrusted, match="is not among those anchored"):
            verify(*bad)


def test_an_anchor_is_one_event_for_the_audit_trail() -> None:
    event = proved(5, 3)[2].event()
    assert event.kind == "gateway.receipts-anchored"
    assert event.subject == "receipts/1-5"
    assert event.id == event.detail["root"]
    assert set(event.detail) == {"first", "last", "count", "root", "head"}
