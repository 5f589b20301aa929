"""The databases that tests run on are what they promise to be."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from jazari.core.audit import AuditEvent
from jazari.governance.models import AuditEntry
from jazari.governance.operations import record
from jazari.testing import databases


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_postgresql_tests_skip_but_fail_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr(databases, "server_programs", lambda: None)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome):
        databases.require_server_programs()


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_a_fresh_database(any_database: Any, turn: int) -> None:
    assert AuditEntry.objects.count() == 0
    record(AuditEvent("test.done", "node", str(turn)))
    assert connection.vendor == any_database.vendor


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_a_transactional_test_leaves_an_empty_and_still_guarded_trail(turn: int) -> None:
    from django.db import DatabaseError

    assert AuditEntry.objects.count() == 0
    record(AuditEvent("test.done", "node", str(turn)))
    with pytest.raises(DatabaseError, match="append-only"):
        AuditEntry.objects.all().delete()
