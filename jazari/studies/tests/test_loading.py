"""Data files: good ones in two formats, and bad ones with row, column and rule."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jazari.core.errors import JazariError
from jazari.studies.data import loading
from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import Schema, parse_schema
from jazari.studies.errors import BadData, BadSchema, ColumnMissing, IncompatibleData, UnreadableData
from jazari.studies.registered import load_registered

VARIABLES: list[dict[str, Any]] = [
    {"name": "person", "kind": "identifier", "column": "Person id"},
    {"name": "crop", "kind": "category", "levels": ["wheat", "blé, dur", '12" maize']},
    {"name": "ph", "kind": "numeric", "lower": 0, "upper": 14, "missing": [0.0, "?"]},
    {"name": "note", "kind": "text"},
]
HEADER = "Person id,crop,ph,note,unused\n"
GOOD = HEADER + 'a,wheat,7.5,x,1\nb,"blé, dur",0.0,"two\nlines",2\na,"12"" maize",?,=1+1,3\n'


def schema(**changes: Any) -> Schema:
    return parse_schema({"subject": ["person"], "variables": VARIABLES} | changes)


def load(folder: Path, text: str | bytes, name: str = "data.csv", **changes: Any) -> Any:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_table(path, schema(**changes))


def check(table: Any) -> None:
    assert (table.rows, table.subjects) == (3, 2)
    assert table.subject[0] == table.subject[2] != table.subject[1]
    assert table.codes["crop"].tolist() == [0, 1, 2]
    np.testing.assert_equal(table.numeric["ph"], [7.5, np.nan, np.nan])
    assert "note" not in table.codes | table.numeric


def test_a_good_file(tmp_path: Path) -> None:
    check(load(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), {}),
        (GOOD.replace("\n", "\r\n").encode(), {}),
        (GOOD.encode("windows-1252"), {"encoding": "windows-1252"}),
        (GOOD.encode("utf-16"), {"encoding": "utf-16"}),
        ((GOOD + "\n\n").encode(), {}),
        (GOOD.replace("a,", " a ,").encode(), {}),
        (GOOD.replace("?", "").encode(), {}),
    ],
    ids=["bom", "crlf", "windows", "utf-16", "empty lines", "spaces", "empty cell"],
)
def test_other_ways_to_write_it(tmp_path: Path, raw: bytes, changes: dict[str, Any]) -> None:
    check(load(tmp_path, raw, **changes))


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    text = "Person id;crop;ph;note\na;wheat;7,5;x\n"
    assert load(tmp_path, text, delimiter=";", decimal=",").numeric["ph"].tolist() == [7.5]


def test_no_header(tmp_path: Path) -> None:
    assert load(tmp_path, "a,wheat,7.5,x\n", header=False).numeric["ph"].tolist() == [7.5]


def test_without_a_subject_each_row_is_one(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD, subject=[]).subjects == 3


def test_parquet(tmp_path: Path) -> None:
    columns = {
        "Person id": pa.array(["a", "b", "a"]),
        "crop": pa.array(["wheat", "blé, dur", '12" maize']).dictionary_encode(),
        "ph": pa.array([7.5, 0.0, None]),
        "note": pa.array([[1], [2], None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    check(load_table(tmp_path / "data.parquet", schema()))


@pytest.mark.parametrize("kind", [pa.int32(), pa.float32(), pa.decimal128(22, 1)])
def test_parquet_numbers_of_any_type(tmp_path: Path, kind: Any) -> None:
    table = pa.table({"n": pa.array([1, None, 3]).cast(kind), "level": pa.array([1, 2, 1])})
    pq.write_table(table, tmp_path / "data.parquet")
    declared = [{"name": "n", "kind": "numeric"}, {"name": "level", "kind": "category", "levels": ["1", "2"]}]
    loaded = load_table(tmp_path / "data.parquet", parse_schema({"variables": declared}))
    np.testing.assert_equal(loaded.numeric["n"], [1, np.nan, 3])
    assert loaded.codes["level"].tolist() == [0, 1, 0]


UNITS = {
    "variables": [
        {"name": "target", "kind": "numeric", "unit": "qx/ha", "upper": 500,
         "units": {"column": "unit", "factors": {"qx/ha": 1, "T/ha": 10}}},
    ],
    "subject": [],
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_units_that_differ_by_row(tmp_path: Path, suffix: str) -> None:
    """Silage maize is in tonnes a hectare and the rest in quintals: one tonne is ten quintals."""
    if suffix == "csv":
        table = load(tmp_path, "target,unit\n40,qx/ha\n45,T/ha\n,\n", **UNITS)
    else:
        columns = {"target": [40.0, 45.0, None], "unit": ["qx/ha", "T/ha", None]}
        pq.write_table(pa.table(columns), tmp_path / "data.parquet")
        table = load_table(tmp_path / "data.parquet", schema(**UNITS))
    np.testing.assert_equal(table.numeric["target"], [40, 450, np.nan])


@pytest.mark.parametrize(
    ("text", "row", "column", "rule"),
    [
        (GOOD.replace("7.5", "15"), 2, "ph", "above the upper bound 14"),
        (GOOD.replace("7.5", "-1"), 2, "ph", "below the lower bound 0"),
        (GOOD.replace("7.5", "seven"), 2, "ph", "'seven' is no number"),
        (GOOD.replace("7.5", "=1+1"), 2, "ph", "'=1.1' is no number"),
        (GOOD.replace("7.5", "1_0"), 2, "ph", "no number"),
        (GOOD.replace("7.5", "nan"), 2, "ph", "no number"),
        (GOOD.replace("7.5", "inf"), 2, "ph", "no number"),
        (GOOD.replace("7.5", "1e999"), 2, "ph", "finite"),
        (GOOD.replace("7.5", "٧"), 2, "ph", "no number"),
        (GOOD.replace("b,", ","), 3, "Person id", "must not be missing"),
        (GOOD.replace("a,wheat", "a,rice"), 2, "crop", "'rice' is not a declared level"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, text: str, row: int, column: str, rule: str) -> None:
    with pytest.raises(BadData, match=rf"Row {row}, column '{column}': .*{rule}"):
        load(tmp_path, text)


def test_a_bad_cell_far_down_is_counted_over_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.studies.data.csv_file.CHUNK_ROWS", 10)
    rows = [f"p{n},wheat,{7 if n != 42 else 99},x,1\n" for n in range(60)]
    with pytest.raises(BadData, match="Row 44, column 'ph'"):
        load(tmp_path, HEADER + "".join(rows))


def test_an_unknown_unit_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"Row 2, column 'unit': the unit 'kg' is none of qx/ha, T/ha"):
        load(tmp_path, "target,unit\n40,kg\n", **UNITS)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("", UnreadableData, "is empty"),
        ("\n", UnreadableData, "must name the columns"),
        (HEADER, UnreadableData, "no rows"),
        (GOOD.replace("ph,", "pH,"), ColumnMissing, "'ph' is missing .*Person id, crop, pH"),
        (GOOD.replace("unused", "ph"), BadData, "'ph' twice"),
        (HEADER + "a,wheat,7\n", BadData, "Row 2 has 3 fields and the header 5"),
        (HEADER + "a,wheat,7,x,1,2\n", BadData, "Row 2 has 6 fields"),
        (HEADER + 'a,"wheat"x,7,x,1\n', BadData, "quotes"),
        (HEADER + 'a,"wheat,7,x,1\n', BadData, "quotes"),
        (HEADER + "a,wheat,7\0,x,1\n", BadData, "zero byte"),
        (HEADER + "a,wheat,7,x,1\n" + "b" * 200_000, BadData, "field larger"),
    ],
)
def test_a_broken_file_says_what_to_do(tmp_path: Path, text: str, error: type[JazariError], said: str) -> None:
    with pytest.raises(error, match=said):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("raw", "said"), [(GOOD.encode("utf-16"), "UTF-16"), (GOOD.encode("windows-1252"), "not written in utf-8")]
)
def test_another_encoding_is_named(tmp_path: Path, raw: bytes, said: str) -> None:
    with pytest.raises(UnreadableData, match=said):
        load(tmp_path, raw)


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableData, match="no such file"):
        load_table(tmp_path / "absent.csv", schema())
    with pytest.raises(UnreadableData, match="no regular file"):
        load_table(tmp_path, schema())
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UnreadableData, match="no regular file"):
        load_table(tmp_path / "pipe.csv", schema())
    monkeypatch.setattr(loading, "MAX_BYTES", 10)
    with pytest.raises(UnreadableData, match="larger"):
        load(tmp_path, GOOD)


def test_too_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_ROWS", 2)
    with pytest.raises(UnreadableData, match="more than 2 rows"):
        load(tmp_path, GOOD)


@pytest.mark.parametrize("raw", [b"PAR1", b"not parquet", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_broken_parquet_file(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UnreadableData, match="Parquet"):
        load(tmp_path, raw, "data.parquet")


def test_parquet_columns_that_cannot_be_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ph": [1.0]}), tmp_path / "short.parquet")
    with pytest.raises(ColumnMissing, match="Person id"):
        load_table(tmp_path / "short.parquet", schema())
    nested = {"Person id": ["a"], "crop": [["wheat"]], "ph": [1.0]}
    pq.write_table(pa.table(nested), tmp_path / "nested.parquet")
    with pytest.raises(BadData, match="'crop' is of type list"):
        load_table(tmp_path / "nested.parquet", schema())


def test_infinite_numbers_in_parquet(tmp_path: Path) -> None:
    columns = {"Person id": ["a", "b"], "crop": ["wheat", "wheat"], "ph": [1.0, float("inf")]}
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    with pytest.raises(BadData, match=r"Row 3, column 'ph'.*finite"):
        load_table(tmp_path / "data.parquet", schema())


def test_a_pandas_level_missing_from_the_table(tmp_path: Path) -> None:
    table = load(tmp_path, GOOD)
    with pytest.raises(ColumnMissing):
        table.numbers("crop")
    with pytest.raises(ColumnMissing):
        table.levels("ph", [])
    with pytest.raises(IncompatibleData):
        table.levels("crop", ["wheat"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from(["data.csv", "data.parquet"]), st.booleans())
def test_any_file_is_a_table_or_one_of_our_errors(tmp_path: Path, raw: bytes, name: str, with_header: bool) -> None:
    try:
        table = load(tmp_path, HEADER.encode() + raw if with_header else raw, name)
    except JazariError as error:
        refused = str(error)
    else:
        refused = "" if table.rows > 0 else "an empty table"
    assert not refused or refused.endswith(".")


def test_only_the_registered_bytes_are_used(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "data.csv"
    path.write_text(GOOD)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    check(load_registered(path, digest, schema()))
    path.write_text(GOOD.replace("7.5", "7.6"))
    with pytest.raises(IncompatibleData, match="not the file that was registered"):
        load_registered(path, digest, schema())
    path.unlink()
    with pytest.raises(UnreadableData, match="gone"):
        load_registered(path, digest, schema())


def test_an_unknown_encoding_is_refused_in_the_schema() -> None:
    with pytest.raises(BadSchema, match="encoding"):
        schema(encoding="nonsense")
