"""Projects, grants and keys in a real database, as a running gateway sees them."""

# ruff: noqa: S608  the statements are our own

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from jazari.core import clock
from jazari.core.errors import BadIdentifier, JazariError
from jazari.gateway import operations, queries
from jazari.gateway.authorization import EMPTY, KeyFacts, find_key
from jazari.gateway.errors import (
    BadCredits,
    BadKey,
    BadProject,
    BadScope,
    ExpiredKey,
    KeyExists,
    KeyNotCurrent,
    KeyNotFound,
    ProjectClosed,
    ProjectExists,
    ProjectNotFound,
    RevokedKey,
)
from jazari.gateway.models import Grant, Key, Project
from jazari.gateway.scopes import LONGEST_LIFE, LONGEST_OVERLAP, MOST_GRANTED, Scope
from jazari.gateway.triggers import TABLE
from jazari.gateway.words import DataClass
from jazari.governance.queries import all_entries, verify_trail
from jazari.testing.databases import DatabaseForTest

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SCOPE = Scope(routes=("small", "large"), highest=DataClass.PERSONAL)


@pytest.fixture(autouse=True)
def project(any_database: DatabaseForTest) -> Iterator[None]:
    with clock.frozen(NOW):
        operations.create_project("registry", "État civil", "node")
        yield


def make(name: str = "web", scope: Scope = SCOPE, life: timedelta = 10 * DAY) -> operations.NewKey:
    return operations.create_key("registry", name, scope, "node", life)


def opened(secret: str, now: datetime = NOW) -> KeyFacts:
    return find_key(queries.keys_snapshot(), f"Bearer {secret}", now)


def trail() -> list[tuple[str, str]]:
    return [(entry.kind, entry.subject) for entry in all_entries()]


class TestProjects:
    def test_a_project_starts_without_credits(self) -> None:
        assert queries.keys_snapshot().grants == {"registry": 0}
        assert [(p.name, p.title, p.closed) for p in queries.list_projects()] == [("registry", "État civil", False)]

    def test_a_name_is_given_once_even_after_the_project_was_closed(self) -> None:
        operations.close_project("registry", "node")
        with pytest.raises(ProjectExists):
            operations.create_project("registry", "Again", "node")

    @pytest.mark.parametrize("name", ["", "Registry", "a/b", "../x", "a b", "x" * 41, "a\n"])
    def test_a_name_that_machines_could_misread_is_refused(self, name: str) -> None:
        with pytest.raises(BadIdentifier):
            operations.create_project(name, "Title", "node")

    @pytest.mark.parametrize("title", ["", "  ", "two\nlines", "bell\x07", "x" * 201])
    def test_a_title_is_one_line(self, title: str) -> None:
        with pytest.raises(BadProject):
            operations.create_project("other", title, "node")
        assert not Project.objects.filter(name="other").exists()

    def test_closing_shuts_every_key_at_once_and_keeps_the_account(self) -> None:
        operations.grant("registry", 5, "", "node")
        made = make()
        operations.close_project("registry", "node")
        with pytest.raises(RevokedKey):
            opened(made.secret)
        assert queries.keys_snapshot().grants == {"registry": 5}
        assert queries.list_projects() == []
        assert [p.closed for p in queries.list_projects(closed=True)] == [True]

    def test_closing_twice_is_closing_once(self) -> None:
        first = operations.close_project("registry", "node").closed
        with clock.frozen(NOW + DAY):
            assert operations.close_project("registry", "node").closed == first
        assert trail().count(("gateway.project-closed", "registry")) == 1

    def test_a_closed_project_gets_nothing_more(self) -> None:
        made = make()
        operations.close_project("registry", "node")
        doings: list[Callable[[], Any]] = [
            lambda: operations.grant("registry", 1, "", "node"),
            lambda: make("other"),
            lambda: operations.rotate_key(made.key.id, "node"),
        ]
        for do in doings:
            with pytest.raises(ProjectClosed):
                do()

    def test_a_project_that_is_not_there_is_named(self) -> None:
        doings: list[Callable[[], Any]] = [
            lambda: operations.grant("nothing", 1, "", "node"),
            lambda: operations.close_project("nothing", "node"),
            lambda: operations.create_key("nothing", "web", SCOPE, "node"),
        ]
        for do in doings:
            with pytest.raises(ProjectNotFound, match="nothing"):
                do()


