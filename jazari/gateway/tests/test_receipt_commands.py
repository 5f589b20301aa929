"""`jazari receipt`, as an operator and a client type it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jazari.core.errors import ExitCode
from jazari.gateway.errors import ReceiptNotFound
from jazari.gateway.journal import Journal, segments
from jazari.gateway.ledger import Ledger
from jazari.gateway.receipt_commands import receipt_app
from jazari.gateway.receipt_files import find_receipt_of, journal_folder
from jazari.gateway.receipts import Receipt, Tried, new_call_id
from jazari.gateway.words import DataClass, Kind, Usage
from jazari.governance.operations import record
from jazari.settings.home import Home, NodeConfig

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path, sqlite_database: Any) -> Home:
    config = NodeConfig(role="institute", namespace="fes", network="Jazari", root_url="https://root.example")
    return Home.create(tmp_path / "home", config)


def answered(call: str, project: str) -> Receipt:
    return Receipt(
        id=call, project=project, key="key-1", route="chat", kind=Kind.CHAT, data_class=DataClass.INTERNAL,
        provider="rabat", model="small", usage=Usage(12, 30, True), charge=250_000, outcome="ok", status=200,
        tried=(Tried(provider="away", outcome="timeout", decision="allowed"), Tried(provider="rabat", outcome="ok")),
        energy_microwatt_hours=4_000, energy_source="declared", total_ms=80, moment="2026-11-26T09:00:00Z",
    )  # fmt: skip


def refused(call: str, project: str) -> Receipt:
    return Receipt(id=call, project=project, outcome="refused", status=403, moment="2026-11-26T09:00:01Z")


def serve(home: Home, *, anchored: bool = True, deliver: bool = True) -> list[str]:
    """What a gateway does: four calls, an anchor, and its event in the audit trail."""
    journal = Journal.open(journal_folder(home.path))
    ledger = Ledger(journal)
    ledger.set_grants({"archives": 10_000_000, "mairie": 10_000_000})
    calls = [new_call_id() for _ in range(4)]
    for call, project in zip(calls[:3], ["archives", "mairie", "archives"], strict=True):
        ledger.reserve(call, project, 300_000)
        ledger.settle(call, answered(call, project))
    ledger.record(refused(calls[3], "mairie"))
    if anchored:
        ledger.anchor()
    for event in ledger.undelivered_events() if deliver else ():
        record(event)
    journal.close()
    return calls


def run(home: Home, *arguments: str, code: int = 0) -> Any:
    result = runner.invoke(receipt_app, [*arguments, "--home", str(home.path)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def run_json(home: Home, *arguments: str) -> Any:
    return json.loads(run(home, *arguments, "--json").stdout)


def test_list_shows_the_newest_first_and_filters(home: Home) -> None:
    calls = serve(home)
    assert [one["id"] for one in run_json(home, "list")["receipts"]] == calls[::-1]
    assert [one["id"] for one in run_json(home, "list", "--limit", "1")["receipts"]] == [calls[3]]
    assert [one["id"] for one in run_json(home, "list", "--project", "archives")["receipts"]] == [calls[2], calls[0]]
    assert [one["id"] for one in run_json(home, "list", "--outcome", "refused")["receipts"]] == [calls[3]]
    text = run(home, "list").stdout
    assert calls[0] in text
    assert "0.250000" in text
    assert run(home, "list", "--project", "nobody").stdout == "No receipt.\n"


def test_without_a_journal_there_is_no_receipt(home: Home) -> None:
    assert run_json(home, "list") == {"receipts": []}
    result = run(home, "show", new_call_id(), code=ExitCode.NOT_FOUND)
    assert "check the id" in result.stderr


def test_show_says_what_happened(home: Home) -> None:
    call = serve(home)[0]
    text = run(home, "show", call).stdout
    for words in [
        f"id: {call}",
        "charge: 0.250000 credits",
        "usage: 12 tokens read, 30 written (estimated)",
        "tried: away: timeout allowed; rabat: ok",
        "data_class: internal",
        "anchored: as ",
    ]:
        assert words in text


def test_a_receipt_is_verified_by_its_id_and_from_a_file(home: Home, tmp_path: Path) -> None:
    call = serve(home)[0]
    facts = run_json(home, "verify", call)
    assert (facts["id"], facts["audit_entry"]) == (call, 1)
    file = tmp_path / "receipt.json"
    file.write_text(run(home, "show", call, "--json").stdout)
    assert run_json(home, "verify", "--file", str(file)) == facts
    assert "entry 1 of the audit trail" in run(home, "verify", call).stdout


@pytest.mark.parametrize("member", ["charge", "project", "provider"])
def test_a_receipt_that_somebody_changed_is_not_believed(home: Home, tmp_path: Path, member: str) -> None:
    document = run_json(home, "show", serve(home)[0])
    document["receipt"][member] = 1 if member == "charge" else "other"
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(document))
    result = run(home, "verify", "--file", str(file), code=ExitCode.UNTRUSTED)
    assert "is not among those anchored" in result.stderr


@pytest.mark.parametrize("content", ["", "{}", "[]", "not JSON", '{"receipt":{"id":"rc-1"},"line":1}'])
def test_what_is_no_receipt_is_refused(home: Home, tmp_path: Path, content: str) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(content)
    assert "holds no receipt" in run(home, "verify", "--file", str(file), code=ExitCode.UNTRUSTED).stderr


@pytest.mark.parametrize("anchored", [False, True])
def test_what_the_audit_trail_does_not_have_is_not_verified(home: Home, anchored: bool) -> None:
    call = serve(home, anchored=anchored, deliver=False)[0]
    result = run(home, "verify", call, code=ExitCode.UNTRUSTED)
    assert "not anchored in this node's audit trail" in result.stderr
    assert f"anchored: {'as ' if anchored else 'not yet'}" in run(home, "show", call).stdout


def test_all_of_the_journal_is_verified(home: Home) -> None:
    serve(home)
    serve(home)
    facts = run_json(home, "verify")
    assert facts == {"lines": 17, "receipts": 8, "anchors": 2, "spent": {"archives": 1_000_000, "mairie": 500_000}}
    assert "8 receipts, 2 anchors, 1.500000 credits spent" in run(home, "verify").stdout


def test_a_changed_line_is_found_and_named(home: Home) -> None:
    serve(home)
    path = segments(journal_folder(home.path))[0]
    path.write_bytes(path.read_bytes().replace(b'"charge":250000', b'"charge":150000', 1))
    assert "Line 3 of the journal" in run(home, "verify", code=ExitCode.UNTRUSTED).stderr


def test_a_journal_that_was_written_anew_is_found_by_the_audit_trail(home: Home) -> None:
    serve(home)
    for path in segments(journal_folder(home.path)):
        path.unlink()
    serve(home, deliver=False)
    assert "the journal was replaced or cut" in run(home, "verify", code=ExitCode.UNTRUSTED).stderr


def test_a_journal_that_was_cut_is_found_by_the_audit_trail(home: Home) -> None:
    serve(home)
    path = segments(journal_folder(home.path))[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert "the journal was replaced or cut" in run(home, "verify", code=ExitCode.UNTRUSTED).stderr


def test_segments_that_were_put_away_are_not_missed(home: Home) -> None:
    serve(home)
    journal = Journal.open(journal_folder(home.path), segment_bytes=1)
    ledger = Ledger(journal)
    call = new_call_id()
    ledger.record(refused(call, "mairie"))
    ledger.record(refused(new_call_id(), "mairie"))
    for event in ledger.undelivered_events():
        record(event)
    journal.close()
    segments(journal_folder(home.path))[0].unlink()
    assert run_json(home, "verify")["receipts"] == 1
    assert "no receipt" in run(home, "show", call, code=ExitCode.NOT_FOUND).stderr


def test_an_institute_finds_its_receipts_of_earlier_months_and_nobody_elses(home: Home) -> None:
    folder = journal_folder(home.path)
    journal = Journal.open(folder)
    call = new_call_id()
    Ledger(journal).record(refused(call, "institute-fes/2026-10"))
    journal.close()
    assert find_receipt_of(folder, "institute-fes/2026-11", call).receipt.id == call
    for other in ("institute-rabat/2026-10", "institute-fes", "institute"):
        with pytest.raises(ReceiptNotFound):
            find_receipt_of(folder, other, call)
