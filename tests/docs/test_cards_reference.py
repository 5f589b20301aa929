"""The reference of cards says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from jazari.catalog.reference import reference_files
from jazari.catalog.registry import card_types
from jazari.nodes.wiring import register_cards

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
WRITE_IT = "run `jazari catalog schemas --out docs/reference` and read what changed"


def expected() -> dict[str, str]:
    register_cards()
    return reference_files(card_types())


@pytest.mark.parametrize("name", sorted(expected()))
def test_the_page_and_the_schemas_are_those_of_the_code(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == expected()[name], WRITE_IT


def test_no_schema_is_left_of_a_type_that_is_gone() -> None:
    there = {f"schemas/{path.name}" for path in (REFERENCE / "schemas").glob("*")}
    assert there == {name for name in expected() if name.startswith("schemas/")}, WRITE_IT


def test_every_type_says_what_it_is_for() -> None:
    register_cards()
    assert [kind.name for kind in card_types() if not kind.purpose] == []