class TestGrants:
    def test_grants_add_up(self) -> None:
        assert operations.grant("registry", 1_500_000, "budget of 2026", "node") == 1_500_000
        assert operations.grant("registry", 1, "", "node") == 1_500_001
        operations.create_project("other", "Other", "node")
        assert queries.keys_snapshot().grants == {"registry": 1_500_001, "other": 0}

    @pytest.mark.parametrize("amount", [0, -1, MOST_GRANTED + 1, 2**63, 2**200])
    def test_an_impossible_amount_leaves_nothing(self, amount: int) -> None:
        with pytest.raises(BadCredits):
            operations.grant("registry", amount, "", "node")
        assert Grant.objects.count() == 0

    def test_the_sum_stays_a_number_that_every_json_reader_keeps(self) -> None:
        assert operations.grant("registry", MOST_GRANTED, "", "node") == MOST_GRANTED
        with pytest.raises(BadCredits):
            operations.grant("registry", 1, "", "node")
        assert queries.keys_snapshot().grants == {"registry": MOST_GRANTED}

    @pytest.mark.parametrize(
        "statement",
        [
            f"UPDATE {TABLE} SET amount = 9",
            f"UPDATE {TABLE} SET amount = amount",
            f"DELETE FROM {TABLE}",
        ],
    )
    def test_the_database_refuses_to_change_a_grant(self, statement: str) -> None:
        operations.grant("registry", 7, "", "node")
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement)
        assert queries.keys_snapshot().grants == {"registry": 7}

    def test_the_database_refuses_a_grant_that_takes(self) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            Grant.objects.create(project=Project.objects.get(), amount=-1, actor="node", moment=NOW)

    def test_a_grant_cannot_be_replaced_or_truncated(self) -> None:
        operations.grant("registry", 7, "", "node")
        row = Grant.objects.get()
        statement = {
            "sqlite": f"INSERT OR REPLACE INTO {TABLE} (id, amount, note, actor, moment, project_id) "
            f"VALUES ({row.pk}, 9, '', 'node', '2026-01-01', {row.project_id})",
            "postgresql": f"TRUNCATE {TABLE}",
        }[connection.vendor]
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement)
        assert Grant.objects.get().amount == 7


