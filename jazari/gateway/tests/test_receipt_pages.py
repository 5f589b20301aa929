"""Receipts as pages: found, verified step by step, taken away; and what somebody changed shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils.translation import override

from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.core.errors import known_errors
from jazari.gateway.errors import JournalDamaged, ProviderFailed
from jazari.gateway.journal import segments
from jazari.gateway.proxy.call import ANSWERED, BROKEN, FAILED, LEFT, REFUSED
from jazari.gateway.receipt_files import Kept, journal_folder
from jazari.gateway.receipt_search import Wanted, search_receipts
from jazari.gateway.receipts import INTERRUPTED, new_call_id, verify
from jazari.gateway.templatetags.gateway import OUTCOMES, outcome
from jazari.gateway.tests.page_homes import HOSTILE, give_gateway, serve
from jazari.settings.home import Home
from jazari.testing.pages import People

pytestmark = pytest.mark.usefixtures("portal")


@pytest.fixture
def home(portal: Home) -> Home:
    give_gateway(portal)
    return portal


def page(people: People, name: str, query: str = "", **where: object) -> str:
    response = people.client(Role.AUDITOR).get(reverse(f"gateway:{name}", kwargs=where) + query)
    assert response.status_code == 200, response.content.decode()
    return response.content.decode()


def test_only_who_may_read_the_gateway_sees_receipts(home: Home, people: People) -> None:
    (call,) = serve(home, {})
    for address in ("/gateway/receipts/", f"/gateway/receipts/{call}/", f"/gateway/receipts/{call}.json"):
        assert people.client(Role.MEMBER).get(address).status_code == 403
        assert people.client(Role.AUDITOR).get(address).status_code == 200


def test_search_by_project_route_outcome_and_day(home: Home, people: People) -> None:
    first, second, third = serve(
        home,
        {"project": "archives"},
        {"project": "mairie", "route": "text", "moment": "2026-11-25T09:00:00Z"},
        {"project": "mairie", "outcome": "failed", "provider": "", "charge": 0},
    )
    shown = page(people, "receipts")
    assert shown.index(third) < shown.index(second) < shown.index(first)
    for query, found in (
        ("?project=mairie", {second, third}),
        ("?route=text", {second}),
        ("?outcome=failed", {third}),
        ("?until=2026-11-25", {second}),
        ("?since=2026-11-26&project=archives", {first}),
        ("?project=nobody", set()),
    ):
        shown = page(people, "receipts", query)
        assert {call for call in (first, second, third) if call in shown} == found
    for wrong in ("since=soon", "outcome=somehow"):
        assert people.client(Role.AUDITOR).get(f"/gateway/receipts/?{wrong}").status_code == 400


def test_every_way_in_which_calls_and_attempts_end_has_a_word_in_each_language() -> None:
    failures = {found.outcome for found in known_errors().values() if issubclass(found, ProviderFailed)}
    ends = {ANSWERED, REFUSED, FAILED, LEFT, BROKEN, INTERRUPTED}
    assert set(OUTCOMES) == ends
    for language in ("fr", "ar", "zgh"):
        with override(language):
            assert not {word for word in ends | failures if str(outcome(word)) == word}


def test_a_search_reads_a_part_of_the_journal_and_says_where_to_go_on(home: Home) -> None:
    calls = serve(home, *({"project": f"p{n % 3}"} for n in range(30)))
    folder = journal_folder(home.path)
    seen: list[str] = []
    before = None
    while True:
        found = search_receipts(folder, Wanted(project="p1"), before, limit=4)
        seen += [receipt.id for _line, receipt in found.receipts]
        if found.older is None:
            break
        before = found.older
    assert seen == [call for n, call in enumerate(calls) if n % 3 == 1][::-1]
    assert search_receipts(folder, Wanted(), None, most_bytes=0).down_to == clock.now().date().isoformat()


def test_a_receipt_shows_every_step_of_its_verification(home: Home, people: People) -> None:
    calls = serve(home, {}, {}, {})
    shown = page(people, "receipt", call=calls[1])
    assert "This receipt is what was written when the call ended." in shown
    assert "number 1 (from 0) of a batch of 3" in shown
    kept = Kept.read(people.client(Role.AUDITOR).get(f"/gateway/receipts/{calls[1]}.json").content)
    assert kept.proof is not None
    assert kept.anchor is not None
    verify(kept.receipt, kept.proof, kept.anchor)
    assert kept.anchor.root in shown
    assert all(step in shown for step in kept.proof.path)
    assert "/audit/entries/1/" in shown


def test_what_is_not_anchored_or_not_in_the_trail_is_said_so(home: Home, people: People) -> None:
    (call,) = serve(home, {}, anchored=False)
    assert "not anchored yet" in page(people, "receipt", call=call)
    (other,) = serve(home, {}, delivered=False)
    assert "could not be verified to the end" in page(people, "receipt", call=other)


def test_a_receipt_that_is_not_there_is_not_found(home: Home, people: People) -> None:
    serve(home, {})
    for call in (new_call_id(), "rc-1", "..%2f..%2fetc", "x" * 500):
        assert people.client(Role.AUDITOR).get(f"/gateway/receipts/{call}/").status_code == 404


def test_a_changed_journal_is_a_sentence(home: Home, people: People) -> None:
    (call,) = serve(home, {})
    (path,) = segments(journal_folder(home.path))
    path.write_bytes(path.read_bytes().replace(b'"charge":250000', b'"charge":250001'))
    response = people.client(Role.AUDITOR).get(f"/gateway/receipts/{call}/")
    assert response.status_code == 422
    assert "jazari receipt verify" in response.content.decode()
    with pytest.raises(JournalDamaged):
        search_receipts(path.parent, Wanted())


def test_what_a_provider_calls_itself_is_shown_and_never_run(home: Home, people: People) -> None:
    (call,) = serve(home, {"model": HOSTILE, "energy_source": HOSTILE})
    shown = page(people, "receipt", call=call)
    assert HOSTILE not in shown
    assert "&lt;script&gt;" in shown


def test_the_document_is_what_the_command_verifies(home: Home, people: People, tmp_path: Path) -> None:
    (call,) = serve(home, {})
    document = json.loads(people.client(Role.AUDITOR).get(f"/gateway/receipts/{call}.json").content)
    assert document["receipt"]["id"] == call
