"""Four real hospitals: how near federated averaging comes to the pooled optimum, and at what cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.data.schema import agree_variables, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.recipes.fedavg_model import predict
from jazari.studies.simulate import results_by_round, simulate
from jazari.studies.tests import test_heart_disease as heart

pytestmark = heart.pytestmark
hospitals = heart.hospitals
RANGES = {"age": (0, 120), "sex": (0, 1), "trestbps": (0, 300), "chol": (0, 1000), "fbs": (0, 1), "thalach": (0, 250),
          "exang": (0, 1), "oldpeak": (-5, 10)}  # fmt: skip
ASKED = {"model": "mlp", "task": "binary", "response": "sick", "predictors": heart.PREDICTORS, "rounds": 40,
         "epochs": 1, "batch": 16, "learning_rate": 0.05, "clip": 10.0, "seed": 42}  # fmt: skip


@pytest.fixture(scope="module")
def tables(hospitals: dict[str, Table]) -> dict[str, Table]:
    """The files with agreed ranges, which networks need."""
    return {name: ranged(heart.prepared(table)) for name, table in hospitals.items()}


def ranged(table: Table) -> Table:
    declared = [variable.model_dump() for variable in table.schema.variables]
    for variable in declared:
        variable["lower"], variable["upper"] = RANGES.get(variable["name"], (variable["lower"], variable["upper"]))
    return Table(parse_schema({"variables": declared}), table.rows, table.subject, table.subjects, table.numeric,
                 table.codes)  # fmt: skip


def asked(tables: dict[str, Table], recipe: str, parameters: dict[str, Any]) -> StudyText:
    schemas = {name: table.schema for name, table in tables.items()}
    variables = agree_variables(schemas, [*heart.PREDICTORS, "sick"])
    return heart.study(recipe=recipe, recipe_digest=recipe_digest(recipe), parameters=parameters, variables=variables,
                       max_rounds=200)  # fmt: skip


def right(result: dict[str, Any], tables: dict[str, Table]) -> float:
    """The share of complete rows that a network classifies right."""
    hits = rows = 0
    for table in tables.values():
        shares = predict(result, table.numeric | table.codes)[:, 1]
        known = ~np.isnan(shares) & ~np.isnan(table.numeric["sick"])
        hits += int(((shares > 0.5) == (table.numeric["sick"] == 1))[known].sum())
        rows += int(known.sum())
    assert rows == 740
    return hits / rows


def right_of_glm(result: dict[str, Any], tables: dict[str, Table]) -> float:
    (fit,) = result["responses"].values()
    estimates = {entry["term"]: entry["estimate"] for entry in fit["coefficients"]}
    hits = rows = 0
    for table in tables.values():
        linear = np.full(table.rows, estimates["intercept"])
        for name in heart.PREDICTORS:
            if name in table.numeric:
                linear = linear + estimates[name] * table.numeric[name]
                continue
            levels = heart.LEVELS[name]
            effect = np.array([*(estimates.get(f"{name}={level}", 0.0) for level in levels), np.nan])
            linear = linear + effect[table.codes[name]]
        known = ~np.isnan(linear) & ~np.isnan(table.numeric["sick"])
        hits += int(((linear > 0) == (table.numeric["sick"] == 1))[known].sum())
        rows += int(known.sum())
    return hits / rows


@pytest.mark.parametrize("changes", [
    {}, {"layers": [16]}, {"algorithm": "fedprox", "mu": 0.1},
    {"algorithm": "fedadam", "server_learning_rate": 0.05, "tau": 0.01},
], ids=["linear", "perceptron", "fedprox", "fedadam"])  # fmt: skip
def test_near_the_pooled_optimum(tables: dict[str, Table], changes: dict[str, Any]) -> None:
    optimum = simulate(asked(tables, "glm", {"family": "binomial", "responses": ["sick"],
                                             "predictors": heart.PREDICTORS}), tables)  # fmt: skip
    best = right_of_glm(optimum.result, tables)
    told = simulate(asked(tables, "fedavg", ASKED | changes), tables)
    # One standard error of a share of 740 rows.
    assert right(told.result, tables) >= best - 0.015
    assert told.result["rows"] == 740


def test_gradient_descent_arrives_at_the_pooled_optimum(tables: dict[str, Table]) -> None:
    optimum = simulate(asked(tables, "glm", {"family": "binomial", "responses": ["sick"],
                                             "predictors": heart.PREDICTORS}), tables)  # fmt: skip
    least = optimum.result["responses"]["sick"]["deviance"] / 2 / 740
    steps = ASKED | {"batch": 0, "learning_rate": 1.0, "rounds": 180}
    losses = [entry["loss"] for entry in simulate(asked(tables, "fedavg", steps), tables).result["history"]]
    assert losses == sorted(losses, reverse=True)
    assert least <= losses[-1] <= least * (1 + 1e-4)


def test_rounds_and_bytes_until_a_score_is_reached(tables: dict[str, Table]) -> None:
    study = asked(tables, "fedavg", ASKED)
    told = simulate(study, tables)
    steps = [(right(result, tables), sent) for result, sent in results_by_round(study, told)]
    reached = next(place for place, (share, _) in enumerate(steps, start=1) if share >= 0.78)
    assert 2 <= reached <= 20
    assert 0 < steps[reached - 1][1] < sum(told.bytes_out.values())
