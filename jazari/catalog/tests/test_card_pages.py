"""The pages of a card: what it says, whatever it says; versions, provenance, exports."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from jazari.catalog.citing import escape
from jazari.catalog.indexing import update_index
from jazari.catalog.models import CatalogItem
from jazari.catalog.tests.records import Logs, dataset_card, institute_card, record, withdrawal
from jazari.testing.pages import anonymous
from jazari.trust.records import FileRef

pytestmark = pytest.mark.usefixtures("portal")
FILE = FileRef(name="mock.csv", sha256="ab" * 32, size=4096, media_type="text/csv")


def index(*records: Any) -> None:
    update_index(Logs(*records))


def page(address: str, language: str = "en", status: int = 200) -> str:
    answer = anonymous(language).get(address)
    assert answer.status_code == status, answer.status_code
    return answer.content.decode()


SOIL = "/catalogue/rabat/dataset/soil/"


@pytest.fixture
def soil(portal: object) -> None:
    index(
        record("rabat/institute/rabat@1", institute_card({"fr": "Institut de Rabat"})),
        record("rabat/dataset/soil@1", dataset_card("Sols"), day=1),
        record(
            "rabat/dataset/soil@2",
            dataset_card({"fr": "Sols agricoles", "ar": "التربة"}, rows=1300, keywords=["sol"]),
            day=2,
            files=(FILE,),
        ),
    )


@pytest.mark.usefixtures("soil")
class TestACard:
    def test_addresses_are_permanent(self) -> None:
        assert "Sols agricoles" in page(SOIL)
        assert '<h1><span lang="fr" dir="ltr">Sols</span></h1>' in page(f"{SOIL}1/")
        assert 'rel="canonical" href="/catalogue/rabat/dataset/soil/2/"' in page(SOIL)

    def test_the_text_is_in_the_readers_language_and_others_are_marked(self) -> None:
        shown = page(f"{SOIL}2/", "ar")
        assert "<h1>التربة</h1>" in shown
        assert '<p lang="fr" dir="ltr"><strong>Sols agricoles</strong></p>' in shown

    def test_it_tells_files_signature_and_versions(self) -> None:
        shown = page(f"{SOIL}2/")
        assert "mock.csv" in shown
        assert "ab" * 32 in shown
        assert CatalogItem.objects.get(ref="rabat/dataset/soil@2").digest in shown
        assert "A later version replaces this one" in page(f"{SOIL}1/")
        assert "A later version replaces this one" not in shown
        assert "jazari catalog files rabat/dataset/soil@2 --out soil" in shown

    def test_facts_are_a_readable_table(self) -> None:
        shown = page(f"{SOIL}2/")
        assert "soil_ph" in shown
        assert '<bdi dir="ltr">1,300</bdi>' in shown
        assert "https://creativecommons.org/licenses/by/4.0/" in shown

    def test_differences_between_any_two_versions(self) -> None:
        shown = page(f"{SOIL}changes/?from=1&to=2")
        assert "From version 1 to version 2" in shown
        assert re.search(r"<del><bdi dir=\"auto\">1200</bdi></del>.*<ins><bdi dir=\"auto\">1300</bdi></ins>", shown)
        assert "Both versions say the same" in page(f"{SOIL}changes/?from=2&to=2")
        assert "mock.csv" in page(f"{SOIL}changes/?from=2&to=1")
        page(f"{SOIL}changes/?from=1&to=9", status=404)
        page(f"{SOIL}changes/?from=x&to=-1")

    def test_the_record_is_exported_byte_for_byte(self) -> None:
        answer = anonymous().get(f"{SOIL}2/record.json")
        item = CatalogItem.objects.get(ref="rabat/dataset/soil@2")
        assert answer.content + b"\n" == item.as_record().to_line()
        assert answer["Content-Type"] == "application/json"

    def test_croissant_and_bibtex(self) -> None:
        croissant = json.loads(page(f"{SOIL}2/croissant.json", "fr"))
        assert (croissant["name"], croissant["creator"]["name"]) == ("Sols agricoles", "Institut de Rabat")
        bibtex = page(f"{SOIL}2/citation.bib", "fr")
        assert bibtex.startswith("@misc{rabat-dataset-soil-2,\n  title = {{Sols agricoles}},")
        assert r"\url{http://testserver/catalogue/rabat/dataset/soil/2/}" in bibtex
        page("/catalogue/rabat/institute/rabat/1/croissant.json", status=404)

    @pytest.mark.parametrize(
        "path",
        [
            "rabat/dataset/none/",
            "rabat/dataset/soil/3/",
            "rabat/dataset/soil/0/",
            "rabat/dataset/soil/99999999999/",
            "RABAT/dataset/soil/",
            "rabat/dataset/..%2Fsoil/",
            "rabat/dataset/soil%00/",
            "rabat/dataset/s%E2%80%AEoil/",
            "rabat/dataset/soil'--/",
            pytest.param("rabat/dataset/" + "s" * 3000 + "/", id="long"),
            "معهد/dataset/soil/",
        ],
    )
    def test_odd_references_are_not_found(self, path: str) -> None:
        page(f"/catalogue/{path}", status=404)


def test_a_withdrawn_item_says_why() -> None:
    index(record("rabat/dataset/soil@1", dataset_card("Sols"), day=1), withdrawal("rabat", "rabat/dataset/soil@1"))
    shown = page(f"{SOIL}1/")
    assert "Withdrawn by its institute" in shown
    assert "Erreur de saisie." in shown
    assert "rabat/dataset/soil@1" in page("/catalogue/rabat/withdrawal/retrait/1/")


def test_a_card_of_unknown_type_shows_nothing_of_itself() -> None:
    hostile = {"title": {"fr": "<script>alert(1)</script>"}, "deep": {"a": [1, {"b": "\u202eevil"}]}}
    index(record("rabat/hologram/xx@1", hostile))
    shown = page("/catalogue/rabat/hologram/xx/")
    assert "This node cannot read this card" in shown
    assert "alert(1)" not in shown
    assert "\u202e" not in shown
    assert anonymous().get("/catalogue/rabat/hologram/xx/1/record.json").status_code == 200


def test_a_broken_card_of_a_known_type_is_not_rendered_either() -> None:
    index(record("rabat/dataset/yy@1", {"title": {"fr": "<img src=x onerror=alert(1)>"}, "variables": 5}))
    shown = page("/catalogue/rabat/dataset/yy/")
    assert "This node cannot read this card" in shown
    assert "onerror" not in shown
    page("/catalogue/rabat/dataset/yy/1/croissant.json", status=404)


def test_texts_that_look_like_markup_or_links_stay_text() -> None:
    card = dataset_card(
        "Prix < 5 \"dh\" & 'plus'",
        citation="javascript:alert(1)",
        source={"fr": "voir http://plain.example/ et {{ 7|add:7 }}"},
        keywords=['a"onmouseover="x', "{% now 'Y' %}"],
    )
    index(record("rabat/dataset/soil@1", card))
    shown = page(SOIL)
    assert "Prix &lt; 5 &quot;dh&quot; &amp; &#x27;plus&#x27;" in shown
    assert 'href="javascript' not in shown
    assert 'href="http://plain' not in shown
    assert "{% now &#x27;Y&#x27; %}" in shown
    assert '"onmouseover="' not in shown
    assert escape('} \\input{x} % $^_~#&"@') == (
        r"\} \textbackslash{}input\{x\} \% \$\textasciicircum{}\_\textasciitilde{}\#\&''{\char64}"
    )


def test_a_huge_card_makes_a_bounded_page() -> None:
    variables = [{"name": f"v{n}", "kind": "numeric", "description": {"fr": "x" * 90}} for n in range(1000)]
    index(record("rabat/dataset/soil@1", dataset_card(variables=variables, subject=[], quality=[])))
    shown = page(SOIL)
    assert "The rest is in the signed record" in shown
    assert len(shown) < 250_000
