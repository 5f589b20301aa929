"""A small study for benchmarks of time: what it computes takes no time, so that what is measured is all the rest."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from benchmarks import studying
from benchmarks.network import Network

SCHEMA = {
    "subject": ["person"],
    "variables": [
        {"name": "person", "kind": "identifier"},
        {"name": "age", "kind": "numeric", "lower": 0, "upper": 200},
        {"name": "dose", "kind": "numeric", "lower": 0, "upper": 10},
        {"name": "pressure", "kind": "numeric", "lower": 0, "upper": 400},
        {"name": "ill", "kind": "numeric", "lower": 0, "upper": 1},
    ],
}
ABOUT = {"title": "Made-up people", "terms": "For benchmarks.", "licence": "CC0-1.0"}
GAUSSIAN = {"family": "gaussian", "responses": ["pressure"], "predictors": ["age", "dose"]}
"""Three rounds: moments, least squares, and one that confirms them."""
BINOMIAL = {"family": "binomial", "responses": ["ill"], "predictors": ["age", "dose"]}
"""Eight rounds or more: the outcome is rare."""


def people(seed: str, number: int = 400) -> str:
    """Made-up rows, as CSV."""
    source = random.Random(seed)
    lines = ["person,age,dose,pressure,ill"]
    for person in range(number):
        age, dose = round(source.gauss(50, 15) % 100, 3), round(source.random() * 10, 4)
        pressure = round(100 + 0.4 * age + 2 * dose + source.gauss(0, 8), 2)
        ill = int(source.random() < 0.05 + 0.6 * (dose > 7) * (age > 45))
        lines.append(f"{seed}-{person},{age},{dose},{pressure},{ill}")
    return "\n".join(lines) + "\n"


def agreed(network: Network, name: str, parameters: dict[str, Any], runs: int, institutes: Sequence[str] = ()) -> str:
    """A study over ``institutes`` (all by default) that everybody approves; its reference."""
    named = list(institutes or network.institutes)
    rows = {institute: people(institute) for institute in named}
    datasets = studying.offer(network, "people", rows, SCHEMA, ABOUT)
    study = studying.propose(
        network, named[0], name, "glm", datasets, parameters=parameters, max_runs=runs, round_deadline_seconds=60,
        secure_aggregation=len(named) >= 3,
    )  # fmt: skip
    studying.approve(network, study, named, named[0])
    return study
