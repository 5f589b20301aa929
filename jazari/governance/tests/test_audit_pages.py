"""The audit pages: who may read them, what a search finds, and that a changed trail shows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from django.urls import reverse

from jazari.accounts.rules import Role
from jazari.core.audit import AuditEvent
from jazari.governance import queries, verification
from jazari.governance.cards import CheckpointCard
from jazari.governance.exports import read_export
from jazari.governance.models import AuditEntry
from jazari.governance.operations import checkpoint, record
from jazari.governance.rules import check_chain
from jazari.governance.tests.test_trail import TABLE, rehash, tamper
from jazari.settings.home import Home
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("portal")
HOSTILE = '=HYPERLINK("https://evil.example")<script>alert(1)</script>'


def write(count: int, kind: str = "test.written", actor: str = "rabat", subject: str = "soil") -> None:
    for number in range(count):
        record(AuditEvent(kind, actor, f"{subject}-{number + 1}", {"number": number}))


def page(people: People, name: str, query: str = "", role: Role = Role.AUDITOR, **where: object) -> str:
    response = people.client(role).get(reverse(f"governance:{name}", kwargs=where) + query)
    assert response.status_code == 200, response.content
    return response.content.decode()


def streamed(people: People, name: str, query: str = "") -> bytes:
    response = people.client(Role.AUDITOR).get(reverse(f"governance:{name}") + query)
    assert response.streaming
    assert response["Cache-Control"] == "no-store"
    return b"".join(response)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["index", "verification", "policies", "export", "table"])
def test_only_auditors_and_the_board_read_the_trail(people: People, name: str) -> None:
    address = reverse(f"governance:{name}")
    assert anonymous().get(address).status_code == 302
    for role, status in ((Role.MEMBER, 403), (Role.OPERATOR, 403), (Role.AUDITOR, 200), (Role.BOARD, 200)):
        assert people.client(role).get(address).status_code == status
        assert people.client(role).post(address).status_code in (403, 405)


def test_an_empty_trail_says_so(people: People) -> None:
    assert "The trail is empty" in page(people, "index")
    assert "there is nothing to verify yet" in page(people, "verification")


def test_search_by_kind_actor_subject_and_day(people: People) -> None:
    write(2)
    write(1, "gateway.key-created", "person:7", "abcd")
    today = AuditEntry.objects.get(seq=1).moment[:10]
    assert "abcd" not in page(people, "index", "?kind=test")
    assert "abcd" in page(people, "index", "?kind=gateway")
    assert "test.written" not in page(people, "index", "?kind=gateway.key-created")
    assert "test.written" not in page(people, "index", "?actor=person:7")
    assert "soil-2" in page(people, "index", "?subject=il-2")
    assert "soil-1" not in page(people, "index", "?subject=il-2")
    assert "soil-1" in page(people, "index", f"?since={today}&until={today}")
    assert "Nothing was found" in page(people, "index", "?until=2020-01-01")
    assert "Nothing was found" in page(people, "index", "?since=9999-12-31&until=9999-12-31")


def test_a_bad_day_or_a_huge_question_is_refused_beside_its_field(people: People) -> None:
    client = people.client(Role.AUDITOR)
    for query in ("?since=yesterday", f"?kind={'x' * 400}", "?subject=%00"):
        response = client.get(reverse("governance:index") + query)
        assert response.status_code == 400
        assert "errorlist" in response.content.decode()


def test_pages_go_on_below_a_number(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    write(120)
    first = page(people, "index")
    assert "before=71" in first
    assert "/audit/entries/71/" in first
    second = page(people, "index", "?before=71")
    assert "/audit/entries/70/" in second
    assert "/audit/entries/71/" not in second
    assert "/audit/entries/120/" in page(people, "index", "?before=99999999999999999999999")
    monkeypatch.setattr(queries, "MOST_SEARCHED", 50)
    found = queries.search_entries(queries.Asked(subject="soil-3"), None)
    assert (found.entries, found.down_to, found.older) == ([], 71, 71)
    assert [one.seq for one in queries.search_entries(queries.Asked(subject="soil-3"), 71).entries] == [
        39, 38, 37, 36, 35, 34, 33, 32, 31, 30,
    ]  # fmt: skip


def test_one_entry_with_its_neighbours(people: People) -> None:
    write(3)
    shown = page(people, "entry", number=2)
    assert "its hash is the one that was written" in shown
    assert shown.count(AuditEntry.objects.get(seq=1).hash) == 2
    assert "/audit/entries/3/" in shown
    assert "nothing follows it yet" in page(people, "entry", number=3)
    client = people.client(Role.AUDITOR)
    assert client.get("/audit/entries/4/").status_code == 404
    assert client.get("/audit/entries/99999999999999999999/").status_code == 404


def test_a_changed_entry_shows(people: People) -> None:
    write(3)
    tamper(f"UPDATE {TABLE} SET actor = 'nobody' WHERE seq = 2")  # noqa: S608  our own
    assert "it was changed" in page(people, "entry", number=2)
    shown = page(people, "verification", "?from=1")
    assert "One thing is wrong." in shown
    assert "Entry 2 is not what was written" in shown


def test_what_others_wrote_is_shown_and_never_run(people: People) -> None:
    record(AuditEvent("test.written", HOSTILE, HOSTILE, {"said": HOSTILE}))
    for shown in (page(people, "index"), page(people, "entry", number=1)):
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert" in shown


def test_verification_goes_in_parts_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    write(25)
    first = verification.verify_part(1, [], 10)
    assert (first.first, first.last, first.total, first.problems, first.is_whole) == (1, 10, 25, (), False)
    assert verification.verify_part(21, [], 10).last == 25
    card = checkpoint()
    assert card is not None
    # A checkpoint beyond the part is no sign of anything, but one beyond the trail is.
    assert verification.verify_part(1, [card], 10).checkpoints == 0
    assert verification.verify_part(21, [card], 10).problems == ()
    beyond = CheckpointCard(entries=30, head="0" * 64, moment=card.moment)
    assert [one.trouble for one in verification.verify_part(21, [beyond], 10).problems] == ["truncated"]


def test_a_part_finds_what_does_not_follow_the_part_before_it() -> None:
    write(25)
    rehash(11, "f" * 64)
    assert verification.verify_part(1, [], 10).problems == ()
    assert [one.trouble for one in verification.verify_part(11, [], 5).problems] == ["relinked", "relinked"]
    tamper(f"DELETE FROM {TABLE} WHERE seq = 20")  # noqa: S608  our own
    assert [one.seq for one in verification.verify_part(21, [], 5).problems] == [21]


def test_the_worker_verifies_all_of_it_once_a_day(portal: Home, people: People) -> None:
    write(5)
    assert "has not verified the whole trail yet" in page(people, "verification")
    verification.verify_when_old(portal)
    found = verification.last_result(portal)
    assert found is not None
    assert found.is_whole
    assert "1 to 5 of 5" in page(people, "verification")
    tamper(f"UPDATE {TABLE} SET actor = 'nobody' WHERE seq = 2")  # noqa: S608  our own
    verification.verify_when_old(portal)
    assert verification.last_result(portal) == found
    tamper(f"DELETE FROM {TABLE} WHERE seq = 5")  # noqa: S608  our own
    verification.verify_when_old(portal)
    again = verification.last_result(portal)
    assert again is not None
    assert [one.trouble for one in again.problems] == ["changed"]
    (portal.run / verification.RESULT).write_text("[]")
    assert verification.last_result(portal) is None


def test_an_exported_trail_verifies_elsewhere(people: People, tmp_path: Path) -> None:
    write(1200)
    file = tmp_path / "audit.ndjson"
    file.write_bytes(streamed(people, "export"))
    entries = list(read_export(file))
    assert len(entries) == 1200
    assert list(check_chain(entries)) == []


def test_a_table_of_what_a_search_finds_holds_no_formula(people: People) -> None:
    write(2)
    record(AuditEvent("test.other", HOSTILE, "-1+1", {"n": 1}))
    rows = list(csv.DictReader(io.StringIO(streamed(people, "table", "?kind=test.other").decode("utf-8-sig"))))
    (row,) = rows
    assert row["actor"].startswith("'=HYPERLINK")
    assert row["subject"] == "'-1+1"
    assert json.loads(row["detail"]) == {"n": 1}
    assert people.client(Role.AUDITOR).get("/audit/export.csv?since=never").status_code == 400
