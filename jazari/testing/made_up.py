"""Made-up farm records and the studies on them, small enough for a test and with a signal to find."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import parse_schema
from jazari.studies.data.table import Table

CROPS = ("barley", "maize", "wheat")
ROWS = 240
SCHEMA: dict[str, Any] = {
    "subject": ["site"],
    "variables": [
        {"name": "site", "kind": "identifier"},
        {"name": "crop", "kind": "category", "levels": list(CROPS)},
        {"name": "ph", "kind": "numeric", "unit": "pH", "lower": 0, "upper": 14},
        {"name": "harvest", "kind": "numeric", "unit": "qx/ha", "lower": 0, "upper": 500},
        {"name": "good", "kind": "numeric", "lower": 0, "upper": 1},
    ],
}
ABOUT = """
[title]
fr = "Parcelles inventées"
en = "Made-up plots"

[description]
fr = "Des valeurs inventées pour les essais."
en = "Values made up for tests."

[terms]
fr = "Pour tout essai."
en = "For any test."

[licence]
name = "CC0-1.0"
"""
STATISTICS = {"variables": ["ph", "harvest"], "by": ["crop"], "histograms": {"ph": [4, 5, 6, 7, 8, 9]}}
LOGISTIC = {"family": "binomial", "responses": ["good"], "predictors": ["ph", "crop"]}

Row = dict[str, Any]


def rows(name: str, count: int = ROWS) -> list[Row]:
    """``count`` records that follow from ``name``; each place has two crops, some soils were not measured."""
    source = np.random.default_rng(zlib.crc32(name.encode()))
    made = []
    for number in range(count):
        ph = round(float(np.clip(source.normal(6.5, 0.8), 3, 11)), 2)
        crop = CROPS[int(source.integers(0, 3))]
        chance = 1 / (1 + np.exp(-4.0 * (ph - 6.5) - 2.0 * (crop == "maize")))
        made.append({
            "site": f"{name}-{number // 2}",
            "crop": crop,
            "ph": "" if source.random() < 0.25 else ph,
            "harvest": round(float(np.clip(40 + 6 * ph + source.normal(0, 5), 0, 500)), 1),
            "good": int(source.random() < chance),
        })  # fmt: skip
    return made


def write_csv(path: Path, records: Sequence[Row]) -> Path:
    """The records as a CSV file with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def write_data_set(folder: Path, records: Sequence[Row], schema: dict[str, Any] | None = None) -> dict[str, Path]:
    """A data file, its declaration and its description below ``folder``, by the options that take them."""
    data = write_csv(folder / "plots.csv", records)
    declaration, about = folder / "plots.schema.json", folder / "plots.about.toml"
    declaration.write_text(json.dumps(schema or SCHEMA), encoding="utf-8")
    about.write_text(ABOUT, encoding="utf-8")
    return {"--data": data, "--schema": declaration, "--about": about}


def options(files: dict[str, Path]) -> list[str | Path]:
    """The files of ``write_data_set`` as words of a command."""
    return [word for pair in files.items() for word in pair]


def read_plots(folder: Path) -> Table:
    """The table that ``write_data_set`` left in ``folder``, as the studies read it."""
    schema = parse_schema(json.loads((folder / "plots.schema.json").read_text(encoding="utf-8")))
    return load_table(folder / "plots.csv", schema)


def proposal(name: str, datasets: Sequence[str], recipe: str = "statistics", **changes: Any) -> str:
    """The text of a proposal (TOML); ``changes`` replace or add top-level fields."""
    parameters = changes.pop("parameters", STATISTICS if recipe == "statistics" else LOGISTIC)
    fields: dict[str, Any] = {
        "name": name,
        "title": f"Study {name}",
        "purpose": "To see that it works.",
        "recipe": recipe,
        "datasets": list(datasets),
        "secure_aggregation": len(datasets) >= 3,
    } | changes
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    return "\n".join([*lines, "", f"parameters = {_inline(parameters)}", ""])


def _inline(value: Any) -> str:
    """``value`` as TOML on one line: JSON, but for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
