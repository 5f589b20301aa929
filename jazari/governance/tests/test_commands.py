"""`jazari audit`, as an operator types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from typer.testing import CliRunner

from jazari.core.audit import AuditEvent
from jazari.core.errors import ExitCode
from jazari.governance.commands import audit_app
from jazari.governance.models import AuditEntry
from jazari.governance.operations import record
from jazari.governance.triggers import drop_statements
from jazari.settings.home import Home, NodeConfig

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path, sqlite_database: Any) -> Home:
    config = NodeConfig(role="institute", namespace="fes", network="Jazari", root_url="https://root.example")
    return Home.create(tmp_path / "home", config)


def write(count: int) -> None:
    for number in range(count):
        record(AuditEvent("studies.approved", "key-1", f"fes/study/s-{number}@1", {"number": number}))


def run(home: Home, *arguments: str, code: int = 0) -> Any:
    result = runner.invoke(audit_app, [*arguments, "--home", str(home.path)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def run_json(home: Home, *arguments: str, code: int = 0) -> Any:
    return json.loads(run(home, *arguments, "--json", code=code).stdout)


def tamper() -> None:
    with connection.cursor() as cursor:
        for statement in drop_statements(connection.vendor):
            cursor.execute(statement)
    AuditEntry.objects.filter(seq=2).update(subject="forged")


def test_list_shows_the_newest_first_and_pages(home: Home) -> None:
    write(4)
    record(AuditEvent("trust.accepted", "fes", "x"))
    entries = run_json(home, "list", "--limit", "2")["entries"]
    assert [entry["seq"] for entry in entries] == [5, 4]
    assert entries[1]["detail"] == {"number": 3}
    assert [entry["seq"] for entry in run_json(home, "list", "--kind", "studies", "--before", "4")["entries"]] == [
        3,
        2,
        1,
    ]
    assert "studies.approved" in run(home, "list").output
    assert "No entry" in run(home, "list", "--kind", "nothing").output


def test_verify_says_that_an_honest_trail_is_intact(home: Home) -> None:
    write(3)
    assert run_json(home, "verify") == {
        "intact": True,
        "checkpoints": 0,
        "checkpoints_fresh": True,
        "problems": [],
    }
    assert "intact" in run(home, "verify").output


def test_verify_names_what_was_changed_and_exits_with_7(home: Home) -> None:
    write(3)
    tamper()
    found = run_json(home, "verify", code=ExitCode.UNTRUSTED)
    assert not found["intact"]
    assert [problem["seq"] for problem in found["problems"]] == [2]
    assert "Entry 2" in run(home, "verify", code=ExitCode.UNTRUSTED).output


def test_an_export_is_verified_elsewhere(home: Home, tmp_path: Path) -> None:
    write(3)
    file = tmp_path / "audit.ndjson"
    assert run_json(home, "export", "--out", str(file))["entries"] == 3
    assert run_json(home, "verify", "--file", str(file))["intact"]
    file.write_bytes(file.read_bytes().replace(b"s-1@1", b"s-9@1"))
    assert [p["seq"] for p in run_json(home, "verify", "--file", str(file), code=7)["problems"]] == [2]
    for bad in (b"{}\n", b"[]\n", b"not json\n", b'{"seq": "1"}\n', b"[" * 100_000):
        file.write_bytes(bad)
        assert "line 1" in run(home, "verify", "--file", str(file), code=ExitCode.USAGE).output
    file.unlink()
    run(home, "verify", "--file", str(file), code=ExitCode.UNAVAILABLE)


def test_an_export_that_cannot_be_written_leaves_the_old_one(home: Home, tmp_path: Path) -> None:
    write(1)
    run(home, "export", "--out", str(tmp_path / "missing" / "audit.ndjson"), code=ExitCode.UNAVAILABLE)


@pytest.mark.parametrize("name", ["verify", "list", "export"])
def test_help_has_an_example(name: str) -> None:
    assert f"jazari audit {name}" in runner.invoke(audit_app, [name, "--help"]).output
