"""The index and search, under one contract on both databases."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from jazari.catalog import engines, queries, registry
from jazari.catalog.cards import InstituteCard
from jazari.catalog.errors import IndexInconsistent, ItemNotFound
from jazari.catalog.indexing import BATCH, IndexReport, rebuild_index, update_index
from jazari.catalog.models import CatalogItem, CatalogWord, IndexedLog
from jazari.catalog.places import free_places, place_of
from jazari.catalog.queries import find_record, get_item, search
from jazari.catalog.tests.records import Logs, dataset_card, institute_card, record, withdrawal


def refs(query: str = "", **options: object) -> list[str]:
    return [item.ref for item in search(query, **options).items]  # type: ignore[arg-type]


def snapshot() -> list[tuple[object, ...]]:
    fields = ("ref", "digest", "title", "is_latest", "withdrawn_by", "withdrawn_reason", "problem", "search_text")
    return [tuple(str(value) for value in row) for row in CatalogItem.objects.order_by("ref").values_list(*fields)]


NETWORK = (
    record(
        "rabat/institute/rabat@1",
        institute_card({"fr": "Institut de Rabat", "ar": "معهد الرباط", "zgh": "ⴰⵙⵉⵏⴰⴳ ⵏ ⵔⵔⴱⴰⵟ"}),
    ),
    record("rabat/dataset/soil@1", dataset_card("Modèles de sols", description={"fr": "Fertilité."}), day=1),
    record("rabat/dataset/soil@2", dataset_card("Modèles des sols agricoles"), day=2),
    record(
        "fes/dataset/water@1",
        dataset_card(
            {"fr": "Eaux souterraines", "ar": "المِيَاه الجوفية والزراعة", "en": "Groundwater levels"},
            description={"fr": "Niveaux des nappes sous les sols.", "zgh": "ⴰⵎⴰⵏ ⵏ ⵜⵎⵓⵔⵜ"},
        ),
        day=3,
    ),
    record("fes/dataset/other@1", dataset_card("Autre jeu", keywords=["irrigation"]), day=4),
)


@pytest.mark.usefixtures("any_database")
class TestSearch:
    @pytest.fixture(autouse=True)
    def _indexed(self, any_database: Any) -> None:
        update_index(Logs(*NETWORK))

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("modele", ["rabat/dataset/soil@2"]),
            ("MODÈLES", ["rabat/dataset/soil@2"]),
            ("sols", ["rabat/dataset/soil@2", "fes/dataset/water@1"]),  # in the title first, then newest
            ("l'eau", ["fes/dataset/water@1"]),
            ("groundwater level", ["fes/dataset/water@1"]),
            ("مياه", ["fes/dataset/water@1"]),
            ("الزراعه", ["fes/dataset/water@1"]),
            ("الجَوْفِيّة زراعة", ["fes/dataset/water@1"]),
            ("ⴰⵎⴰⵏ", ["fes/dataset/water@1"]),
            ("ⵜⴰⵎⵓⵔⵜ", ["fes/dataset/water@1"]),
            ("ⵔⵔⴱⴰⵟ", ["rabat/institute/rabat@1"]),
            ("معهد", ["rabat/institute/rabat@1"]),
            ("irrigation", ["fes/dataset/other@1"]),
            ("ph", ["fes/dataset/other@1", "fes/dataset/water@1", "rabat/dataset/soil@2"]),
            ("eau irrigation", []),
            ("inexistant", []),
            ("...", []),
        ],
    )
    def test_both_databases_find_the_same_in_the_same_order(self, query: str, expected: list[str]) -> None:
        assert refs(query) == expected

    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("irri", ["fes/dataset/other@1"]),
            ("groundwater lev", ["fes/dataset/water@1"]),
            ("الزرا", ["fes/dataset/water@1"]),
            ("جوف", ["fes/dataset/water@1"]),
            ("ⴰⵎⴰ", ["fes/dataset/water@1"]),
            ("nap sols", []),  # only the last word may be unfinished
            ("ir", []),
            ("irri_%", ["fes/dataset/other@1"]),
        ],
    )
    def test_what_nothing_has_is_read_as_the_beginning_of_a_word(self, typed: str, expected: list[str]) -> None:
        assert refs(typed) == expected

    def test_a_whole_word_that_is_found_is_not_completed(self) -> None:
        update_index(Logs(*NETWORK, record("zagora/dataset/aid@1", dataset_card("Solidarité"), day=5)))
        assert refs("sol") == ["rabat/dataset/soil@2", "fes/dataset/water@1"]
        assert refs("solid") == ["zagora/dataset/aid@1"]

    def test_the_most_frequent_words_complete(self, monkeypatch: pytest.MonkeyPatch) -> None:
        more = [record(f"zagora/dataset/n{n}@1", dataset_card("Barrages"), day=5 + n) for n in range(3)]
        rare = record("zagora/dataset/rare@1", dataset_card("Bardeau"), day=9)
        update_index(Logs(*NETWORK, *more, rare))
        assert "zagora/dataset/rare@1" in refs("bar")
        monkeypatch.setattr(engines, "MOST_COMPLETIONS", 1)
        queries.remembered.cache_clear()
        assert refs("bar") == [f"zagora/dataset/n{n}@1" for n in (2, 1, 0)]

    def test_the_index_built_again_counts_its_words_anew(self) -> None:
        counted = dict(CatalogWord.objects.values_list("word", "items"))
        assert counted["sols"] == 3
        rebuild_index(Logs(*NETWORK))
        assert dict(CatalogWord.objects.values_list("word", "items")) == counted

    def test_without_words_the_newest_come_first(self) -> None:
        assert refs() == [
            "fes/dataset/other@1",
            "fes/dataset/water@1",
            "rabat/dataset/soil@2",
            "rabat/institute/rabat@1",
        ]

    def test_filters_by_type_institute_and_version(self) -> None:
        assert refs(types=["institute"]) == ["rabat/institute/rabat@1"]
        assert refs(namespace="rabat", types=["dataset"]) == ["rabat/dataset/soil@2"]
        assert refs("sols", namespace="rabat", all_versions=True) == [
            "rabat/dataset/soil@2",
            "rabat/dataset/soil@1",
        ]

    def test_both_databases_narrow_count_and_sort_alike(self) -> None:
        assert refs(narrow={"language": ["zgh"]}) == ["rabat/institute/rabat@1"]
        assert refs("sols", narrow={"region": ["MA-04"], "kind": ["dataset"]}) == [
            "rabat/dataset/soil@2",
            "fes/dataset/water@1",
        ]
        assert refs("sols", narrow={"region": ["MA-04", "MA-01"]}, sort="title") == [
            "fes/dataset/water@1",
            "rabat/dataset/soil@2",
        ]
        assert refs("sols", sort="newest") == ["fes/dataset/water@1", "rabat/dataset/soil@2"]
        assert refs(narrow={"region": ["x' | 'y"]}) == refs(narrow={"nonsense": ["1"]}) == []
        assert search("sols").facets["institute"] == [("fes", 1), ("rabat", 1)]

    def test_both_databases_sort_by_title_alike_and_the_same_title_newest_first(self) -> None:
        same = [
            record(f"zagora/dataset/{name}@1", dataset_card("Eaux"), day=day) for name, day in (("aa", 5), ("bb", 6))
        ]
        unreadable = record("zagora/dataset/odd@1", {"title": 5}, day=7)
        update_index(Logs(*NETWORK, *same, unreadable))
        eaux = ["zagora/dataset/bb@1", "zagora/dataset/aa@1"]
        rest = ["rabat/institute/rabat@1", "rabat/dataset/soil@2"]
        other, water = "fes/dataset/other@1", "fes/dataset/water@1"
        assert refs(sort="title") == ["zagora/dataset/odd@1", other, *eaux, water, *rest]
        assert refs(sort="title", language="en") == ["zagora/dataset/odd@1", other, *eaux, water, *rest]
        assert refs(sort="title", language="ar")[-1] == "rabat/institute/rabat@1"

    def test_the_marks_of_words_in_titles_are_no_words(self) -> None:
        assert refs("tsols") == refs("tmodeles") == []
        assert all(item.search_title.startswith("t") for item in CatalogItem.objects.exclude(search_title=""))

    def test_an_older_index_gets_the_marks_of_words_in_titles(self) -> None:
        before = dict(CatalogItem.objects.values_list("ref", "search_title"))
        migration = import_module("jazari.catalog.migrations.0004_words_of_titles")
        with connection.cursor() as cursor:
            cursor.execute(migration._UNMARK)
            assert "agricoles" in CatalogItem.objects.get(ref="rabat/dataset/soil@2").search_title.split()
            cursor.execute(migration._MARK)
        assert dict(CatalogItem.objects.values_list("ref", "search_title")) == before
        assert refs("sols") == ["rabat/dataset/soil@2", "fes/dataset/water@1"]

    def test_pages_and_their_limits(self) -> None:
        assert refs(offset=1, limit=2) == ["fes/dataset/water@1", "rabat/dataset/soil@2"]
        assert refs(offset=99) == []
        assert len(refs(limit=-5)) == 1
        assert len(refs(limit=10**9, offset=-3)) == 4
        assert search(limit=1).total == 4

    def test_more_hits_than_are_ranked_are_said_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "MOST_RANKED", 2)
        page = search("ph")
        assert (len(page.items), page.total, page.more) == (2, 2, True)

    @pytest.mark.parametrize(
        "query",
        [
            '" OR "1"="1',
            "sols*",
            "search_title:sols",
            "NEAR(sols modele)",
            "sols AND NOT agricoles",
            "^sols",
            "{search_title search_text}: sols",
            "'; DROP TABLE catalog_catalogitem; --",
            "sols' | 'x' & !'y",
            "sols:*",
            "\\'sols",
            "sols\x00",
            "%s %(x)s {} {0}",
            "(" * 400,
            "\ud800",
            "\u202esols",
            "a" * 100_000,
            "sols " * 10_000,
            "*",
        ],
    )
    def test_query_syntax_is_only_words(self, query: str) -> None:
        found = refs(query)
        assert set(found) <= {item.ref for item in CatalogItem.objects.all()}
        assert CatalogItem.objects.count() == 5
        assert refs("modele") == ["rabat/dataset/soil@2"]

    def test_operators_are_words_to_find(self) -> None:
        assert refs("sols NOT agricoles") == []
        assert refs("NEAR modele") == []
        assert refs("sols*") == refs("sols")


@pytest.mark.usefixtures("any_database")
class TestIndexing:
    def test_indexing_again_changes_nothing(self) -> None:
        logs = Logs(*NETWORK)
        assert update_index(logs) == IndexReport(added=5)
        before = snapshot()
        assert update_index(logs) == IndexReport()
        assert snapshot() == before

    def test_following_costs_what_is_new(self) -> None:
        logs = Logs(*(record(f"rabat/dataset/d{number}@1", dataset_card()) for number in range(50)))
        update_index(logs)
        logs.handed_out = 0
        logs.add(record("rabat/dataset/new@1", dataset_card()))
        assert update_index(logs) == IndexReport(added=1)
        assert logs.handed_out == 2  # the last one known, to see that the log goes on from it, and the new one

    def test_following_and_building_at_once_give_the_same_index(self) -> None:
        logs = Logs()
        for item in (*NETWORK, withdrawal("rabat", "rabat/dataset/soil@2")):
            logs.add(item)
            update_index(logs)
        followed = snapshot()
        assert rebuild_index(logs) == IndexReport(added=6)
        assert snapshot() == followed
        assert refs("modele") == ["rabat/dataset/soil@2"]

    def test_a_rebuild_that_fails_leaves_the_old_index(self) -> None:
        logs = Logs(*NETWORK)
        update_index(logs)
        before = snapshot()

        class Broken(Logs):
            def records(self, *args: object, **named: object):
                raise OSError(5, "Input/output error")

        with pytest.raises(OSError, match="Input/output"):
            rebuild_index(Broken(*NETWORK))
        assert snapshot() == before
        assert refs("modele") == ["rabat/dataset/soil@2"]

    def test_places_never_meet(self) -> None:
        first, second = (record(f"rabat/dataset/{name}@1", dataset_card(), day=1) for name in ("aa", "bb"))
        wanted = place_of(first, 1)
        assert place_of(second, 2) > wanted
        assert place_of(record("rabat/dataset/cc@1", dataset_card(), day=0), 9) < wanted
        update_index(Logs(first))
        assert free_places([wanted, wanted, wanted + 2]) == [wanted + 1, wanted + 2, wanted + 3]

    def test_more_than_one_batch(self) -> None:
        count = BATCH + 7
        logs = Logs(*(record(f"rabat/dataset/d{number}@1", dataset_card(f"Jeu {number}")) for number in range(count)))
        assert update_index(logs).added == count
        assert IndexedLog.objects.get().records == count
        assert refs(f"jeu {count - 1}") == [f"rabat/dataset/d{count - 1}@1"]

    def test_stopped_between_batches_it_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        logs = Logs(*(record(f"rabat/dataset/d{number}@1", dataset_card()) for number in range(BATCH + 3)))
        original = Logs.records

        def breaking(self: Logs, *args: object, **named: object):
            for number, item in enumerate(original(self, *args, **named)):  # type: ignore[arg-type]
                if number == BATCH + 1:
                    raise ConnectionError
                yield item

        with monkeypatch.context() as patch:
            patch.setattr(Logs, "records", breaking)
            with pytest.raises(ConnectionError):
                update_index(logs)
        assert CatalogItem.objects.count() == BATCH
        assert update_index(logs).added == 3

    def test_a_log_frozen_at_an_earlier_version_is_indexed_as_far_as_the_board_vouches(self) -> None:
        logs = Logs(*NETWORK)
        update_index(logs)
        logs.logs["fes"] = logs.logs["fes"][:1]
        update_index(logs)
        assert refs(namespace="fes") == ["fes/dataset/water@1"]
        assert refs("irrigation") == []
        del logs.logs["fes"]
        update_index(logs)
        assert refs(namespace="fes") == []
        assert len(refs()) == 2

    def test_other_content_under_a_known_reference_is_refused(self) -> None:
        update_index(Logs(*NETWORK))
        IndexedLog.objects.all().delete()
        forged = record("rabat/institute/rabat@1", institute_card({"fr": "Autre"}))
        with pytest.raises(IndexInconsistent, match="reindex"):
            update_index(Logs(forged))

    def test_a_card_of_unknown_type_or_form_is_kept_with_its_problem(self) -> None:
        future = record("rabat/hologram/xx@1", {"title": {"fr": "Futur"}})
        bad = record("rabat/dataset/yy@1", {"title": {"fr": "Titre cassé"}})
        assert update_index(Logs(future, bad)) == IndexReport(added=2, problems=2)
        assert "does not know" in get_item("rabat/hologram/xx@1").problem
        assert "not valid" in get_item("rabat/dataset/yy@1").problem
        assert refs("futur") == []
        assert refs("hologram") == ["rabat/hologram/xx@1"]

    def test_a_type_that_becomes_known_is_read_at_the_next_update(self, monkeypatch: pytest.MonkeyPatch) -> None:
        logs = Logs(record("rabat/hologram/xx@1", institute_card({"fr": "Futur"})))
        update_index(logs)
        monkeypatch.setitem(registry._types, "hologram", registry.CardType("hologram", InstituteCard))
        assert update_index(logs) == IndexReport()
        assert refs("futur") == ["rabat/hologram/xx@1"]
        assert get_item("rabat/hologram/xx@1").problem == ""

    def test_a_huge_card_is_indexed_on_both_databases(self) -> None:
        words = " ".join(f"{number:x}{'mot' * 5}{number}" for number in range(900))
        variables = [
            {"name": f"v{number}", "kind": "text", "description": {"fr": f"{number} {words[:900]}"}}
            for number in range(900)
        ]
        card = dataset_card("Immense", variables=variables, subject=[], quality=[])
        assert update_index(Logs(record("rabat/dataset/huge@1", card))) == IndexReport(added=1)
        assert refs("immense") == ["rabat/dataset/huge@1"]


@pytest.mark.usefixtures("any_database")
class TestVersionsAndWithdrawals:
    def test_a_withdrawn_item_is_shown_as_withdrawn_with_the_reason(self) -> None:
        update_index(Logs(*NETWORK, withdrawal("rabat", "rabat/dataset/soil@2")))
        item = get_item("rabat/dataset/soil@2")
        assert item.withdrawn_by == "rabat/withdrawal/retrait@1"
        assert item.withdrawn_reason == {"fr": "Erreur de saisie."}
        assert refs("modele") == ["rabat/dataset/soil@2"]
        assert refs("modele", withdrawn=False) == []

    def test_nobody_withdraws_for_another_even_in_the_index(self) -> None:
        update_index(Logs(*NETWORK, withdrawal("fes", "rabat/dataset/soil@2")))
        assert get_item("rabat/dataset/soil@2").withdrawn_by == ""

    def test_the_first_withdrawal_counts(self) -> None:
        first = withdrawal("rabat", "rabat/dataset/soil@2", "one")
        update_index(Logs(*NETWORK, first, withdrawal("rabat", "rabat/dataset/soil@2", "two")))
        assert get_item("rabat/dataset/soil@2").withdrawn_by == first.ref

    def test_a_reference_without_version_means_the_latest(self) -> None:
        update_index(Logs(*NETWORK))
        assert get_item("rabat/dataset/soil").ref == "rabat/dataset/soil@2"
        assert not get_item("rabat/dataset/soil@1").is_latest
        with pytest.raises(ItemNotFound, match="jazari sync"):
            get_item("rabat/dataset/nothing@1")

    def test_the_record_comes_back_whole(self) -> None:
        update_index(Logs(*NETWORK))
        assert find_record("fes/dataset/water@1") == NETWORK[3]
        assert find_record("fes/dataset/water@9") is None


class TestSeveralProcesses:
    def test_two_indexers_at_once_leave_one_index(self, any_database: Any) -> None:
        logs = [Logs(*NETWORK), Logs(*NETWORK)]
        errors: list[BaseException] = []

        def index(log: Logs) -> None:
            try:
                update_index(log)
            except BaseException as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=index, args=(log,)) for log in logs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert CatalogItem.objects.count() == 5
        assert len(refs("sols")) == 2
