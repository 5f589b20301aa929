"""The audit trail under one contract on both databases."""

# ruff: noqa: S608  the statements are our own, no text of others is put into them

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from jazari.core.audit import AuditEvent
from jazari.core.events import emit
from jazari.governance.cards import CheckpointCard
from jazari.governance.models import AuditEntry
from jazari.governance.operations import checkpoint, record
from jazari.governance.queries import all_entries, find_entries, verify_trail
from jazari.governance.rules import Entry, entry_hash
from jazari.governance.tests.processes import start_writer
from jazari.governance.triggers import create_statements, drop_statements

TABLE = AuditEntry._meta.db_table


def write(count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        record(AuditEvent("test.written", "rabat", f"rabat/dataset/soil@{number + 1}", {"number": number}))


def tamper(*statements: str) -> None:
    """What somebody with the database's password can do: take the triggers off, change, put them back."""
    with connection.cursor() as cursor:
        for statement in (
            *drop_statements(connection.vendor),
            *statements,
            *create_statements(connection.vendor),
        ):
            cursor.execute(statement)


def rehash(seq: int, previous_hash: str, **changes: str) -> str:
    """Rewrite entry ``seq`` with a hash that fits; returns that hash."""
    entry = AuditEntry.objects.get(seq=seq).as_entry()
    entry = dataclasses.replace(entry, previous_hash=previous_hash, **changes)
    entry = dataclasses.replace(entry, hash=entry_hash(entry))
    tamper(
        f"UPDATE {TABLE} SET previous_hash = '{entry.previous_hash}', hash = '{entry.hash}', "
        f"subject = '{entry.subject}' WHERE seq = {seq}"
    )
    return entry.hash


def troubles(checkpoints: list[CheckpointCard] | None = None) -> list[tuple[str, int]]:
    return [(problem.trouble, problem.seq) for problem in verify_trail(checkpoints or [])]


@pytest.mark.usefixtures("any_database")
class TestWriting:
    def test_an_emitted_event_is_kept_and_verifies(self) -> None:
        emit(AuditEvent("studies.approved", "key-1", "rabat/study/soil@1", {"participants": 3, "share": 0.5}))
        (entry,) = all_entries()
        assert (entry.seq, entry.kind, entry.actor, entry.subject) == (
            1,
            "studies.approved",
            "key-1",
            "rabat/study/soil@1",
        )
        assert AuditEntry.objects.get().detail == {"participants": 3, "share": 0.5}
        assert verify_trail() == []

    def test_an_event_with_an_id_is_kept_once(self) -> None:
        event = AuditEvent("studies.refused", "node", "x", id="event-1")
        record(event)
        record(event)
        record(dataclasses.replace(event, id="event-2"))
        assert [entry.event_id for entry in all_entries()] == ["event-1", "event-2"]

    def test_an_entry_falls_with_the_transaction_of_its_caller(self) -> None:
        write(1)
        with transaction.atomic():
            write(1)
            transaction.set_rollback(True)
        write(1)
        assert [entry.seq for entry in all_entries()] == [1, 2]
        assert verify_trail() == []

    def test_the_empty_trail_verifies_and_has_no_checkpoint(self) -> None:
        assert verify_trail() == []
        assert checkpoint() is None

    @pytest.mark.parametrize(
        "subject",
        ["a\x00b", "\ud800", "x" * 5000, "\u202egpj.exe", "line\nbreak", "\x1b[2J", "'; DROP TABLE x; --"],
    )
    def test_whatever_an_attacker_names_a_thing_it_is_recorded(self, subject: str) -> None:
        record(AuditEvent("federation.refused", subject, subject, {"name": subject, subject[:9]: [subject]}))
        (entry,) = all_entries()
        assert verify_trail() == []
        assert not {"\x00", "\x1b", "\u202e", "\n"} & set(entry.subject)
        assert len(entry.subject) <= 300

    @pytest.mark.parametrize(
        "detail",
        [
            {"value": float("nan")},
            {"value": 2**80},
            {"value": b"bytes"},
            {1: {"set"}},
            {"value": "x" * 10_000_000},
            "no mapping",
        ],
    )
    def test_a_detail_that_json_cannot_carry_does_not_lose_the_entry(self, detail: object) -> None:
        record(AuditEvent("test.odd", "node", "x", detail))  # type: ignore[arg-type]
        (entry,) = all_entries()
        assert len(entry.detail) < 70_000
        assert verify_trail() == []

    def test_a_detail_nested_too_deep_is_cut(self) -> None:
        detail: dict[str, object] = {}
        for _ in range(100_000):
            detail = {"deeper": detail}
        record(AuditEvent("test.deep", "node", "x", detail))
        assert verify_trail() == []

    def test_find_entries_newest_first_by_kind_subject_and_page(self) -> None:
        write(5)
        record(AuditEvent("testing.other", "fes", "fes/study/a@1"))
        assert [row.seq for row in find_entries(limit=2)] == [6, 5]
        assert [row.seq for row in find_entries(kind="test", limit=9)] == [5, 4, 3, 2, 1]
        assert [row.seq for row in find_entries(kind="testing.other")] == [6]
        assert [row.seq for row in find_entries(subject="soil@3")] == [3]
        assert [row.seq for row in find_entries(actor="rabat", before=4)] == [3, 2, 1]


@pytest.mark.usefixtures("any_database")
class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            f"UPDATE {TABLE} SET subject = 'other' WHERE seq = 2",
            f"UPDATE {TABLE} SET subject = subject",
            f"DELETE FROM {TABLE} WHERE seq = 3",
            f"DELETE FROM {TABLE}",
            f"INSERT INTO {TABLE} VALUES (9, 'm', 'k', 'a', 's', '{{}}', NULL, 'p', 'h')",
            f"INSERT INTO {TABLE} VALUES (4, 'm', 'k', 'a', 's', '{{}}', NULL, 'not the last hash', 'h')",
            f"INSERT INTO {TABLE} SELECT 0, moment, kind, actor, subject, detail_text, NULL, previous_hash, "
            f"hash FROM {TABLE} WHERE seq = 1",
        ],
    )
    def test_the_database_refuses_every_change_but_the_next_entry(self, statement: str) -> None:
        write(3)
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement)
        assert AuditEntry.objects.count() == 3
        assert verify_trail() == []

    def test_the_orm_cannot_change_it_either(self) -> None:
        write(2)
        with pytest.raises(DatabaseError):
            AuditEntry.objects.all().delete()
        with pytest.raises(DatabaseError):
            AuditEntry.objects.filter(seq=1).update(kind="x")
        entry = AuditEntry.objects.get(seq=1)
        with pytest.raises(DatabaseError):
            entry.save()


