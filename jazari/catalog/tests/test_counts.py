"""What other parts of a node ask the catalogue for: counts, the latest, and a version to keep pages by."""

from __future__ import annotations

import pytest

from jazari.catalog import queries
from jazari.catalog.indexing import rebuild_index, update_index
from jazari.catalog.tests.records import Logs, dataset_card, institute_card, record, withdrawal

pytestmark = pytest.mark.django_db


def network() -> Logs:
    return Logs(
        record("rabat/institute/rabat@1", institute_card({"fr": "Institut de Rabat"})),
        record("rabat/dataset/soil@1", dataset_card("Sols"), day=1),
        record("rabat/dataset/soil@2", dataset_card("Sols agricoles"), day=2),
        record("rabat/dataset/gone@1", dataset_card("Retiré"), day=3),
        record("fes/dataset/water@1", dataset_card("Eaux"), day=4),
        record("fes/hologram/new@1", {"title": {"fr": "Futur"}}, day=5),
        withdrawal("rabat", "rabat/dataset/gone@1"),
    )


def test_only_what_stands_is_counted() -> None:
    update_index(network())
    assert queries.counts_by_type() == {"dataset": 2, "institute": 1, "withdrawal": 1}
    assert queries.counts_by_institute() == {
        "fes": {"dataset": 1},
        "rabat": {"dataset": 1, "institute": 1, "withdrawal": 1},
    }


def test_counts_follow_the_index() -> None:
    logs = network()
    update_index(logs)
    queries.counts_by_type()
    logs.add(record("fes/dataset/late@1", dataset_card()))
    update_index(logs)
    assert queries.counts_by_type()["dataset"] == 3


def test_the_latest_publications_are_offers_that_stand() -> None:
    update_index(network())
    assert [item.ref for item in queries.latest_publications(2)] == ["fes/dataset/water@1", "rabat/dataset/soil@2"]
    assert [item.ref for item in queries.latest_publications(types=["withdrawal"])] == ["rabat/withdrawal/retrait@1"]
    assert [item.ref for item in queries.latest_publications(namespace="fes")] == ["fes/dataset/water@1"]


def test_what_an_institute_published_by_type() -> None:
    update_index(network())
    assert [item.ref for item in queries.items_of("rabat", "dataset").items] == ["rabat/dataset/soil@2"]
    assert queries.items_of("nobody").total == 0


def test_the_version_changes_with_the_index_and_only_then() -> None:
    logs = network()
    assert queries.catalogue_version() == ""
    update_index(logs)
    first = queries.catalogue_version()
    update_index(logs)
    assert queries.catalogue_version() == first
    logs.add(record("fes/dataset/late@1", dataset_card()))
    update_index(logs)
    second = queries.catalogue_version()
    assert second not in ("", first)
    rebuild_index(logs)
    assert queries.catalogue_version() not in (first, second)
