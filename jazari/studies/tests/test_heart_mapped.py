"""Four real hospitals that name, code and measure differently: mapped, they give what pooled harmonised rows give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jazari.core import clock
from jazari.studies.agreement import StudyText
from jazari.studies.data.loading import load_table
from jazari.studies.data.mapping import check_mapping, parse_mapping
from jazari.studies.data.schema import Schema, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.proposals import make_proposal, write_study
from jazari.studies.registered import studied
from jazari.studies.simulate import simulate
from jazari.studies.tests.test_heart_disease import COLUMNS, FOLDER, HOSPITALS

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is absent")

VARIABLES = [
    {"name": "age", "kind": "numeric", "unit": "years", "lower": 0, "upper": 120},
    {"name": "sex", "kind": "category", "levels": ["F", "M"]},
    {"name": "chol", "kind": "numeric", "unit": "mg/dL", "lower": 50, "upper": 700},
    {"name": "sick", "kind": "numeric", "lower": 0, "upper": 1},
]
MMOL = 38.67
NUM = {"name": "num", "kind": "category", "levels": ["0", "1", "2", "3", "4"]}
SICK = {"from": "num", "one_of": ["1", "2", "3", "4"]}
SAME: Callable[[float], float] = lambda value: value  # noqa: E731

# Each hospital: its declaration, how it writes age, sex and cholesterol, and its mapping.
PUBLISHED: dict[str, Any] = {
    "schema": [
        {"name": "age", "kind": "numeric", "unit": "years", "lower": 0, "upper": 100},
        {"name": "sex", "kind": "numeric"},
        {"name": "chol", "kind": "numeric", "unit": "mg/dL"},
        NUM,
    ],
    "write": (SAME, lambda sex: f"{sex:g}", SAME),
    "rules": {
        "sex": {"from": "sex", "cuts": [0.5], "into": ["F", "M"]},
        "chol": {"from": "chol", "missing": [0.0]},
        "sick": SICK,
    },
}
MONTHS_AND_MMOL: dict[str, Any] = {
    "schema": [
        {"name": "months", "kind": "numeric", "unit": "months", "lower": 0},
        {"name": "gender", "kind": "category", "levels": ["F", "M"]},
        {"name": "ldl_and_hdl", "kind": "numeric", "unit": "mmol/L"},
        NUM,
    ],
    "write": (lambda age: age * 12, lambda sex: "FM"[int(sex)], lambda chol: chol / MMOL),
    "rules": {
        "age": {"from": "months", "factor": 1 / 12},
        "sex": {"from": "gender"},
        "chol": {"from": "ldl_and_hdl", "factor": MMOL, "missing": [0.0]},
        "sick": SICK,
    },
}
DIGITS: dict[str, Any] = {
    "schema": [
        {"name": "years_below_100", "kind": "numeric", "unit": "years"},
        {"name": "sex", "kind": "category", "levels": ["1", "2"]},
        {"name": "chol_g", "kind": "numeric", "unit": "g/L"},
        NUM,
    ],
    "write": (lambda age: 100 - age, lambda sex: "21"[int(sex)], lambda chol: chol / 100),
    "rules": {
        "age": {"from": "years_below_100", "factor": -1, "offset": 100},
        "sex": {"from": "sex", "levels": {"1": "M", "2": "F"}},
        "chol": {"from": "chol_g", "factor": 100, "missing": [0.0]},
        "sick": SICK,
    },
}
WAYS = {"cleveland": MONTHS_AND_MMOL, "hungarian": DIGITS, "switzerland": PUBLISHED, "va": PUBLISHED}
STATISTICS = {"variables": ["age", "chol", "sick"], "by": ["sex"]}
LOGISTIC = {"family": "binomial", "responses": ["sick"], "predictors": ["age", "sex", "chol"]}


def rows_of(hospital: str) -> list[list[float]]:
    """Age, sex, cholesterol and outcome as published; NaN where the file has a question mark."""
    places = [COLUMNS.index(name) for name in ("age", "sex", "chol", "num")]
    lines = [line.split(",") for line in (FOLDER / f"processed.{hospital}.data").read_text().splitlines()]
    return [[float(cells[place].replace("?", "nan")) for place in places] for cells in lines]


def own_schema(hospital: str) -> Schema:
    return parse_schema({"variables": WAYS[hospital]["schema"]})


def own_table(folder: Path, hospital: str) -> Table:
    """The hospital's file in its own words, read as it declares."""
    schema, write = own_schema(hospital), (*WAYS[hospital]["write"], lambda num: f"{num:g}")
    lines = [
        ",".join("" if np.isnan(cell) else str(way(cell)) for way, cell in zip(write, row, strict=True))
        for row in rows_of(hospital)
    ]
    path = folder / f"{hospital}.csv"
    path.write_text("\n".join([",".join(v.name for v in schema.variables), *lines]) + "\n")
    return load_table(path, schema)


def harmonised_by_hand(hospital: str) -> Table:
    """The same rows in the study's terms, written apart from the mappings."""
    age, sex, chol, num = np.array(rows_of(hospital)).T
    chol = np.where(chol == 0, np.nan, chol)
    numeric = {"age": age, "chol": chol, "sick": np.where(np.isnan(num), np.nan, num > 0)}
    rows = len(age)
    return Table(parse_schema({"variables": VARIABLES}), rows, np.arange(rows), rows, numeric, {"sex": sex.astype(int)})


def study(recipe: str, parameters: dict[str, Any], hospitals: tuple[str, ...]) -> StudyText:
    names = [name for part in parameters.values() if isinstance(part, list) for name in part]
    proposal = make_proposal({
        "name": "heart", "title": "Heart disease", "purpose": "To compare.", "recipe": recipe,
        "datasets": [f"{name}/dataset/heart@1" for name in hospitals], "parameters": parameters,
        "variables": [v for v in VARIABLES if v["name"] in names],
    })  # fmt: skip
    return write_study(proposal, "va", {name: own_schema(name) for name in hospitals}, clock.now(), 512)


def mapped(text: StudyText, folder: Path) -> dict[str, Table]:
    tables = {}
    for name in text.institutes:
        mapping = parse_mapping({"study": "va/study/heart@1", "variables": WAYS[name]["rules"]})
        check_mapping(mapping, own_schema(name), text.variables)
        tables[name] = studied(own_table(folder, name), text, mapping)
    return tables


@pytest.mark.parametrize(
    ("recipe", "parameters", "hospitals"),
    [
        ("statistics", STATISTICS, HOSPITALS),
        ("glm", LOGISTIC, ("cleveland", "hungarian", "va")),  # Switzerland measured no cholesterol
    ],
)
def test_mapped_hospitals_give_what_pooled_harmonised_rows_give(tmp_path, recipe, parameters, hospitals):
    text = study(recipe, parameters, hospitals)
    told = simulate(text, mapped(text, tmp_path)).result
    reference = pooled(text, {name: harmonised_by_hand(name) for name in hospitals})
    assert max_relative_difference(told, reference, declared_scales(text)) <= 1e-9


def test_every_hospital_keeps_its_rows_and_its_own_missingness(tmp_path):
    tables = mapped(study("statistics", STATISTICS, HOSPITALS), tmp_path)
    assert [tables[name].rows for name in HOSPITALS] == [303, 294, 123, 200]
    assert [int(np.isnan(tables[name].numeric["chol"]).sum()) for name in HOSPITALS] == [0, 23, 123, 56]
