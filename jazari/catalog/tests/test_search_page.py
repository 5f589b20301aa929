"""The page of search: facets, order, paging, the part for htmx, and what an attacker types."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jazari.catalog import queries
from jazari.catalog.indexing import update_index
from jazari.catalog.tests.records import Logs, dataset_card, institute_card, record, withdrawal
from jazari.testing.pages import anonymous

pytestmark = pytest.mark.usefixtures("portal")
OPEN = {"name": "CC0-1.0"}


@pytest.fixture(autouse=True)
def _indexed(portal: object) -> None:
    update_index(
        Logs(
            record("rabat/institute/rabat@1", institute_card({"fr": "Institut de Rabat", "ar": "معهد الرباط"})),
            record("rabat/dataset/soil@1", dataset_card("Sols", sectors=["AGRI"]), day=1),
            record("rabat/dataset/soil@2", dataset_card("Zones de sols", sectors=["AGRI"]), day=2),
            record("fes/dataset/water@1", dataset_card({"fr": "Eaux des sols", "ar": "المياه"}, licence=OPEN), day=3),
            record("fes/dataset/gone@1", dataset_card("Ancien"), day=4),
            record("fes/hologram/new@1", {"title": {"fr": "Futur"}}, day=5),
            withdrawal("fes", "fes/dataset/gone@1"),
        )
    )


def titles(address: str, language: str = "en") -> list[str]:
    page = anonymous(language).get(address)
    assert page.status_code == 200
    return [html.unescape(text) for text in re.findall(r"<h3><a[^>]*>(?:<[^>]*>)*([^<]+)", page.content.decode())]


def test_the_page_answers_without_javascript() -> None:
    page = anonymous().get("/catalogue/?q=sols")
    assert "<h1>Catalogue</h1>" in page.content.decode()
    assert titles("/catalogue/?q=sols") == ["Eaux des sols", "Zones de sols"]


def test_htmx_gets_only_the_part_that_answers() -> None:
    part = anonymous().get("/catalogue/?q=sols", headers={"hx-request": "true"}).content.decode()
    assert "<h1>" not in part
    assert part.strip().startswith('<div id="catalogue-found"')
    again = {"hx-request": "true", "hx-history-restore-request": "true"}
    assert "<h1>" in anonymous().get("/catalogue/", headers=again).content.decode()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("kind=institute", ["Institut de Rabat"]),
        ("sector=AGRI", ["Zones de sols"]),
        ("language=ar&kind=dataset", ["Eaux des sols"]),
        ("licence=CC0-1.0", ["Eaux des sols"]),
        ("region=MA-04&institute=fes", ["Ancien", "Eaux des sols"]),
        ("region=MA-01", []),
        ("kind=dataset&kind=institute&institute=rabat", ["Zones de sols", "Institut de Rabat"]),
    ],
)
def test_facets_narrow(asked: str, expected: list[str]) -> None:
    assert titles(f"/catalogue/?{asked}") == expected


def test_facets_are_counted_among_the_hits() -> None:
    page = queries.search("sols")
    assert page.facets["kind"] == [("dataset", 2)]
    assert page.facets["institute"] == [("fes", 1), ("rabat", 1)]
    assert page.facets["licence"] == [("CC-BY-4.0", 1), ("CC0-1.0", 1)]
    assert page.facets["region"] == [("MA-04", 2)]
    shown = anonymous().get("/catalogue/?q=sols").content.decode()
    assert "Rabat-Sale-Kenitra" in shown
    assert "Agriculture, fisheries" in shown


def test_a_replaced_or_withdrawn_item_leaves_its_facets() -> None:
    assert queries.search(narrow={"sector": ["AGRI"]}).total == 1
    assert queries.search(narrow={"sector": ["AGRI"]}, all_versions=True).total == 2
    assert [item.ref for item in queries.search(namespace="fes", types=["dataset"], withdrawn=False).items] == [
        "fes/dataset/water@1"
    ]


def test_the_order_can_be_chosen() -> None:
    assert titles("/catalogue/?q=sols&sort=title") == ["Eaux des sols", "Zones de sols"]
    assert titles("/catalogue/?kind=dataset&sort=title") == ["Ancien", "Eaux des sols", "Zones de sols"]
    assert titles("/catalogue/?kind=dataset&sort=newest") == ["Ancien", "Eaux des sols", "Zones de sols"]


def test_pages_have_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    update_index(Logs(*(record(f"sale/dataset/d{n}@1", dataset_card(f"Jeu {n}"), day=n) for n in range(45))))
    first = anonymous().get("/catalogue/?q=jeu").content.decode()
    assert 'rel="next" href="?q=jeu&amp;page=2"' in first
    last = anonymous().get("/catalogue/?q=jeu&page=3").content.decode()
    assert 'rel="prev"' in last
    assert 'rel="next"' not in last
    assert "There is no such page" in anonymous().get("/catalogue/?q=jeu&page=4").content.decode()
    monkeypatch.setattr(queries, "MOST_RANKED", 30)
    assert "More than 30 results" in anonymous().get("/catalogue/?q=jeu").content.decode()


def test_withdrawn_and_unreadable_items_say_so() -> None:
    shown = anonymous().get("/catalogue/?institute=fes").content.decode()
    assert "Erreur de saisie." in shown
    assert "Cannot be read here" in shown


def test_what_is_empty_says_what_to_do() -> None:
    assert "Try other words" in anonymous().get("/catalogue/?q=inexistant").content.decode()


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("q=" + "a" * 10_000, id="long"),
        pytest.param("q=" + "sols+" * 2_000, id="words"),
        "page=1000000000000",
        "page=-1",
        "page=%D9%A3",
        "sort=%00",
        "q=%00%1f%ff",
        "q=%22%20OR%20%22",
        "kind=%27%3BDROP%20TABLE",
        pytest.param("kind=" + "k" * 9_000, id="long-kind"),
        pytest.param("&".join(f"kind=k{n}" for n in range(400)), id="many"),
        "unknown=1&__class__=x",
        "region=%E2%80%AEMA-04",
        "q=%3Cscript%3Ealert(1)%3C/script%3E",
        "q=%D9%85%D8%B9%D9%87%D8%AF",
    ],
)
def test_nothing_typed_breaks_the_page(asked: str) -> None:
    page = anonymous().get(f"/catalogue/?{asked}")
    assert page.status_code == 200
    shown = page.content.decode()
    assert "<script>alert" not in shown
    assert "\u202e" not in shown
    assert len(shown) < 60_000


def test_a_page_costs_few_queries() -> None:
    client = anonymous()
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/catalogue/?q=sols&kind=dataset")
    assert len(few) <= 8


def test_it_speaks_arabic() -> None:
    page = anonymous("ar").get(reverse("catalog:index")).content.decode()
    assert ">معهد الرباط<" in page
    assert '<span lang="fr" dir="ltr">Ancien</span>' in page


def test_evidence_is_shown_to_who_asks_for_it() -> None:
    assert (
        "fes/withdrawal/retrait@1" not in anonymous().get("/catalogue/").content.decode().partition("catalogue-list")[2]
    )
    assert "?all=1" in anonymous().get("/catalogue/").content.decode()
    assert "fes/withdrawal/retrait@1" in titles("/catalogue/?all=1")
    assert titles("/catalogue/?kind=withdrawal") == ["fes/withdrawal/retrait@1"]
