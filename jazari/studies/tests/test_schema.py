"""What a data set declares, and what institutes agree on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jazari.studies.data.schema import agree_variables, check_agreed, load_schema, parse_schema
from jazari.studies.errors import BadSchema, ColumnMissing, IncompatibleData
from jazari.studies.tests.builders import SCHEMA, schema

NUMERIC: dict[str, Any] = {"name": "x", "kind": "numeric"}


def one(**changes: Any) -> dict[str, Any]:
    return {"variables": [NUMERIC | changes]}


def test_toml_and_json_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"subject": ["x"], "variables": [NUMERIC | {"missing": [0.0, "NA"]}]}))
    (tmp_path / "s.toml").write_text(
        'subject = ["x"]\n[[variables]]\nname = "x"\nkind = "numeric"\nmissing = [0.0, "NA"]\n'
    )
    assert load_schema(tmp_path / "s.json") == load_schema(tmp_path / "s.toml")


def test_what_is_written_is_read_again() -> None:
    assert parse_schema(schema().model_dump(mode="json")) == schema()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({}, "variables"),
        ([], "schema"),
        ({"variables": []}, "variables"),
        (one(kind="date"), "kind"),
        (one(name="Soil pH"), "name"),
        (one(levels=["a"]), "levels"),
        (one(kind="category"), "levels"),
        (one(kind="category", levels=["a", "a"]), "twice"),
        (one(kind="category", levels=["a"], lower=1), "bounds"),
        (one(lower=5, upper=5), "lower"),
        (one(lower=float("nan")), "lower"),
        (one(units={"column": "u", "factors": {"t": 0}}), "factors"),
        (one(units={"column": "u", "factors": {}}), "factors"),
        (one(kind="text", units={"column": "u", "factors": {"t": 1}}), "units"),
        (one(colour="red"), "colour"),
        ({"variables": [NUMERIC, NUMERIC]}, "twice"),
        (one() | {"subject": ["y"]}, "'y'"),
        (one() | {"encoding": "klingon"}, "encoding"),
        (one() | {"encoding": "hex"}, "encoding"),
        (one() | {"delimiter": ""}, "delimiter"),
    ],
)
def test_a_bad_schema_is_named(value: Any, named: str) -> None:
    with pytest.raises(BadSchema, match=named):
        parse_schema(value)


@pytest.mark.parametrize("text", ["{", "\xff", "[" * 50_000, "null", '"x"'])
def test_a_file_that_is_no_schema(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadSchema):
        load_schema(path)


def test_a_schema_that_is_absent_or_huge(tmp_path: Path) -> None:
    with pytest.raises(BadSchema, match="no such file"):
        load_schema(tmp_path / "absent.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(BadSchema, match="1 MiB"):
        load_schema(tmp_path / "huge.toml")


def _with(place: int, **changes: Any) -> Any:
    variables = [dict(v) for v in SCHEMA["variables"]]
    variables[place] |= changes
    return schema(variables=variables)


def test_agreement_takes_all_levels_and_the_widest_range() -> None:
    schemas = {"fes": schema(), "rabat": _with(1, levels=["rice", "wheat"]), "taza": _with(2, lower=-1, upper=20)}
    crop, ph = agree_variables(schemas, ["crop", "ph"])
    assert crop.levels == ("barley", "maize", "wheat", "rice")
    assert (ph.lower, ph.upper, ph.unit) == (-1, 20, "pH")


def test_a_range_that_one_does_not_declare_is_open() -> None:
    (ph,) = agree_variables({"fes": schema(), "rabat": _with(2, lower=None)}, ["ph"])
    assert (ph.lower, ph.upper) == (None, 14)


def test_a_column_missing_at_one_institute_is_named() -> None:
    short = schema(variables=SCHEMA["variables"][:2])
    with pytest.raises(ColumnMissing, match=r"'ph' is missing at rabat"):
        agree_variables({"fes": schema(), "rabat": short}, ["ph"])


@pytest.mark.parametrize(
    "changes", [{"unit": "kg"}, {"kind": "category", "levels": ["1"], "lower": None, "upper": None}]
)
def test_other_units_or_kinds_are_not_agreed(changes: dict[str, Any]) -> None:
    with pytest.raises(IncompatibleData, match="rabat"):
        agree_variables({"fes": schema(), "rabat": _with(2, **changes)}, ["ph"])


def test_identifiers_cannot_be_studied() -> None:
    with pytest.raises(IncompatibleData, match="identifier"):
        agree_variables({"fes": schema()}, ["site"])


@pytest.mark.parametrize(
    ("place", "changes"), [(1, {"levels": ["rice"]}), (2, {"upper": 20}), (2, {"lower": None}), (2, {"unit": "kg"})]
)
def test_data_that_do_not_fit_the_agreement(place: int, changes: dict[str, Any]) -> None:
    agreed = agree_variables({"fes": schema()}, ["crop", "ph"])
    check_agreed(schema(), agreed)
    with pytest.raises(IncompatibleData, match="new study"):
        check_agreed(_with(place, **changes), agreed)
