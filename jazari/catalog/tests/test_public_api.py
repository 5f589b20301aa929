"""The catalogue's JSON API, mounted as a node mounts it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from jazari.catalog import queries
from jazari.catalog.indexing import update_index
from jazari.catalog.models import CatalogItem
from jazari.catalog.queries import MOST_RANKED
from jazari.catalog.tests.records import Logs, dataset_card, record, withdrawal

BASE = "/api/v1/catalogue"


@pytest.fixture(autouse=True)
def _published(portal: Any) -> None:
    update_index(
        Logs(
            record("rabat/dataset/soil@1", dataset_card("Sols"), day=1),
            record("rabat/dataset/soil@2", dataset_card("Sols agricoles"), day=2),
            record("fes/dataset/gone@1", dataset_card({"ar": "قديم"}), day=3),
            record("fes/hologram/new@1", {"title": {"fr": "Futur"}}, day=4),
            withdrawal("fes", "fes/dataset/gone@1"),
        )
    )


def get(address: str, status: int = 200, **headers: str) -> Any:
    answer = Client().get(BASE + address, headers=headers)
    assert answer.status_code == status, answer.content
    return json.loads(answer.content) if answer.content else None


def test_the_list_is_the_search_with_its_facets() -> None:
    page = get("?q=sols&kind=dataset")
    assert [item["ref"] for item in page["items"]] == ["rabat/dataset/soil@2"]
    assert (page["total"], page["more"], page["next"]) == (1, False, None)
    assert page["facets"]["institute"] == [{"value": "rabat", "count": 1}]
    assert [item["ref"] for item in get("?limit=1&offset=1&sort=newest")["items"]] == ["fes/hologram/new@1"]


def test_one_item_its_record_and_its_versions() -> None:
    item = get("/rabat/dataset/soil")
    assert (item["version"], item["card"]["title"], item["number"]) == (2, {"fr": "Sols agricoles"}, 2)
    assert get("/rabat/dataset/soil/1")["latest"] is False
    assert [each["version"] for each in get("/rabat/dataset/soil/versions")["items"]] == [2, 1]
    raw = Client().get(f"{BASE}/rabat/dataset/soil/1/record").content
    assert raw == CatalogItem.objects.get(ref="rabat/dataset/soil@1").as_record().to_line()[:-1]


def test_what_is_withdrawn_or_unreadable_says_so() -> None:
    gone = get("/fes/dataset/gone")
    assert (gone["withdrawn_by"], gone["withdrawn_reason"]) == ("fes/withdrawal/retrait@1", {"fr": "Erreur de saisie."})
    new = get("/fes/hologram/new/1")
    assert new["card"] is None
    assert "does not know" in new["problem"]


def test_provenance_names_both_sides() -> None:
    found = get("/fes/dataset/gone/1/provenance")
    assert (found["before"], found["after"], found["missing"]) == ([], [], [])  # a withdrawal is evidence, no offspring


def test_a_verification_without_a_network_is_refused_with_a_sentence() -> None:
    answer = Client().get(f"{BASE}/rabat/dataset/soil/1/verify")
    assert answer.status_code >= 400
    assert json.loads(answer.content)["error"]["message"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("?offset=1000000000000", 422),
        ("?limit=100000", 422),
        ("?q=" + "a" * 10_000, 422),
        ("?sort=evil", 422),
        ("?unknown=1", 200),
        ("?region=%27--", 200),
        ("?offset=2000&limit=100", 200),
        ("?offset=2001&limit=100", 422),
        ("?offset=500000&limit=100", 422),
        ("/rabat/dataset/none", 404),
        ("/rabat/dataset/soil/99", 404),
        ("/rabat/dataset/soil/99999999999999999999", 422),
        ("/RABAT/dataset/soil", 422),
        ("/rabat/dataset/s%00il", 422),
        ("/rabat/dataset/%E2%80%AEsoil", 422),
        ("/rabat/dataset/soil/x", 422),
    ],
)
def test_what_makes_no_sense_is_refused(address: str, status: int) -> None:
    get(address, status)


def test_beyond_what_is_put_in_order_the_refusal_says_how_far_and_what_to_do() -> None:
    assert MOST_RANKED == 2000
    error = get("?offset=500000", 422)["error"]
    assert error["code"] == "api.bad-request"
    assert error["message"] == (
        "offset: only the newest 2000 hits are put in order: leave out at most these, or narrow the search."
    )
    described = json.loads(Client().get("/api/v1/openapi.json").content)["paths"][BASE]["get"]["parameters"]
    (offset,) = [one for one in described if one["name"] == "offset"]
    assert offset["schema"]["maximum"] == MOST_RANKED
    assert "2000" in offset["description"]


def test_pages_end_where_no_more_is_put_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_RANKED", 2)
    page = get("?limit=1")
    assert (page["total"], page["more"]) == (2, True)
    second = json.loads(Client().get(page["next"]).content)
    assert (len(second["items"]), second["next"], second["more"]) == (1, None, True)
