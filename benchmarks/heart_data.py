"""The four hospitals' records (see the folder's README): what enters the task, how it is split, what is published.

Columns, rows and split are FLamby's (NeurIPS 2022, Datasets and Benchmarks, Fed-Heart-Disease).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.split import train_and_test

HOSPITALS = {"cleveland": "cleveland", "hungary": "hungarian", "switzerland": "switzerland", "long-beach": "va"}
"""Each hospital's namespace here, and its part of the file's name."""
COLUMNS = ("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak")
CATEGORIES = {"cp": ("1", "2", "3", "4"), "restecg": ("0", "1", "2")}
RANGES = {
    "age": (0, 120), "sex": (0, 1), "trestbps": (0, 300), "chol": (0, 1000), "fbs": (0, 1), "thalach": (0, 250),
    "exang": (0, 1), "oldpeak": (-5, 10),
}  # fmt: skip
FLAMBY_SEED = 43
SEEDS = range(40, 60)
PUBLISHED = (
    ("pooled training", "0.791"),
    ("each hospital alone", "0.780, 0.717, 0.524, 0.583"),
    ("FedAvg, 100 rounds", "0.752"),
    ("FedProx, 100 rounds", "0.752"),
    ("Scaffold, 100 rounds", "0.752"),
    ("FedAdam, 100 rounds", "0.776"),
    ("FedAdagrad, 100 rounds", "0.783"),
    ("FedYogi, 100 rounds", "0.783"),
)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """One hospital's complete rows: ``values`` by column of ``COLUMNS`` (numbers), ``ill`` is 0 or 1."""

    values: Floats
    ill: Floats

    def chosen(self, rows: NDArray[np.intp]) -> Rows:
        """Some of the rows."""
        return Rows(self.values[rows], self.ill[rows])

    def to_csv(self) -> str:
        """As a data file of the hospital, with a made-up person number."""
        lines = ["person," + ",".join(COLUMNS) + ",disease"]
        for number, (row, ill) in enumerate(zip(self.values.tolist(), self.ill.tolist(), strict=True)):
            # A level of a category is a text and must be written as declared; "1" is as good a number as "1.0".
            lines.append(",".join([str(number), *(f"{value:.12g}" for value in row), f"{ill:g}"]))
        return "\n".join(lines) + "\n"

    def design(self) -> Floats:
        """Intercept, numbers, and each category without its first level: the columns of ``terms()``."""
        parts = [np.ones((len(self.ill), 1))]
        for name, column in zip(COLUMNS, self.values.T, strict=True):
            levels = CATEGORIES.get(name)
            made = [column == float(level) for level in levels[1:]] if levels else [column]
            parts.append(np.column_stack(made).astype(np.float64))
        return np.hstack(parts)


def terms() -> list[str]:
    """The names of the model's coefficients, as the recipe ``glm`` writes them."""
    made = ["intercept"]
    for name in COLUMNS:
        made += [f"{name}={level}" for level in CATEGORIES[name][1:]] if name in CATEGORIES else [name]
    return made


def load(folder: Path) -> dict[str, Rows]:
    """The four hospitals' complete rows by namespace, in the order of the files."""
    return {name: _read(folder / f"processed.{part}.data") for name, part in HOSPITALS.items()}


def _read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        kept = [row for row in csv.reader(file) if row and "?" not in (*row[: len(COLUMNS)], row[-1])]
    values = np.array([[float(cell) for cell in row[: len(COLUMNS)]] for row in kept])
    return Rows(values, np.array([float(int(float(row[-1])) > 0) for row in kept]))


def split(hospitals: dict[str, Rows], seed: int) -> tuple[dict[str, Rows], dict[str, Rows]]:
    """Each hospital's training and test rows, as FLamby splits them (66 % and 34 %, stratified where it can be)."""
    train, test = {}, {}
    for name, rows in hospitals.items():
        few = min((rows.ill == 0).sum(), (rows.ill == 1).sum()) <= 2
        chosen, left = train_and_test(rows.ill, seed, stratified=not few)
        train[name], test[name] = rows.chosen(chosen), rows.chosen(left)
    return train, test


def pooled(hospitals: dict[str, Rows]) -> Rows:
    """All rows in one place."""
    return Rows(
        np.vstack([rows.values for rows in hospitals.values()]), np.concatenate([r.ill for r in hospitals.values()])
    )


def pooled_optimum(rows: Rows) -> Floats:
    """The unregularised logistic regression of all rows, by Newton's method on standardised columns.

    Shares no code with the recipe. Coefficients in the units of the columns, ordered as ``terms()``.
    """
    design = rows.design()
    mean, deviation = design.mean(axis=0), design.std(axis=0)
    mean[0], deviation[0] = 0.0, 1.0
    columns = (design - mean) / deviation
    beta = np.zeros(columns.shape[1])
    for _ in range(100):
        share = 1 / (1 + np.exp(-columns @ beta))
        step = np.linalg.solve((columns.T * (share * (1 - share))) @ columns, columns.T @ (rows.ill - share))
        beta += step
        if np.abs(step).max() < 1e-13:
            break
    own = beta / deviation
    own[0] -= float((beta / deviation) @ mean)
    return np.asarray(own)


def right(rows: Rows, coefficients: Floats) -> int:
    """How many rows a model classifies right."""
    return int(((rows.design() @ coefficients > 0) == (rows.ill == 1)).sum())


def schema() -> dict[str, object]:
    """What a hospital declares about its file."""
    numbers = [
        {"name": name, "kind": "numeric", "lower": low, "upper": high}
        for name, (low, high) in {**RANGES, "disease": (0, 1)}.items()
    ]
    categories = [{"name": name, "kind": "category", "levels": list(levels)} for name, levels in CATEGORIES.items()]
    return {"subject": ["person"], "variables": [{"name": "person", "kind": "identifier"}, *categories, *numbers]}
