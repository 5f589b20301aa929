"""The home page: the map with who is there, counts and publications from verified records, and no door to nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jazari.catalog.tests.records import dataset_card, institute_card
from jazari.portal.front_page import ENTRANCES, entrances
from jazari.portal.tests.networks import network, read
from jazari.settings.home import Home, NodeConfig
from jazari.testing.pages import anonymous
from jazari.trust.records import Draft
from jazari.trust.tests.world import World

pytestmark = pytest.mark.usefixtures("portal")


@pytest.fixture
def world(portal: Home, tmp_path: Path) -> World:
    found = network(tmp_path, "rabat", "fes", "meknes", "abroad")
    found.publish("rabat", Draft("institute", "rabat", institute_card({"fr": "Institut de Rabat"})))
    found.publish("rabat", Draft("dataset", "soil", dataset_card("Sols de Rabat")))
    found.publish("fes", Draft("dataset", "water", dataset_card("Eaux de Fès")))
    found.publish("fes", Draft("dataset", "wells", dataset_card("Puits de Fès")))
    read(portal, found)
    return found


def home(language: str = "en") -> str:
    page = anonymous(language).get("/")
    assert page.status_code == 200
    return page.content.decode()


def test_an_empty_institute_says_what_to_do_first() -> None:
    page = home()
    assert "jazari institute request --network network.json" in page
    assert "<svg" not in page
    assert "What are you looking for?" not in page


def test_an_empty_root_says_what_to_do_first(tmp_path: Path, settings: object) -> None:
    config = NodeConfig(role="root", namespace="network", network="Jazari", root_url="https://root.example")
    settings.HOME = Home.create(tmp_path / "root", config)
    page = home()
    assert "No institute belongs to this network yet" in page
    assert "jazari institute create" in page


@pytest.mark.usefixtures("world")
class TestANetwork:
    def test_counts_are_of_what_stands_and_lead_there(self) -> None:
        page = home()
        assert ">4 institutes<" in page
        assert '<a href="/catalogue/?kind=dataset">3 data sets</a>' in page
        assert "0 " not in re.findall(r'<ul class="home-counts".*?</ul>', page, re.DOTALL)[0]

    def test_every_region_is_listed_with_its_institutes_and_their_offers(self) -> None:
        table = home().partition("<table>")[2]
        assert table.count('<tr id="region-MA-') == 12
        fes = table.partition('id="region-MA-03"')[2].partition("</tr>")[0]
        assert "/institutes/fes/" in fes
        assert "2 data sets" in fes
        assert "/institutes/meknes/" in fes
        assert "None yet" in table.partition('id="region-MA-12"')[2].partition("</tr>")[0]
        assert "/institutes/abroad/" in table.partition('id="region-none"')[2]

    def test_the_map_marks_regions_by_pattern_and_text_and_can_be_reached_by_keyboard(self) -> None:
        drawing = home().partition("<svg")[2].partition("</svg>")[0]
        links = re.findall(r'<a class="region region-with" href="([^"]+)" aria-label="([^"]+)"', drawing)
        assert links == [("#region-MA-03", "3 Fez-Meknes: 2 institutes"),
                         ("/institutes/rabat/", "4 Rabat-Sale-Kenitra: 1 institute")]  # fmt: skip
        assert drawing.count("url(#hatched)") == 2
        assert drawing.count("<text") == 12
        assert "<title" in drawing

    def test_the_map_costs_little(self) -> None:
        page = home("fr")
        assert len(page[page.index("<svg") : page.index("</svg>")].encode()) < 12_000

    def test_numbers_of_the_drawing_stay_numbers_in_every_language(self) -> None:
        for language in ("fr", "ar", "zgh"):
            assert 'viewBox="0 0 600 648"' in home(language)

    def test_an_institute_shows_its_own_first(self) -> None:
        page = home()
        assert page.index("Latest from this institute") < page.index("Latest from other institutes")
        own = page[page.index("Latest from this institute") : page.index("What are you looking for?")]
        assert "Sols de Rabat" in own
        assert "Eaux" not in own
        assert "/catalogue/rabat/dataset/soil/" in own

    def test_only_doors_with_something_behind_them_are_there(self) -> None:
        page = home()
        assert "<h3>Researcher</h3>" in page
        for absent in ("Citizen", "Company", "Administration", "Learner"):
            assert f"<h3>{absent}</h3>" not in page

    def test_the_same_template_is_the_roots_national_page(self, portal: Home) -> None:
        config = NodeConfig(role="root", namespace="network", network="Jazari", root_url="https://root.example",
                            titles={"fr": "Jazari Racine"})  # fmt: skip
        portal.write(config)
        page = home()
        assert "Jazari Racine" in page
        assert "Latest publications" in page
        assert "Latest from this institute" not in page

    def test_another_country_without_shapes_gets_the_list_only(self, portal: Home) -> None:
        document = {"country": "SN", "source": "x", "licence": "x",
                    "regions": [{"code": "MA-04", "names": {"fr": "Ailleurs"}}]}  # fmt: skip
        (portal.path / "territories.json").write_text(json.dumps(document), encoding="utf-8")
        page = home("fr")
        assert "<svg" not in page
        assert "Ailleurs" in page

    def test_a_broken_file_of_regions_breaks_no_page(self, portal: Home) -> None:
        (portal.path / "territories.json").write_text("{", encoding="utf-8")
        assert "Oriental" in home()


def test_every_door_opens_once_its_kind_is_there() -> None:
    kinds = {kind for entrance in ENTRANCES for kind in entrance.kinds}
    assert len(entrances(dict.fromkeys(kinds, 1))) == len(ENTRANCES) == 5
    assert entrances({}) == []


def test_markup_in_a_title_stays_text(portal: Home, tmp_path: Path) -> None:
    world = network(tmp_path, "fes")
    world.publish("fes", Draft("dataset", "soil", dataset_card({"fr": "a & b 'c' \"d\""})))
    read(portal, world)
    assert "a &amp; b &#x27;c&#x27; &quot;d&quot;" in home("fr")
