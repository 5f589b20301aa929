"""What a card may say, and what is refused before it is signed, at the Root, and in the index."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.catalog import cards, registry
from jazari.catalog.cards.dataset import DatasetCard, may_tell, missing_share
from jazari.catalog.documents import LARGEST_CARD, LARGEST_FILE, parse_document, read_document
from jazari.catalog.errors import CardRefused, UnknownCardType, UnreadableCard
from jazari.catalog.mock import MARK, mock_csv, mock_rows
from jazari.catalog.registry import (
    CardContext,
    CardType,
    card_checker,
    card_types,
    check_card,
    check_form,
    register_card_type,
)
from jazari.catalog.tests.records import dataset_card, institute_card, record, withdrawal
from jazari.core.canonical import canonical_json
from jazari.core.errors import JazariError
from jazari.trust.records import FileRef, Record

cards.register()
NOTHING = CardContext(find=lambda _ref: None)


def refused(type_name: str, card: dict[str, Any], says: str) -> str:
    with pytest.raises(CardRefused, match=says) as caught:
        check_form(type_name, card)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return str(caught.value)


class TestRegistry:
    def test_registering_twice_is_harmless_and_another_of_that_name_is_not(self) -> None:
        cards.register()
        assert {"institute", "dataset", "withdrawal", "checkpoint"} <= {kind.name for kind in card_types()}
        with pytest.raises(ValueError, match="two card types"):
            register_card_type(CardType("dataset", DatasetCard, None))

    def test_an_unknown_type_is_refused(self) -> None:
        with pytest.raises(UnknownCardType, match=r"dataset.*institute"):
            check_card(record("rabat/hologram/xx@1", {}), NOTHING)

    def test_records_of_one_publication_see_those_before_them(self) -> None:
        check = card_checker(NOTHING)
        soil = record("rabat/dataset/soil@1", dataset_card())
        taken_back = withdrawal("rabat", soil.ref)
        with pytest.raises(CardRefused, match="not published"):
            check(taken_back)
        check(soil)
        check(taken_back)
        with pytest.raises(CardRefused, match="not published"):
            card_checker(NOTHING)(taken_back)


class TestHostileDocuments:
    def test_ten_megabytes(self) -> None:
        refused("dataset", dataset_card(description={"fr": "x" * 10_000_000}), f"{LARGEST_CARD:,}")

    def test_nesting(self) -> None:
        card: Any = "end"
        for _ in range(100_000):
            card = [card]
        refused("dataset", {"title": card}, "nested deeper")
        with pytest.raises(UnreadableCard, match="nested too deep"):
            parse_document(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "card.json")
        with pytest.raises(CardRefused, match="nested deeper"):
            parse_document(b'{"a":' * 40 + b"1" + b"}" * 40, "card.json")

    def test_very_many_values(self) -> None:
        refused("dataset", {"title": [[]] * 300_000}, "more than 200,000 values")

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (b"", "not valid JSON"),
            (b"\xff{}", "not valid JSON"),
            (b"[]", "not a JSON object"),
            (b'"x"', "not a JSON object"),
            (b'{"a": 1, "a": 2}', "twice"),
            (b'{"a": NaN}', "NaN"),
            (b'{"a": -Infinity}', "Infinity"),
            (b"{'a': 1}", "not valid JSON"),
        ],
    )
    def test_what_is_no_single_json_object(self, data: bytes, says: str) -> None:
        with pytest.raises(UnreadableCard, match=says):
            parse_document(data, "card.json")

    def test_an_endless_file_is_not_read_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "card.json"
        with path.open("wb") as file:
            file.truncate(10 * 1024**3)
        with pytest.raises(UnreadableCard, match=f"{LARGEST_FILE:,}"):
            read_document(path)
        with pytest.raises(JazariError, match="cannot be used"):
            read_document(tmp_path / "missing.json")
        with pytest.raises(JazariError):
            read_document(tmp_path)

    @pytest.mark.parametrize("value", [2**60, 1e400, float("nan")])
    def test_numbers_that_json_cannot_carry(self, value: object) -> None:
        refused("dataset", dataset_card(rows=value), "JSON cannot carry")

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
           lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
           max_leaves=20))  # fmt: skip
    def test_any_other_value_is_refused_in_one_sentence(self, value: object) -> None:
        with pytest.raises(JazariError) as caught:
            check_form("dataset", {"title": value})
        assert "\n" not in str(caught.value)


class TestText:
    @pytest.mark.parametrize(
        "title",
        [
            "Sols\x00",
            "Sols\x1b[31m",
            "Sols\r",
            "Sols\tpH",
            "Rapport \u202egpj.exe",
            "\u2066isolé\u2069",
            "\ufeffSols",
            "a\u2028b",
            "\ue000",
            "Sols\U000e0041",
            "\ud800",
            "Sols\nagricoles",
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "</title>",
            "<!-- -->",
            "&lt;b&gt;",
            "&#x3c;b",
            "",
            "   ",
            " Sols",
            "x" * 301,
        ],
    )
    def test_titles_that_could_act_or_deceive_are_refused(self, title: str) -> None:
        refused("institute", institute_card({"fr": title}), "^This institute card")

    @pytest.mark.parametrize(
        "title",
        [
            "Rendement < 5 qx/ha & pH > 7",
            "R&D, l'eau et l’irrigation",
            "المياه الجوفية\u200f (pH)",
            "می\u200cخواهم",
            "ⵜⴰⵎⵓⵔⵜ ⵏ ⵍⵎⵖⵔⵉⴱ",
            "P₂O₅ — K₂O",
        ],
    )
    def test_ordinary_titles_pass(self, title: str) -> None:
        check_form("institute", institute_card({"ar": title}))

    def test_hostile_characters_are_refused_in_every_type_and_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Loose(cards.InstituteCard):
            extra: dict[str, str]

        monkeypatch.setitem(registry._types, "loose-test", CardType("loose-test", Loose))
        card = institute_card({"fr": "x"}) | {"extra": {"key\x1b": "v"}}
        refused("loose-test", card, r"U\+001B")
        refused("loose-test", institute_card({"fr": "x"}) | {"extra": {"key": "\u202e"}}, r"U\+202E")

    @pytest.mark.parametrize("title", [{}, {"de": "Boden"}, "Sols", ["Sols"], {"fr": 1}, None])
    def test_a_title_is_in_at_least_one_of_our_languages(self, title: object) -> None:
        refused("institute", {"title": title}, "title")

    def test_an_error_does_not_repeat_what_the_author_wrote(self) -> None:
        sentence = refused("institute", {"title": {"fr": "x"}, "<b>\u00e9vil</b>" * 9: 1}, "not valid")
        assert "<" not in sentence

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x y", "ftp://x", 'https://a"b', "//x"])
    def test_addresses_are_of_the_web(self, url: str) -> None:
        refused("institute", institute_card({"fr": "x"}) | {"website": url}, "web address")


class TestStrictness:
    @pytest.mark.parametrize(
        "changes",
        [
            {"rows": "1200"},
            {"rows": 1200.5},
            {"rows": True},
            {"surprise": 1},
            {"floor": 1},
            {"licence": "CC-BY-4.0"},
            {"variables": []},
            {"coverage": {"start": "2024", "end": "2020"}},
            {"coverage": {"start": "yesterday"}},
            {"coverage": {"regions": ["Fès"]}},
        ],
    )
    def test_nothing_is_converted_or_let_through(self, changes: dict[str, Any]) -> None:
        refused("dataset", dataset_card(**changes), next(iter(changes)))

    @pytest.mark.parametrize(
        ("variable", "says"),
        [
            ({"name": "a", "kind": "category"}, "lists its levels"),
            ({"name": "a", "kind": "numeric", "levels": ["x"]}, "lists its levels"),
            ({"name": "a", "kind": "category", "levels": ["x", "x"]}, "twice"),
            ({"name": "a", "kind": "text", "lower": 1}, "bounds"),
            ({"name": "a", "kind": "numeric", "lower": 2, "upper": 2}, "below"),
            ({"name": "A b", "kind": "text"}, "name"),
            ({"name": "a", "kind": "image"}, "kind"),
        ],
    )
    def test_a_variable_makes_sense(self, variable: dict[str, Any], says: str) -> None:
        refused("dataset", dataset_card(variables=[variable], subject=[], quality=[]), says)

    def test_names_agree_inside_a_card(self) -> None:
        twice = [{"name": "a", "kind": "text"}] * 2
        refused("dataset", dataset_card(variables=twice, subject=[], quality=[]), "declared twice")
        refused("dataset", dataset_card(subject=["nowhere"]), "nowhere")
        refused("dataset", dataset_card(quality=[{"variable": "crop", "missing": 0.0}] * 2), "told twice")


class TestSmallCounts:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"rows": 9, "subjects": None, "quality": []}, "rows is below the floor"),
            ({"subjects": 9}, "subjects is below the floor"),
            ({"rows": 100, "subjects": 101, "quality": []}, "more subjects"),
            ({"rows": None, "subjects": 50, "quality": []}, "more subjects"),
            ({"rows": None, "subjects": None, "quality": [{"variable": "crop", "missing": 0.5}]}, "below 10"),
            ({"quality": [{"variable": "crop", "missing": 0.0025}]}, "below 10"),  # 3 of 1200
            ({"quality": [{"variable": "crop", "missing": 0.9975}]}, "below 10"),
            ({"quality": [{"variable": "crop", "missing": 0.123456}]}, "decimals"),
            ({"quality": [{"variable": "crop", "missing": 1.5}]}, "missing"),
        ],
    )
    def test_no_number_reveals_fewer_than_the_floor(self, changes: dict[str, Any], says: str) -> None:
        refused("dataset", dataset_card(**changes), says)

    def test_what_is_withheld_is_null(self) -> None:
        quality = [{"variable": "crop", "missing": None}]
        check_form("dataset", dataset_card(rows=None, subjects=None, quality=quality))

    @given(st.integers(0, 5000), st.integers(0, 5000), st.integers(2, 50))
    def test_a_share_that_may_be_told_hides_every_small_group(self, missing: int, more: int, floor: int) -> None:
        rows = missing + more
        share = missing_share(missing, rows, floor)
        if share is None:
            return
        assert missing == 0 or missing >= floor
        assert more == 0 or more >= floor
        assert may_tell(share, rows, floor)
        assert abs(share - missing / rows) <= 0.5e-4 + 1e-12

    def test_many_rows_of_few_subjects_are_withheld(self) -> None:
        assert missing_share(500, 1000, 10, subjects=(4, 60)) is None
        assert missing_share(500, 1000, 10, subjects=(40, 60)) == 0.5
        assert missing_share(0, 1000, 10, subjects=(0, 60)) == 0.0

    def test_a_share_that_rounds_to_none_or_all_is_withheld(self) -> None:
        assert missing_share(20, 1_000_000, 10) is None
        assert missing_share(999_980, 1_000_000, 10) is None


class TestWithdrawals:
    SOIL = record("rabat/dataset/soil@1", dataset_card())
    CONTEXT = CardContext(find={"rabat/dataset/soil@1": SOIL}.get)

    def test_ones_own_record(self) -> None:
        check_card(withdrawal("rabat", "rabat/dataset/soil@1"), self.CONTEXT)

    @pytest.mark.parametrize(
        ("namespace", "target", "says"),
        [
            ("fes", "rabat/dataset/soil@1", "belongs to rabat"),
            ("rabat", "rabat/dataset/soil@2", "not published"),
            ("rabat", "rabat/withdrawal/retrait@1", "evidence"),
            ("rabat", "rabat/checkpoint/audit@1", "evidence"),
            ("rabat", "rabat/dataset/soil", "not valid"),
            ("rabat", "../rabat/dataset/soil@1", "not valid"),
            ("rabat", "rabat/dataset/soil@01", "not valid"),
        ],
    )
    def test_nothing_else(self, namespace: str, target: str, says: str) -> None:
        with pytest.raises(CardRefused, match=says):
            check_card(withdrawal(namespace, target), self.CONTEXT)


class TestMockRows:
    CARD = dataset_card(mock={"file": "mock.csv", "rows": 40, "seed": 7})

    def made(self, **changes: Any) -> bytes:
        return mock_csv(DatasetCard.model_validate_json(canonical_json(self.CARD | changes)))

    def published(self, data: bytes, name: str = "mock.csv") -> Record:
        file = FileRef(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        return record("rabat/dataset/soil@1", self.CARD, files=(file,))

    def test_they_follow_the_schema_and_are_marked(self) -> None:
        rows = mock_rows(DatasetCard.model_validate_json(canonical_json(self.CARD)))
        assert len(rows) == 40
        for row in rows:
            assert list(row) == [MARK, "site", "soil_ph", "crop"]
            assert row[MARK] == 1
            assert row["site"].startswith("mock-site-")
            assert 0 <= row["soil_ph"] <= 14
            assert row["crop"] in ("blé", "maïs")
        assert {row["crop"] for row in rows} == {"blé", "maïs"}
        assert any(row["soil_ph"] == 0.0 for row in rows)

    def test_the_same_card_gives_the_same_bytes_everywhere(self) -> None:
        # A fixed digest: another version of Python or of this code must not make published files unverifiable.
        assert (
            hashlib.sha256(self.made()).hexdigest()
            == "bfd17ce9298ebf6a6a33e7b1ebf6a57a5362e55a4a008e6472c8922a4d83ade3"
        )
        assert self.made(mock={"file": "mock.csv", "rows": 40, "seed": 8}) != self.made()

    def test_a_file_that_anybody_can_make_again_is_accepted(self) -> None:
        check_card(self.published(self.made()), NOTHING)

    def test_real_rows_under_the_name_of_mock_rows_are_refused(self) -> None:
        with pytest.raises(CardRefused, match="could hold real rows"):
            check_card(self.published(self.made() + b"1,34.02,6.8,maize\n"), NOTHING)

    def test_a_card_that_names_no_file_is_refused(self) -> None:
        with pytest.raises(CardRefused, match="has no such file"):
            check_card(self.published(self.made(), "other.csv"), NOTHING)

    def test_their_number_is_limited(self) -> None:
        refused("dataset", dataset_card(mock={"rows": 10**9, "seed": 1}), "mock.rows")
        variables = [{"name": f"v{number}", "kind": "text"} for number in range(900)]
        card = dataset_card(variables=variables, subject=[], quality=[], mock={"rows": 1000, "seed": 1})
        refused("dataset", card, "mock cells")

    @pytest.mark.parametrize(
        "bounds", [{}, {"lower": 5}, {"upper": -5}, {"lower": -1e308, "upper": 1e308}, {"lower": 1, "upper": 1.0001}]
    )
    def test_values_stay_inside_declared_bounds(self, bounds: dict[str, float]) -> None:
        variables = [{"name": "v", "kind": "numeric"} | bounds]
        card = dataset_card(variables=variables, subject=[], quality=[], mock={"rows": 50, "seed": 3})
        for row in mock_rows(DatasetCard.model_validate_json(canonical_json(card))):
            assert bounds.get("lower", -1e309) <= row["v"] <= bounds.get("upper", 1e309)


def test_every_card_type_has_a_json_schema_that_closes_its_fields() -> None:
    for kind in card_types():
        schema = kind.model.model_json_schema()
        assert schema["additionalProperties"] is False
        json.dumps(schema)