class TestReplaceAndTruncate:
    def test_sqlite_insert_or_replace_is_refused(self, sqlite_database: Any) -> None:
        record(AuditEvent("test.first", "node", "x", id="e1"))
        last = AuditEntry.objects.get().hash
        for seq, previous in ((1, "0" * 64), (2, last)):
            with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT OR REPLACE INTO {TABLE} VALUES (%s, 'm', 'k', 'a', 's', '{{}}', 'e1', %s, 'h')",
                    [seq, previous],
                )
        assert verify_trail() == []

    @pytest.mark.postgresql
    def test_postgresql_truncate_is_refused(self, postgresql_database: Any) -> None:
        write(1)
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {TABLE}")


@pytest.mark.usefixtures("any_database")
class TestVerifying:
    @pytest.mark.parametrize("column", ["moment", "kind", "actor", "subject", "detail_text", "hash"])
    def test_any_changed_field_is_found(self, column: str) -> None:
        write(4)
        tamper(f"UPDATE {TABLE} SET {column} = 'tampered' WHERE seq = 2")
        assert ("changed", 2) in troubles()

    def test_a_changed_event_id_is_found(self) -> None:
        write(3)
        tamper(f"UPDATE {TABLE} SET event_id = 'planted' WHERE seq = 3")
        assert troubles() == [("changed", 3)]

    def test_a_changed_entry_with_a_hash_that_fits_is_found_at_the_next(self) -> None:
        write(4)
        rehash(2, AuditEntry.objects.get(seq=1).hash, subject="forged")
        assert troubles() == [("relinked", 3)]

    @pytest.mark.parametrize(("gone", "found"), [("seq = 1", 1), ("seq = 3", 3), ("seq IN (2, 3)", 2)])
    def test_a_deletion_is_found(self, gone: str, found: int) -> None:
        write(4)
        tamper(f"DELETE FROM {TABLE} WHERE {gone}")
        assert troubles() == [("deleted", found)]

    def test_a_deletion_renumbered_is_found(self) -> None:
        write(4)
        tamper(
            f"DELETE FROM {TABLE} WHERE seq = 2",
            f"UPDATE {TABLE} SET seq = 2 WHERE seq = 3",
            f"UPDATE {TABLE} SET seq = 3 WHERE seq = 4",
        )
        assert ("changed", 2) in troubles()

    def test_a_reordering_is_found(self) -> None:
        write(4)
        tamper(
            f"UPDATE {TABLE} SET seq = 99 WHERE seq = 2",
            f"UPDATE {TABLE} SET seq = 2 WHERE seq = 3",
            f"UPDATE {TABLE} SET seq = 3 WHERE seq = 99",
        )
        assert {("changed", 2), ("changed", 3)} <= set(troubles())

    def test_a_planted_entry_of_another_type_does_not_stop_the_check(self) -> None:
        write(2)
        if connection.vendor == "sqlite":
            tamper(f"UPDATE {TABLE} SET subject = x'00ff', kind = 12 WHERE seq = 1")
        else:
            tamper(f"UPDATE {TABLE} SET subject = E'\\u0007' WHERE seq = 1")
        assert ("changed", 1) in troubles()

    def test_a_cut_end_is_found_against_a_published_checkpoint_only(self) -> None:
        write(5)
        published = checkpoint()
        assert published is not None
        tamper(f"DELETE FROM {TABLE} WHERE seq > 3")
        assert troubles() == []
        assert troubles([published]) == [("truncated", 5)]

    def test_a_trail_emptied_altogether_is_found(self) -> None:
        write(2)
        published = checkpoint()
        assert published is not None
        tamper(f"DELETE FROM {TABLE}")
        assert troubles([published]) == [("truncated", 2)]

    def test_a_trail_rewritten_to_the_end_is_found_against_a_checkpoint(self) -> None:
        write(3)
        published = checkpoint()
        assert published is not None
        previous = rehash(2, AuditEntry.objects.get(seq=1).hash, subject="forged")
        rehash(3, previous)
        assert troubles() == []
        assert troubles([published]) == [("rewritten", 3)]

    def test_a_trail_that_grew_since_its_checkpoints_is_fine(self) -> None:
        write(2)
        first = checkpoint()
        write(2, start=2)
        second = checkpoint()
        assert first is not None
        assert second is not None
        write(1, start=4)
        assert troubles([second, first]) == []


class TestSeveralProcesses:
    def test_processes_and_threads_that_append_at_once_leave_one_exact_chain(self, any_database: Any) -> None:
        writers = [start_writer(any_database, name, 40) for name in ("rabat", "fes", "agadir")]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_write_and_close, range(2)))
        assert [writer.wait(60) for writer in writers] == [0, 0, 0]
        entries = list(all_entries())
        assert [entry.seq for entry in entries] == list(range(1, 161))
        assert verify_trail() == []
        for name in ("rabat", "fes", "agadir"):
            assert _numbers(entries, name) == [str(number) for number in range(40)]

    def test_the_same_events_from_two_processes_are_kept_once(self, any_database: Any) -> None:
        writers = [start_writer(any_database, "engine", 30, event_id="run-7") for _ in range(2)]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        assert sorted(entry.event_id or "" for entry in all_entries()) == sorted(
            f"run-7-{number}" for number in range(30)
        )
        assert verify_trail() == []


def _write_and_close(number: int) -> None:
    try:
        for step in range(20):
            record(AuditEvent("test.thread", f"thread-{number}", str(step)))
    finally:
        connection.close()


def _numbers(entries: list[Entry], actor: str) -> list[str]:
    return [entry.subject for entry in entries if entry.actor == actor]
