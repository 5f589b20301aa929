"""The catalogue's JSON API, mounted as a node mounts it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from ninja import NinjaAPI

from jazari.accounts.access import public
from jazari.catalog.indexing import update_index
from jazari.catalog.models import CatalogItem
from jazari.catalog.public_api import router
from jazari.catalog.tests.records import Logs, dataset_card, record, withdrawal
from jazari.core.errors import JazariError
from jazari.federation.http import error_document, http_status

api = NinjaAPI(urls_namespace="catalogue-test", docs_url=None)
api.add_router("/catalogue", router)
_urls = api.urls
urlpatterns = [path("api/v1/", _urls), path("", include("jazari.nodes.portal_urls"))]
for _pattern in _urls[0]:
    public(_pattern.callback)
BASE = "/api/v1/catalogue"


@api.exception_handler(JazariError)
def on_error(request: HttpRequest, error: JazariError) -> HttpResponse:
    return api.create_response(request, error_document(error), status=http_status(error))


@pytest.fixture(autouse=True)
def _mounted(portal: Any, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
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
        ("?offset=500000&limit=100", 200),
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