class TestKeys:
    def test_a_new_key_opens_with_what_was_asked(self) -> None:
        scope = Scope(("small",), DataClass.INTERNAL, True, requests_a_minute=1, tokens_a_minute=2, streams=3)
        made = make(scope=scope)
        key = opened(made.secret)
        assert (key.id, key.project, key.name) == (made.key.id, "registry", "web")
        assert (key.routes, key.highest, key.may_declassify) == (frozenset({"small"}), DataClass.INTERNAL, True)
        assert (key.requests_a_minute, key.tokens_a_minute, key.streams) == (1, 2, 3)
        assert (key.expires, key.revoked) == (NOW + 10 * DAY, False)

    def test_the_secret_is_nowhere_in_the_database(self, any_database: DatabaseForTest) -> None:
        made = operations.rotate_key(make().key.id, "node")
        random_part = made.secret.split("-", 2)[2]
        tables = connection.introspection.table_names()
        assert {"gateway_key", "governance_auditentry"} <= set(tables)
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f'SELECT * FROM "{table}"')
                assert random_part not in repr(cursor.fetchall()), table
        assert random_part not in repr(made)

    def test_keys_are_as_long_as_they_are_said_to_be_and_never_the_same(self) -> None:
        secrets = {make(f"key-{number}").secret for number in range(20)}
        assert len(secrets) == 20
        assert {(len(secret), secret[:3]) for secret in secrets} == {(3 + 16 + 1 + 43, "jz-")}

    @pytest.mark.parametrize(
        "scope",
        [
            Scope((), DataClass.PUBLIC),
            Scope(("",), DataClass.PUBLIC),
            Scope(("a b",), DataClass.PUBLIC),
            Scope(("small", "-x"), DataClass.PUBLIC),
            Scope(("x" * 101,), DataClass.PUBLIC),
            Scope(tuple(f"r{n}" for n in range(101)), DataClass.PUBLIC),
            Scope(("small",), DataClass.PUBLIC, requests_a_minute=0),
            Scope(("small",), DataClass.PUBLIC, tokens_a_minute=-1),
            Scope(("small",), DataClass.PUBLIC, streams=10**30),
        ],
    )
    def test_a_scope_that_means_nothing_is_refused(self, scope: Scope) -> None:
        with pytest.raises(BadScope):
            make(scope=scope)
        assert Key.objects.count() == 0

    @pytest.mark.parametrize("life", [timedelta(0), -DAY, LONGEST_LIFE + DAY, timedelta.max])
    def test_every_key_ends_some_day(self, life: timedelta) -> None:
        with pytest.raises(BadScope):
            make(life=life)

    def test_two_keys_of_one_name_would_be_mistaken_for_each_other(self) -> None:
        first = make()
        with pytest.raises(KeyExists):
            make()
        operations.create_project("other", "Other", "node")
        operations.create_key("other", "web", SCOPE, "node")
        operations.revoke_key(first.key.id, "node")
        assert opened(make().secret).name == "web"

    def test_the_database_itself_refuses_two_current_keys_of_a_name_and_an_unknown_class(self) -> None:
        row = make().key
        for change in ({"id": "f" * 16}, {"id": "e" * 16, "name": "b", "highest": "cosmic"}):
            copy = Key(**{field.attname: getattr(row, field.attname) for field in Key._meta.concrete_fields} | change)
            with pytest.raises(DatabaseError), transaction.atomic():
                copy.save(force_insert=True)


class TestRotation:
    def test_both_keys_open_during_the_overlap_and_only_the_new_one_after(self) -> None:
        old = make()
        new = operations.rotate_key("registry/web", "node", overlap=timedelta(hours=2))
        last = NOW + timedelta(hours=2) - timedelta(microseconds=1)
        assert opened(old.secret, last).id == old.key.id
        assert opened(new.secret, last).id == new.key.id
        with pytest.raises(ExpiredKey):
            opened(old.secret, NOW + timedelta(hours=2))
        assert operations.scope_of(new.key) == operations.scope_of(old.key)
        assert new.key.expires - new.key.created == 10 * DAY

    def test_without_overlap_the_old_key_ends_at_once(self) -> None:
        old = make()
        operations.rotate_key(old.key.id, "node", overlap=timedelta(0))
        with pytest.raises(ExpiredKey):
            opened(old.secret)

    def test_an_overlap_never_lengthens_a_life(self) -> None:
        old = make(life=DAY)
        operations.rotate_key(old.key.id, "node", overlap=9 * DAY)
        with pytest.raises(ExpiredKey):
            opened(old.secret, NOW + DAY)

    def test_an_expired_key_can_be_rotated_but_does_not_open_again(self) -> None:
        old = make(life=DAY)
        with clock.frozen(NOW + 2 * DAY):
            new = operations.rotate_key("registry/web", "node", life=3 * DAY)
            assert opened(new.secret, clock.now()).expires == NOW + 5 * DAY
            with pytest.raises(ExpiredKey):
                opened(old.secret, clock.now())

    def test_a_replaced_or_revoked_key_is_not_rotated_again(self) -> None:
        old = make()
        new = operations.rotate_key(old.key.id, "node")
        with pytest.raises(KeyNotCurrent, match=new.key.id):
            operations.rotate_key(old.key.id, "node")
        operations.revoke_key(new.key.id, "node")
        with pytest.raises(KeyNotCurrent, match="revoked"):
            operations.rotate_key(new.key.id, "node")

    @pytest.mark.parametrize("overlap", [-DAY, LONGEST_OVERLAP + DAY])
    def test_an_overlap_has_its_limits(self, overlap: timedelta) -> None:
        make()
        with pytest.raises(BadScope):
            operations.rotate_key("registry/web", "node", overlap=overlap)

    def test_what_fails_leaves_the_old_key_as_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        old = make()

        def refuse(_event: object) -> None:
            raise RuntimeError("the audit trail cannot be written")

        monkeypatch.setattr(operations.events, "emit", refuse)
        with pytest.raises(RuntimeError):
            operations.rotate_key("registry/web", "node", overlap=timedelta(0))
        assert opened(old.secret).id == old.key.id
        assert Key.objects.count() == 1


