"""What a record rests on and what rests on it: bounded, both ways, drawn and told."""

from __future__ import annotations

from typing import Any

import pytest

from jazari.catalog import lineage, registry
from jazari.catalog.cards import InstituteCard
from jazari.catalog.indexing import update_index
from jazari.catalog.lineage import lineage_of, picture_of
from jazari.catalog.queries import get_item
from jazari.catalog.tests.records import Logs, dataset_card, record
from jazari.testing.pages import anonymous

pytestmark = pytest.mark.usefixtures("portal")


@pytest.fixture(autouse=True)
def _types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types with a simple form stand for those of higher slices: here only their references matter."""
    for name in ("study", "result", "model", "approval"):
        monkeypatch.setitem(registry._types, name, registry.CardType(name, InstituteCard))


def naming(title: str, *refs: str) -> dict[str, Any]:
    return {"title": {"fr": title}, "keywords": list(refs)}


def chain() -> None:
    update_index(
        Logs(
            record("rabat/dataset/soil@1", dataset_card("Sols"), day=1),
            record("fes/dataset/water@1", dataset_card("Eaux"), day=1),
            record("rabat/study/yield@1", naming("Étude", "rabat/dataset/soil@1", "fes/dataset/water@1"), day=2),
            record("fes/approval/aa@1", naming("Oui", "rabat/study/yield@1"), day=3),
            record("rabat/result/yield-r1@1", naming("Résultat", "rabat/study/yield@1", "sale/dataset/lost@1"), day=4),
            record("rabat/model/yield@1", naming("Modèle", "rabat/result/yield-r1@1", "rabat/study/yield@1"), day=5),
            record("fes/dataset/apart@1", dataset_card("Seul"), day=6),
        )
    )


def refs(items: list[Any]) -> set[str]:
    return {item.ref for item in items}


def test_both_ways_and_no_further_than_ancestors_and_offspring() -> None:
    chain()
    found = lineage_of(get_item("rabat/dataset/soil@1"))
    assert refs(found.before) == set()
    assert refs(found.after) == {"rabat/study/yield@1", "rabat/result/yield-r1@1", "rabat/model/yield@1"}
    found = lineage_of(get_item("rabat/result/yield-r1@1"))
    assert refs(found.before) == {"rabat/study/yield@1", "rabat/dataset/soil@1", "fes/dataset/water@1"}
    assert refs(found.after) == {"rabat/model/yield@1"}
    assert found.missing == ["sale/dataset/lost@1"]
    assert ("rabat/dataset/soil@1", "rabat/study/yield@1") in found.edges
    assert ("rabat/result/yield-r1@1", "rabat/model/yield@1") in found.edges
    assert not found.cut


def test_the_page_shows_a_picture_and_says_the_same() -> None:
    chain()
    page = anonymous().get("/catalogue/rabat/result/yield-r1/").content.decode()
    assert '<svg role="img"' in page
    assert page.count("<rect") == 5
    assert page.count('<path class="line"') >= 4
    assert '<a href="/catalogue/rabat/study/yield/1/">' in page
    assert "sale/dataset/lost@1</code> is not in this node" in page
    alone = anonymous().get("/catalogue/fes/dataset/apart/").content.decode()
    assert "<svg" not in alone
    assert "No record names it yet." in alone


def test_many_and_circles_are_bounded() -> None:
    more = lineage.MOST_RECORDS + 10
    update_index(
        Logs(
            record("rabat/dataset/soil@1", dataset_card("Sols")),
            *(record(f"rabat/study/s{n}@1", naming(f"É{n}", "rabat/dataset/soil@1"), day=n) for n in range(more)),
            record("rabat/result/aa@1", naming("A", "rabat/result/bb@1")),
            record("rabat/result/bb@1", naming("B", "rabat/result/aa@1")),
        )
    )
    found = lineage_of(get_item("rabat/dataset/soil@1"))
    assert len(found.after) <= lineage.MOST_RECORDS
    assert found.cut
    circle = lineage_of(get_item("rabat/result/aa@1"))
    assert refs(circle.before) == {"rabat/result/bb@1"}
    drawn = picture_of(circle, lambda item: item.title["fr"])
    assert {box.title for box in drawn.boxes} == {"A", "B"}
    assert anonymous().get("/catalogue/rabat/result/aa/").status_code == 200


def test_a_picture_shortens_titles_and_needs_none() -> None:
    update_index(
        Logs(
            record("rabat/dataset/soil@1", dataset_card("Un titre qui ne tient pas dans une boîte")),
            record("rabat/study/yield@1", naming("É", "rabat/dataset/soil@1")),
        )
    )
    drawn = picture_of(lineage_of(get_item("rabat/study/yield@1")), lambda item: item.title["fr"])
    assert all(len(box.title) <= 22 for box in drawn.boxes)
    assert drawn.boxes[0].x < drawn.boxes[1].x
