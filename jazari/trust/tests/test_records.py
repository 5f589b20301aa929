"""Records and the directory: one canonical form, nothing else is taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.canonical import canonical_json
from jazari.core.clock import now
from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RecordRef
from jazari.trust.directory import Directory, DirectoryEntry
from jazari.trust.errors import BadRecord, Untrusted
from jazari.trust.keys import public_key
from jazari.trust.records import MAX_RECORD_BYTES, Draft, FileRef, Record, make_record
from jazari.trust.tests.test_keys import SIGNER

MOMENT = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
REF = RecordRef("dakhla", "dataset", "soil", 2)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
cards = st.dictionaries(st.text(max_size=10), json_values, max_size=4)


def record(card: dict[str, Any] | None = None, **changes: Any) -> Record:
    return make_record(REF, Draft("dataset", "soil", card or {"a": 1}), MOMENT, ()).model_copy(update=changes)


@given(cards)
def test_a_record_survives_its_line(card: dict[str, Any]) -> None:
    made = make_record(REF, Draft("dataset", "soil", card), MOMENT, ())
    line = made.to_line()
    assert Record.from_line(line[:-1]) == made
    assert b"\n" not in line[:-1]
    assert made.digest == Record.from_line(line[:-1]).digest
    assert (made.namespace, made.series, made.replaces) == ("dakhla", "dakhla/dataset/soil", "dakhla/dataset/soil@1")


@given(cards)
def test_only_the_canonical_spelling_is_a_record(card: dict[str, Any]) -> None:
    value = make_record(REF, Draft("dataset", "soil", card), MOMENT, ()).to_json()
    spaced = json.dumps(value).encode()
    if spaced != canonical_json(value):
        with pytest.raises(BadRecord):
            Record.from_line(spaced)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("ref", "dakhla/dataset/soil@3"),
        ("ref", "dakhla/../fes/dataset@2"),
        ("ref", "Dakhla/dataset/soil@2"),
        ("ref", "root/dataset/soil@2"),
        ("version", 3),
        ("name", "other"),
        ("type", "study"),
        ("replaces", None),
        ("replaces", "dakhla/dataset/soil@2"),
        ("published", "2026-11-01T10:30:00+01:00"),
        ("published", "2026-11-01T09:30:00.5Z"),
        ("published", "2026-11-01T09:30:00"),
        ("files", [{"name": "a", "sha256": "0" * 64, "size": -1, "media_type": "text/csv"}]),
        ("files", [{"name": "../a", "sha256": "0" * 64, "size": 1, "media_type": "text/csv"}]),
        ("files", [{"name": "a", "sha256": "G" * 64, "size": 1, "media_type": "text/csv"}]),
        ("files", [{"name": "a", "sha256": "0" * 64, "size": 1, "media_type": "x"}]),
        ("files", [{"name": "a", "sha256": "0" * 64, "size": 1, "media_type": "text/csv"}] * 2),
        ("unknown", 1),
    ],
)
def test_a_line_that_breaks_a_rule_is_no_record(change: str, value: object) -> None:
    line = canonical_json(record().to_json() | {change: value})
    with pytest.raises(BadRecord):
        Record.from_line(line)


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"null", b"{", b'{"card":NaN}', b"\xff", b"[" * 100_000, b'{"a":1e999}', b"9" * 5000],
)
def test_garbage_is_no_record(line: bytes) -> None:
    with pytest.raises(BadRecord):
        Record.from_line(line)


def test_a_double_key_is_not_canonical() -> None:
    line = record().to_line()[:-1].replace(b'{"card"', b'{"card":{},"card"')
    with pytest.raises(BadRecord):
        Record.from_line(line)


def test_a_card_that_is_too_large_says_where_to_put_it() -> None:
    with pytest.raises(BadRecord, match="into a file"):
        make_record(REF, Draft("dataset", "soil", {"a": "x" * MAX_RECORD_BYTES}), MOMENT, ())
    with pytest.raises(BadRecord):
        Record.from_line(b"x" * (MAX_RECORD_BYTES + 1))


@pytest.mark.parametrize("card", [{"a": float("nan")}, {"a": 2**60}, {"a": object()}, {"a": {1: 2}}])
def test_a_card_must_be_json(card: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="canonical") as caught:
        make_record(REF, Draft("dataset", "soil", card), MOMENT, ())
    assert not isinstance(caught.value, TypeError)


def test_drafts_have_usable_names() -> None:
    with pytest.raises(BadIdentifier):
        Draft("Data set", "soil", {})
    with pytest.raises(BadRecord):
        Draft("dataset", "soil", {}, {"../../etc/passwd": Path("x")})


def test_a_file_is_found_by_name() -> None:
    file = FileRef(name="rows.csv", sha256="0" * 64, size=3, media_type="text/csv")
    made = make_record(REF, Draft("dataset", "soil", {}), MOMENT, (file,))
    assert made.file("rows.csv") == file
    assert made.file("other.csv") is None


def entry(**changes: Any) -> DirectoryEntry:
    values = {
        "namespace": "dakhla",
        "titles": {"fr": "Institut"},
        "publishing_keys": [public_key(SIGNER)],
        "admitted": now(),
    }
    return DirectoryEntry(**(values | changes))


def test_a_directory_survives_its_bytes() -> None:
    directory = Directory(network_name="Jazari", root="dakhla", entries={"dakhla": entry()})
    again = Directory.from_bytes(directory.to_bytes())
    assert again.to_bytes() == directory.to_bytes()
    assert again.root_entry.namespace == "dakhla"
    assert [item.namespace for item in again.active()] == ["dakhla"]


def test_a_later_field_does_not_break_an_older_reader() -> None:
    directory = Directory(network_name="Jazari", root="dakhla", entries={"dakhla": entry()})
    data = json.loads(directory.to_bytes()) | {"later": True}
    assert Directory.from_bytes(json.dumps(data).encode()).network_name == "Jazari"


@pytest.mark.parametrize(
    "changes",
    [
        {"namespace": "targets"},
        {"namespace": "../fes"},
        {"titles": {}},
        {"publishing_keys": []},
        {"publishing_keys": [public_key(SIGNER), public_key(SIGNER)]},
        {"publishing_keys": [{"keytype": "rsa"}]},
        {"threshold": 2},
        {"threshold": 0},
        {"steward_keys": [public_key(SIGNER)]},
        {"status": "revoked"},
        {"frozen_version": 3},
        {"status": "paused"},
        {"admitted": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        entry(**changes)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"[" * 100_000, b'{"network_name":"a","root":"b","entries":{}}'])
def test_a_malformed_directory_is_not_trusted(data: bytes) -> None:
    with pytest.raises(Untrusted):
        Directory.from_bytes(data)


def test_entries_stand_under_their_own_namespace() -> None:
    with pytest.raises(ValueError, match="another namespace"):
        Directory(network_name="Jazari", root="dakhla", entries={"dakhla": entry(), "fes": entry()})


def test_time_zones_become_utc() -> None:
    moment = datetime(2026, 11, 1, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    assert make_record(REF, Draft("dataset", "soil", {}), moment, ()).to_json()["published"] == "2026-11-01T09:30:00Z"