class TestRevoking:
    def test_by_name_it_shuts_the_key_that_is_in_its_overlap_too(self) -> None:
        old = make()
        new = operations.rotate_key("registry/web", "node")
        shut = operations.revoke_key("registry/web", "node")
        assert {key.id for key in shut} == {old.key.id, new.key.id}
        for made in (old, new):
            with pytest.raises(RevokedKey):
                opened(made.secret)

    def test_by_id_it_shuts_that_one_alone(self) -> None:
        old = make()
        new = operations.rotate_key("registry/web", "node")
        operations.revoke_key(old.key.id, "node")
        assert opened(new.secret).id == new.key.id
        with pytest.raises(RevokedKey):
            opened(old.secret)

    def test_again_is_harmless_and_says_that_nothing_was_left(self) -> None:
        make()
        assert len(operations.revoke_key("registry/web", "node")) == 1
        assert operations.revoke_key("registry/web", "node") == []

    @pytest.mark.parametrize("reference", ["", "/", "web", "registry/", "registry/other", "other/web", "f" * 16, "%"])
    def test_what_is_no_key_is_named(self, reference: str) -> None:
        make()
        doings: list[Callable[[], Any]] = [
            lambda: operations.revoke_key(reference, "node"),
            lambda: operations.rotate_key(reference, "node"),
        ]
        for do in doings:
            with pytest.raises(KeyNotFound):
                do()


class TestSnapshot:
    def test_every_change_gives_another_number_even_within_one_microsecond(self) -> None:
        seen = [queries.current_version()]
        for change in (
            lambda: operations.grant("registry", 1, "", "node"),
            make,
            lambda: operations.rotate_key("registry/web", "node"),
            lambda: operations.revoke_key("registry/web", "node"),
            lambda: operations.close_project("registry", "node"),
        ):
            change()
            seen.append(queries.current_version())
        assert seen == sorted(set(seen))

    def test_a_restored_database_does_not_repeat_a_number(self) -> None:
        before = queries.current_version()
        make()
        seen = queries.current_version()
        from jazari.gateway.models import KeysVersion

        KeysVersion.objects.update(number=before)
        with clock.frozen(NOW + timedelta(seconds=1)):
            operations.grant("registry", 1, "", "node")
        assert queries.current_version() > seen

    def test_a_snapshot_is_taken_again_only_after_a_change(self) -> None:
        first = queries.newer_snapshot(EMPTY)
        assert queries.newer_snapshot(first) is first
        made = make()
        second = queries.newer_snapshot(first)
        assert made.key.id in second.keys
        assert made.key.id not in first.keys

    def test_a_snapshot_takes_the_same_few_queries_for_many_keys(self, django_assert_num_queries: Any) -> None:
        for number in range(10):
            make(f"key-{number}")
        with django_assert_num_queries(3):
            assert len(queries.keys_snapshot().keys) == 10

    def test_a_refused_change_gives_no_new_number(self) -> None:
        before = queries.current_version()
        with pytest.raises(ProjectExists):
            operations.create_project("registry", "Again", "node")
        assert queries.current_version() == before

    def test_lists_show_what_can_still_open_or_be_rotated(self) -> None:
        make("short", life=DAY)
        old = make("web")
        with clock.frozen(NOW + timedelta(seconds=1)):
            operations.rotate_key("registry/web", "node", overlap=DAY)
        make("gone")
        operations.revoke_key("registry/gone", "node")
        with clock.frozen(NOW + DAY - timedelta(seconds=1)):
            states = [(key.name, queries.state_of(key)) for key in queries.list_keys("registry")]
        assert states == [("short", "open"), ("web", "overlap"), ("web", "open")]
        with clock.frozen(NOW + DAY + timedelta(seconds=1)):
            assert [(key.name, queries.state_of(key)) for key in queries.list_keys()] == [
                ("short", "expired"),
                ("web", "open"),
            ]
            everything = {key.id: queries.state_of(key) for key in queries.list_keys(over=True)}
        assert everything[old.key.id] == "replaced"
        assert list(everything.values()).count(queries.KeyState.REVOKED) == 1
        assert queries.list_keys("other") == []


