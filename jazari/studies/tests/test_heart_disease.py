"""Four real hospitals: the federated logistic model is the pooled optimum, in at most 10 rounds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import Schema, agree_variables, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.errors import BelowFloor
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.simulate import simulate

FOLDER = Path(os.environ.get("JAZARI_HEART_DISEASE", Path(__file__).parents[4] / "shared" / "data" / "heart-disease"))
HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")
COLUMNS = (
    "age",
    "sex",
    "cp",
    "trestbps",
    "chol",
    "fbs",
    "restecg",
    "thalach",
    "exang",
    "oldpeak",
    "slope",
    "ca",
    "thal",
    "num",
)
LEVELS = {"cp": ["1", "2", "3", "4"], "restecg": ["0", "1", "2"], "num": ["0", "1", "2", "3", "4"]}
RANGES = {
    "age": (0, 120), "sex": (0, 1), "trestbps": (0, 300), "chol": (0, 700), "fbs": (0, 1), "thalach": (0, 250),
    "exang": (0, 1), "oldpeak": (-5, 10),
}  # fmt: skip
PREDICTORS = ["age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is absent")


def heart_schema() -> Schema:
    variables = [
        {"name": n, "kind": "category", "levels": LEVELS[n], "missing": [f"{x}.0" for x in ()]}
        if n in LEVELS
        else {"name": n, "kind": "numeric", **dict(zip(("lower", "upper"), RANGES.get(n, ()), strict=False))}
        for n in COLUMNS
    ]
    return parse_schema({"variables": variables, "missing": ["?"], "header": False})


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """The files as published, but for "1.0" written as the level "1"."""
    folder = tmp_path_factory.mktemp("heart")
    for name in HOSPITALS:
        text = (FOLDER / f"processed.{name}.data").read_text()
        rows = [",".join(_level(cell) for cell in line.split(",")) for line in text.splitlines()]
        (folder / f"{name}.data").write_text("\n".join(rows) + "\n")
    return {name: load_table(folder / f"{name}.data", heart_schema()) for name in HOSPITALS}


def _level(cell: str) -> str:
    return cell.removesuffix(".0") if cell.endswith(".0") else cell


def study(**changes: object) -> StudyText:
    names = [*PREDICTORS, "sick"]
    schemas = dict.fromkeys(HOSPITALS, with_outcome(heart_schema()))
    values = {
        "title": "Heart disease", "purpose": "To compare with the pooled optimum.", "proposer": "va", "recipe": "glm",
        "recipe_digest": recipe_digest("glm"),
        "parameters": {"family": "binomial", "responses": ["sick"], "predictors": PREDICTORS},
        "variables": agree_variables(schemas, names), "datasets": {n: f"{n}/dataset/heart@1" for n in HOSPITALS},
        "floor": 1, "largest_rows": 512, "expires": "2100-01-01T00:00:00Z",
    } | changes  # fmt: skip
    return StudyText(**values)  # type: ignore[arg-type]


def with_outcome(schema: Schema) -> Schema:
    """The schema with the outcome num > 0 beside num."""
    variables = [v.model_dump() for v in schema.variables]
    return parse_schema({"variables": [*variables, {"name": "sick", "kind": "numeric", "lower": 0, "upper": 1}]})


def prepared(table: Table) -> Table:
    codes = table.codes["num"]
    sick = np.where(codes < 0, np.nan, codes > 0).astype(float)
    return Table(
        with_outcome(table.schema),
        table.rows,
        table.subject,
        table.subjects,
        table.numeric | {"sick": sick},
        table.codes,
    )


def test_the_rows_are_those_of_the_literature(hospitals: dict[str, Table]) -> None:
    complete = []
    for table in hospitals.values():
        columns = [np.isnan(table.numeric[n]) for n in PREDICTORS if n in table.numeric]
        columns += [table.codes[n] < 0 for n in ("cp", "restecg", "num")]
        complete.append(int((~np.any(columns, axis=0)).sum()))
    assert [table.rows for table in hospitals.values()] == [303, 294, 123, 200]
    assert complete == [303, 261, 46, 130]


def test_the_pooled_optimum_in_ten_rounds(hospitals: dict[str, Table]) -> None:
    tables = {name: prepared(table) for name, table in hospitals.items()}
    told = simulate(study(), tables)
    assert told.rounds <= 10
    assert told.result["rows"] == 740
    reference = pooled(study(), tables)
    assert max_relative_difference(told.result, reference, declared_scales(study())) <= 1e-9


def test_the_default_floor_refuses_the_hospital_with_one_negative_case(hospitals: dict[str, Table]) -> None:
    tables = {name: prepared(table) for name, table in hospitals.items()}
    with pytest.raises(BelowFloor, match="outcome"):
        simulate(study(floor=10), tables)
