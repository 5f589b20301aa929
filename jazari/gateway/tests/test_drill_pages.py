"""Published drills as pages: signed figures, pictures that are checked and can do nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from jazari.accounts.rules import Role
from jazari.catalog.indexing import update_index
from jazari.gateway.pages import drills
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.tests.page_homes import HOSTILE_CARD, give_gateway
from jazari.settings.home import Home
from jazari.testing.pages import People, anonymous
from jazari.trust.blobs import has_blob
from jazari.trust.metadata import blob_path
from jazari.trust.records import FileRef

pytestmark = pytest.mark.usefixtures("portal")
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def phase(name: str, answered: int) -> dict[str, Any]:
    return {
        "phase": name, "seconds": 20.0, "calls": 100, "answered": answered, "refused": 0, "lost": 100 - answered,
        "retried": 0, "rerouted": {}, "answered_by": {"first": answered}, "microcredits": 250_000, "receipts": 100,
        "total_ms": {"p50": 20, "p95": 40, "p99": 80}, "first_byte_ms": None,
    }  # fmt: skip


def card(**changes: Any) -> dict[str, Any]:
    return {
        "title": {"fr": "Coupure du campus"}, "id": "0" * 16, "what": "campus", "mode": "refuse",
        "began": "2026-11-01T00:00:00Z", "routes": ["chat"], "rate": 5.0, "data_class": "public", "unsent": 0,
        "phases": [phase("before", 100), phase("during", 87), phase("after", 100)],
        "recovery": {"first_answer_ms": 12, "steady_ms": 340, "steady_share": 0.95, "returned_ms": None},
        "real": None, "evaluation": None, "plots": ["outcomes.svg"], "note": None, **changes,
    }  # fmt: skip


@pytest.fixture
def published(portal: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A drill in the catalogue, whose picture lies in the mirror; the Root is not asked for what is there."""
    from jazari.trust.reading import Reader
    from jazari.trust.sources import FolderSource

    sha256 = hashlib.sha256(PICTURE).hexdigest()
    path = portal.mirror / "targets" / blob_path(sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(PICTURE)
    assert has_blob(portal.mirror / "targets", sha256, len(PICTURE))
    refs = tuple(
        FileRef(name=name, sha256=sha256, size=len(PICTURE), media_type="image/svg+xml")
        for name in ("outcomes.svg", "other.svg", "calls.csv")
    )
    records = [
        build.record("drill", card(), name="campus-1").model_copy(update={"files": refs}),
        build.record("drill", card(title={"fr": HOSTILE_CARD}, note=HOSTILE_CARD, plots=[]), name="campus-2"),
        build.record("drill", {"title": {"fr": "Not a drill"}}, name="campus-3"),
    ]
    update_index(build.Records(records))
    monkeypatch.setattr(drills, "open_reader", lambda home: Reader(home.mirror, FolderSource(Path("/nowhere")), b""))
    return portal


def test_anybody_may_read_published_drills(published: Home) -> None:
    shown = anonymous().get(reverse("gateway:drills")).content.decode()
    assert "Coupure du campus" in shown
    assert "87 of 100 calls" in shown
    assert "Not a drill" not in shown
    one = anonymous("en").get("/gateway/drills/rabat/campus-1/1/")
    text = one.content.decode()
    for words in ("rabat/drill/campus-1@1", "340 ms", "not while it was measured", "20 / 40 / 80 ms", "outcomes.svg"):
        assert words in text


def test_without_one_the_page_says_so(portal: Home) -> None:
    assert (
        "No institute of the network has published a drill yet" in anonymous().get("/gateway/drills/").content.decode()
    )


def test_a_hostile_card_is_shown_and_never_run(published: Home) -> None:
    for address in ("/gateway/drills/", "/gateway/drills/rabat/campus-2/1/"):
        shown = anonymous().get(address).content.decode()
        assert HOSTILE_CARD not in shown
        assert "x&quot; onfocus=" in shown


def test_a_picture_can_do_nothing_even_if_opened_by_itself(published: Home) -> None:
    answer = anonymous().get("/gateway/drills/rabat/campus-1/1/outcomes.svg")
    assert answer.content == PICTURE
    assert answer["Content-Type"] == "image/svg+xml"
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "address",
    [
        "rabat/campus-1/2/", "rabat/nobody/1/", "fes/campus-1/1/", "rabat/campus-3/1/", "rabat/campus-1/1/other.svg",
        "rabat/campus-1/1/calls.csv", "rabat/campus-1/1/..%2f..%2fkeys", "rabat/campus-1/99999999999999999999/",
        f"{'x' * 300}/campus-1/1/",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(published: Home, address: str) -> None:
    assert anonymous().get(f"/gateway/drills/{address}").status_code == 404


def test_the_pages_of_drills_need_no_gateway(published: Home, people: People) -> None:
    assert people.client(Role.MEMBER).get("/gateway/drills/").status_code == 200
    give_gateway(published)
    assert people.client(Role.MEMBER).get("/gateway/drills/?page=99999999999").status_code == 200