class TestAudit:
    def test_every_change_is_in_the_trail_once(self) -> None:
        operations.grant("registry", 3, "", "node")
        old = make()
        new = operations.rotate_key(old.key.id, "node")
        operations.revoke_key(old.key.id, "node")
        operations.close_project("registry", "node")
        assert trail() == [
            ("gateway.project-created", "registry"),
            ("gateway.credits-granted", "registry"),
            ("gateway.key-created", old.key.id),
            ("gateway.key-rotated", new.key.id),
            ("gateway.key-revoked", old.key.id),
            ("gateway.project-closed", "registry"),
        ]
        assert verify_trail() == []

    def test_a_refused_change_leaves_nothing(self) -> None:
        before = trail()
        with pytest.raises(JazariError):
            operations.grant("registry", -1, "", "node")
        assert trail() == before


def in_threads(do: Callable[[int], Any], count: int) -> list[Any]:
    """What each call returned or raised, all started at once."""
    results: list[Any] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait(10)
            results.append(do(number))
        except JazariError as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


class TestAtTheSameTime:
    def test_one_of_many_rotations_wins_and_the_rest_are_told(self) -> None:
        make()
        key_id = Key.objects.get().id
        results = in_threads(lambda _: operations.rotate_key(key_id, "node"), 6)
        assert sorted(type(result).__name__ for result in results) == ["KeyNotCurrent"] * 5 + ["NewKey"]

    def test_one_of_many_projects_of_a_name_is_made(self) -> None:
        results = in_threads(lambda _: operations.create_project("same", "Same", "node"), 6)
        assert sorted(type(result).__name__ for result in results) == ["Project"] + ["ProjectExists"] * 5

    def test_no_grant_is_lost_and_none_slips_over_the_most(self) -> None:
        half = MOST_GRANTED // 2 + 1
        results = in_threads(lambda _: operations.grant("registry", half, "", "node"), 4)
        assert sum(isinstance(result, BadCredits) for result in results) == 3
        assert queries.keys_snapshot().grants == {"registry": half}

    def test_numbers_do_not_repeat_among_writers(self) -> None:
        def change(number: int) -> int:
            with transaction.atomic():
                operations.create_key("registry", f"key-{number}", SCOPE, "node")
                return queries.current_version()

        numbers = in_threads(change, 6)
        assert len(set(numbers)) == 6
        assert queries.current_version() == max(numbers)


def test_a_thief_of_the_database_cannot_make_a_header_that_opens() -> None:
    make()
    row = Key.objects.get()
    for guess in (row.digest, row.digest[:43], f"jz-{row.id}-{row.digest[:43]}", f"jz-{row.id}-{row.last_four}"):
        with pytest.raises(BadKey):
            opened(guess)
