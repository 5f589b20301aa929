"""A mapping turns an institute's own columns into a study's variables, or says in a sentence why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.errors import Unavailable
from jazari.studies.data.mapped import account, convert, describe, harmonised
from jazari.studies.data.mapping import (
    LARGEST,
    ColumnMapping,
    Rule,
    check_mapping,
    mapped_schema,
    mapping_dict,
    mapping_digest,
    parse_mapping,
    read_mapping,
    unmapped,
)
from jazari.studies.data.schema import AgreedVariable, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.errors import BadData, BadMapping, IncompatibleData

STUDY = "rabat/study/heart@1"
OWN = parse_schema(
    {
        "subject": ["patient"],
        "variables": [
            {"name": "patient", "kind": "identifier"},
            {"name": "notes", "kind": "text"},
            {"name": "age_months", "kind": "numeric", "unit": "months", "lower": 0, "upper": 1440},
            {"name": "temp_f", "kind": "numeric", "unit": "F"},
            {"name": "gender", "kind": "category", "levels": ["1", "2", "9"]},
            {"name": "diagnosis", "kind": "category", "levels": ["none", "angina", "infarct"]},
            {"name": "ph", "kind": "numeric", "unit": "pH", "lower": 3, "upper": 11},
        ],
    }
)
AGE = AgreedVariable(name="age", kind="numeric", unit="years", lower=0, upper=120)
TEMPERATURE = AgreedVariable(name="temperature", kind="numeric", unit="C", lower=0, upper=45)
SEX = AgreedVariable(name="sex", kind="category", levels=("F", "M"))
GROUP = AgreedVariable(name="age_group", kind="category", levels=("old", "adult", "child"))
SICK = AgreedVariable(name="sick", kind="numeric", lower=0, upper=1)
REGION = AgreedVariable(name="region", kind="category", levels=("MA-03", "MA-04"))
BMI = AgreedVariable(name="bmi", kind="numeric", lower=5, upper=100)
PH = AgreedVariable(name="ph", kind="numeric", unit="pH", lower=0, upper=14)
VARIABLES = (AGE, TEMPERATURE, SEX, GROUP, SICK, REGION, BMI, PH)
RULES: dict[str, Any] = {
    "age": {"from": "age_months", "factor": 1 / 12},
    "temperature": {"from": "temp_f", "factor": 5 / 9, "offset": -160 / 9, "missing": [999.0]},
    "sex": {"from": "gender", "levels": {"1": "M", "2": "F"}, "missing": ["9"]},
    "age_group": {"from": "age_months", "cuts": [216, 780], "into": ["child", "adult", "old"]},
    "sick": {"from": "diagnosis", "one_of": ["angina", "infarct"]},
    "region": {"constant": "MA-04"},
    "bmi": {"missing": True},
}
NAN = float("nan")


def mapping(**rules: Any) -> ColumnMapping:
    return parse_mapping({"study": STUDY, "variables": RULES | rules})


def table() -> Table:
    numeric = {
        "age_months": np.array([0.0, 215.9, 216.0, 780.0, 1440.0, NAN]),
        "temp_f": np.array([32.0, 98.6, 999.0, 104.0, NAN, 113.0]),
        "ph": np.array([4.0, 5.0, 6.0, 7.0, NAN, 9.0]),
    }
    codes = {"gender": np.array([0, 1, 2, 0, 1, -1]), "diagnosis": np.array([0, 1, 2, 0, -1, 2])}
    return Table(OWN, 6, np.array([0, 0, 1, 2, 3, 4]), 5, numeric, codes)


def test_every_kind_of_rule_gives_the_value_that_the_study_means():
    chosen = mapping()
    check_mapping(chosen, OWN, VARIABLES)
    found = harmonised(table(), chosen, VARIABLES)
    assert found.rows == 6
    assert found.subjects == 5
    np.testing.assert_allclose(found.numeric["age"], [0, 215.9 / 12, 18, 65, 120, NAN])
    np.testing.assert_allclose(found.numeric["temperature"], [0, 37, NAN, 40, NAN, 45], atol=1e-12)
    np.testing.assert_array_equal(found.numeric["sick"], [0, 1, 1, 0, NAN, 1])
    np.testing.assert_array_equal(found.numeric["bmi"], [NAN] * 6)
    np.testing.assert_array_equal(found.numeric["ph"], table().numeric["ph"])
    assert labels(found, "sex", SEX) == ["M", "F", None, "M", "F", None]
    assert labels(found, "age_group", GROUP) == ["child", "child", "adult", "old", "old", None]
    assert labels(found, "region", REGION) == ["MA-04"] * 6


def labels(found: Table, name: str, agreed: AgreedVariable) -> list[str | None]:
    return [None if code < 0 else agreed.levels[code] for code in found.levels(name, agreed.levels)]


def test_rounding_at_a_bound_is_not_an_error_and_the_bound_holds_exactly():
    found = harmonised(table(), mapping(), VARIABLES)
    assert np.nanmin(found.numeric["temperature"]) == 0.0
    assert np.nanmax(found.numeric["temperature"]) == 45.0
    assert np.nanmax(found.numeric["age"]) == 120.0


def test_the_mapped_table_declares_only_levels_that_can_occur():
    schema = mapped_schema(mapping(age_group={"from": "age_months", "cuts": [216], "into": ["child", "old"]}),
                           OWN, VARIABLES)  # fmt: skip
    assert schema.variable("region").levels == ("MA-04",)
    assert schema.variable("age_group").levels == ("old", "child")
    nowhere = mapped_schema(mapping(region={"missing": True}), OWN, VARIABLES)
    assert nowhere.variable("region").levels == REGION.levels


def test_a_value_outside_the_range_is_counted_and_refused_without_being_quoted():
    chosen = mapping(age={"from": "age_months", "factor": 1})
    check_mapping(chosen, OWN, VARIABLES)
    (age, *_) = account(table(), chosen, VARIABLES)
    assert (age["usable"], age["missing"], age["declared_missing"], age["outside"]) == (1, 1, 0, 4)
    with pytest.raises(BadData, match=r"'age' in 4 rows, first in data row 2") as caught:
        harmonised(table(), chosen, VARIABLES)
    assert "215.9" not in str(caught.value)


def test_an_account_says_of_each_variable_where_it_comes_from_and_what_is_missing_and_why():
    told = {row["variable"]: row for row in account(table(), mapping(), VARIABLES)}
    assert told["temperature"] == {
        "variable": "temperature", "from": "temp_f", "how": "times 0.555556, plus -17.7778",
        "usable": 4, "missing": 1, "declared_missing": 1, "outside": 0,
    }  # fmt: skip
    assert (told["sex"]["how"], told["sex"]["usable"]) == ("1 is M, 2 is F", 4)
    assert (told["sex"]["missing"], told["sex"]["declared_missing"]) == (1, 1)
    assert (told["bmi"]["how"], told["bmi"]["usable"], told["bmi"]["missing"]) == ("missing in every row", 0, 6)
    assert told["region"]["how"] == "MA-04 in every row"
    assert told["ph"]["how"] == "as it is"
    assert told["age_group"]["how"] == "cut at 216, 780 into child, adult, old"
    assert told["sick"]["how"] == "1 for angina, infarct, else 0"


@pytest.mark.parametrize(
    ("name", "rule", "words"),
    [
        ("age", {"from": "age_months"}, "in months here and in years in the study"),
        ("age", {"from": "patient"}, "'patient' is identifier"),
        ("age", {"from": "notes"}, "'notes' is text"),
        ("age", {"from": "weight"}, "no variable 'weight'"),
        ("age", {"from": "gender", "factor": 1.0}, "factor does not lead from a category to a numeric"),
        ("age", {"from": "gender"}, "one_of says"),
        ("age", {"from": "age_months", "factor": 1, "missing": ["x"]}, "must be a number"),
        ("age", {"constant": "MA-04"}, "only a category can be constant"),
        ("sex", {"from": "gender", "levels": {"1": "M", "2": "F"}}, "'9' of 'gender' goes nowhere"),
        ("sex", {"from": "gender", "levels": {"1": "M", "2": "", "9": "F"}}, "no level ''"),
        ("sex", {"from": "gender", "levels": {"1": "M", "2": "F", "9": "X"}}, "no level 'X'"),
        ("sex", {"from": "gender", "levels": {"1": "M", "2": "F", "9": "F", "8": "F"}}, "'8' is no level"),
        ("sex", {"from": "gender", "levels": {"1": "M", "2": "F", "9": "F"}, "missing": ["9"]}, "or means missing"),
        ("sex", {"from": "gender", "missing": ["0"]}, "'0' is no level of 'gender'"),
        ("sex", {"from": "gender"}, "no level '1'"),
        ("age_group", {"from": "age_months"}, "cuts and into"),
        ("age_group", {"from": "age_months", "cuts": [216], "into": ["child", "grown"]}, "no level 'grown'"),
        ("age_group", {"from": "age_months", "factor": 2.0}, "factor does not lead"),
        ("sick", {"from": "diagnosis", "one_of": ["stroke"]}, "'stroke' is no level"),
        ("bmi", {"from": "diagnosis", "one_of": ["angina"]}, "does not hold 0 and 1"),
        ("region", {"constant": "MA-99"}, "no level 'MA-99'"),
        ("height", {"missing": True}, "no variable 'height'"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused_with_what_is_wrong(name, rule, words):
    with pytest.raises(BadMapping, match=words):
        check_mapping(mapping(**{name: rule}), OWN, VARIABLES)


def test_all_problems_are_told_at_once():
    with pytest.raises(BadMapping, match=r"'age': .*; 'region': .*") as caught:
        check_mapping(mapping(age={"from": "weight"}, region={"constant": "x"}), OWN, VARIABLES)
    assert str(caught.value).count("'weight'") == 1


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"from": "age_months", "factor": 0}, "a factor is not 0"),
        ({"from": "age_months", "factor": float("inf")}, "factor"),
        ({"from": "age_months", "factor": float("nan")}, "factor"),
        ({"from": "age_months", "factor": 1e300}, "a factor is not 0"),
        ({"from": "age_months", "factor": True}, "factor"),
        ({"from": "age_months", "factor": "2"}, "factor"),
        ({"from": "age_months", "offset": float("-inf")}, "offset"),
        ({"from": "age_months", "where": "age_months > 216"}, "where"),
        ({"from": "age_months", "clip": True}, "clip"),
        ({"from": "age_months", "constant": "x"}, "give one of"),
        ({"from": "age_months", "missing": False}, "missing"),
        ({}, "give one of"),
        ({"missing": True, "factor": 2.0}, "only a variable that comes from a column"),
        ({"from": "age_months", "cuts": [2, 1], "into": ["a", "b", "c"]}, "must increase"),
        ({"from": "age_months", "cuts": [1, 1], "into": ["a", "b", "c"]}, "must increase"),
        ({"from": "age_months", "cuts": [1], "into": ["a"]}, "one level more"),
        ({"from": "age_months", "into": ["a"]}, "one level more"),
        ({"from": "gender", "levels": {"1": 1}}, "levels"),
        ({"from": "gender", "levels": {str(n): "M" for n in range(1001)}}, "levels"),
        ({"from": "age_months", "missing": [float(n) for n in range(1001)]}, "missing"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_by_field(rule, words):
    with pytest.raises(BadMapping, match=words):
        parse_mapping({"study": STUDY, "variables": {"age": rule}})


@pytest.mark.parametrize(
    "value",
    [
        {"variables": {}},
        {"study": "rabat/dataset/heart@1"},
        {"study": "../../etc"},
        {"study": STUDY, "rows": "age > 30"},
        {"study": STUDY, "variables": {"Not A Name": {"missing": True}}},
        {"study": STUDY, "variables": {f"v{n}": {"missing": True} for n in range(201)}},
        [],
        None,
    ],
)
def test_what_is_no_mapping_is_refused(value):
    with pytest.raises(BadMapping, match="not valid"):
        parse_mapping(value)


@pytest.mark.parametrize(
    "raw",
    [
        b"study = [",
        b"\xff\xfe",
        b'study = "rabat/study/heart@1"\nstudy = "rabat/study/heart@1"',
        b"study = " + b"[" * 20_000,
        b"a" + b".a" * 20_000 + b" = 1",
        b"study = 2026-11-25T00:00:00Z",
        b'study = "rabat/study/heart@1"\nx = "' + b"a" * LARGEST + b'"',
    ],
    ids=["broken", "encoding", "twice", "deep", "dotted", "date", "huge"],
)
def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path, raw: bytes):
    path = tmp_path / "m.toml"
    path.write_bytes(raw)
    with pytest.raises(BadMapping):
        read_mapping(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(Unavailable, match="check the path"):
        read_mapping(tmp_path / "none.toml")


def test_what_fits_needs_no_rule_and_what_does_not_is_named():
    assert unmapped(None, OWN, VARIABLES) == ["age", "temperature", "sex", "age_group", "sick", "region", "bmi"]
    assert unmapped(mapping(), OWN, VARIABLES) == []
    narrow = PH.model_copy(update={"upper": 10})
    with pytest.raises(BadMapping, match="'ph': the range here is wider"):
        check_mapping(mapping(), OWN, (*VARIABLES[:-1], narrow))
    with pytest.raises(IncompatibleData, match="jazari study map"):
        check_mapping(None, OWN, (narrow,))
    check_mapping(None, OWN, (PH,))


def test_the_digest_follows_from_what_is_meant_and_survives_writing():
    chosen = mapping()
    assert mapping_digest(parse_mapping(mapping_dict(chosen))) == mapping_digest(chosen)
    assert mapping_digest(mapping(age={"from": "age_months", "factor": 1})) == mapping_digest(
        mapping(age={"from": "age_months", "factor": 1.0})
    )
    assert mapping_digest(mapping(sex=RULES["sex"] | {"levels": {"1": "F", "2": "M"}})) != mapping_digest(chosen)
    assert mapping_digest(None) is None


numbers = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(NAN)), min_size=1, max_size=30)
factors = st.floats(1e-3, 1e3).flatmap(lambda f: st.sampled_from([f, -f]))


def one_column(values: Any, levels: tuple[str, ...] = ()) -> Table:
    kind = {"kind": "category", "levels": list(levels)} if levels else {"kind": "numeric"}
    schema = parse_schema({"variables": [{"name": "own", **kind}]})
    rows = len(values)
    if levels:
        return Table(schema, rows, np.arange(rows), rows, {}, {"own": np.array(values, dtype=np.int64)})
    return Table(schema, rows, np.arange(rows), rows, {"own": np.array(values, dtype=np.float64)})


@given(numbers, factors, st.floats(-1e3, 1e3))
def test_a_conversion_and_its_inverse_give_the_values_back(values, factor, offset):
    x = AgreedVariable(name="x", kind="numeric")
    there = convert(one_column(values), Rule.model_validate({"from": "own", "factor": factor, "offset": offset}), x)
    inverse = {"from": "own", "factor": 1 / factor, "offset": -offset / factor}
    back = convert(one_column(there.values), Rule.model_validate(inverse), x)
    np.testing.assert_allclose(back.values, values, rtol=1e-9, atol=1e-6)


@given(st.permutations(["a", "b", "c", "d"]), st.lists(st.integers(-1, 3), min_size=1, max_size=30))
def test_renaming_levels_and_back_gives_the_codes_back(names, codes):
    own = ("a", "b", "c", "d")
    agreed = AgreedVariable(name="x", kind="category", levels=own)
    renamed = dict(zip(own, names, strict=True))
    there = convert(one_column(codes, own), Rule.model_validate({"from": "own", "levels": renamed}), agreed).values
    back = {new: old for old, new in renamed.items()}
    rule = Rule.model_validate({"from": "own", "levels": back})
    np.testing.assert_array_equal(convert(one_column(there, own), rule, agreed).values, codes)


@given(numbers, st.lists(st.integers(-1000, 1000), min_size=1, max_size=6, unique=True).map(sorted))
def test_a_cut_puts_every_number_between_its_edges(values, cuts):
    levels = tuple(f"l{n}" for n in range(len(cuts) + 1))
    agreed = AgreedVariable(name="x", kind="category", levels=levels)
    rule = Rule.model_validate({"from": "own", "cuts": tuple(map(float, cuts)), "into": levels})
    edges = [-np.inf, *cuts, np.inf]
    for value, code in zip(values, convert(one_column(values), rule, agreed).values, strict=True):
        assert code == -1 if np.isnan(value) else edges[code] <= value < edges[code + 1]


@given(numbers, factors, st.floats(-1e3, 1e3), st.integers(-50, 0), st.integers(1, 50))
def test_every_row_is_usable_or_accounted_for_and_what_is_usable_is_in_range(values, factor, offset, lower, upper):
    agreed = AgreedVariable(name="x", kind="numeric", lower=lower, upper=upper)
    rule = Rule.model_validate({"from": "own", "factor": factor, "offset": offset, "missing": (0.0,)})
    found = convert(one_column(values), rule, agreed)
    assert found.usable + int(found.absent.sum() + found.declared_missing.sum() + found.outside.sum()) == len(values)
    usable = found.values[~(found.absent | found.declared_missing | found.outside)]
    assert ((usable >= lower) & (usable <= upper)).all()
    assert describe(rule).startswith("times")
