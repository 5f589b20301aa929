"""A boosting result in XGBoost's format: XGBoost loads it, predicts the same, and would have grown the same trees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from jazari.studies.exports.xgboost import column_names, write_xgboost, xgboost_model
from jazari.studies.recipes.boosting_layout import Feature
from jazari.studies.recipes.boosting_model import design, predict
from jazari.studies.tests.boosting_data import TASKS, columns, run, tables

OBJECTIVES = {"binary": "binary:logistic", "regression": "reg:squarederror", "multiclass": "multi:softprob"}


def loaded(result: dict[str, Any], folder: Path) -> xgboost.Booster:
    write_xgboost(result, folder / "model.json")
    return xgboost.Booster(model_file=str(folder / "model.json"))


def told(booster: xgboost.Booster, result: dict[str, Any], rows: dict[str, Any]) -> Any:
    names, matrix = design(result, rows)
    return booster.predict(xgboost.DMatrix(matrix, feature_names=names))


@pytest.mark.parametrize("task", TASKS)
def test_xgboost_predicts_the_same(task: str, tmp_path: Path) -> None:
    data = tables(missing=0.2)
    result = run(TASKS[task], data).result
    rows = columns(data)
    assert all(np.isnan(rows[name]).any() for name in TASKS[task]["predictors"] if name == "ph")
    rows = {name: np.concatenate([column, [np.nan]]) for name, column in rows.items()}
    mine = predict(result, rows)
    assert np.unique(mine.round(6)).size > 5
    np.testing.assert_allclose(told(loaded(result, tmp_path), result, rows), mine, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_numbers_at_and_beside_an_edge_go_the_same_way(task: str, tmp_path: Path) -> None:
    result = run(TASKS[task], tables()).result
    made = {}
    for feature in result["features"]:
        edges = np.array(feature.get("edges", [0.0, 1.0, 2.0]))
        near = [edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf), edges - 1e-9, edges * (1 + 1e-6)]
        made[feature["name"]] = np.resize(np.concatenate(near), 200)
    assert np.abs(predict(result, made) - told(loaded(result, tmp_path), result, made)).max() < 2e-5


@pytest.mark.parametrize("task", TASKS)
def test_xgboost_trained_on_the_bins_grows_the_same_model(task: str) -> None:
    """An outside check of the algorithm: values moved to the middle of their bin leave XGBoost the same splits."""
    data = tables(rows=150, missing=0.15)
    result = run(TASKS[task], data, floor=1).result
    rows = columns(data)
    answer = rows[TASKS[task]["response"]]
    known = ~np.isnan(answer)
    names, matrix = design(result, _binned(result, rows))
    trained = xgboost.train(
        {
            "objective": OBJECTIVES[task], "tree_method": "exact", "max_depth": TASKS[task]["depth"], "eta": 0.3,
            "lambda": 1.0, "min_child_weight": 1.0,
            **({"num_class": 3} if task == "multiclass" else {"base_score": float(answer[known].mean())}),
        },
        xgboost.DMatrix(matrix[known], label=answer[known], feature_names=names,
                        base_margin=_base_margin(result, known) if task == "multiclass" else None),
        TASKS[task]["trees"],
    )  # fmt: skip
    again = xgboost.DMatrix(matrix[known], feature_names=names,
                            base_margin=_base_margin(result, known) if task == "multiclass" else None)  # fmt: skip
    mine = predict(result, rows)[known]
    np.testing.assert_allclose(trained.predict(again), mine, rtol=1e-4, atol=1e-5)


def _base_margin(result: dict[str, Any], known: Any) -> Any:
    return np.tile(result["base"], (int(known.sum()), 1))


def _binned(result: dict[str, Any], rows: dict[str, Any]) -> dict[str, Any]:
    moved = dict(rows)
    for feature in result["features"]:
        if feature["kind"] == "numeric":
            edges = np.array(feature["edges"])
            middles = np.concatenate([[edges[0] - 1], (edges[1:] + edges[:-1]) / 2, [edges[-1] + 1]])
            values = rows[feature["name"]]
            place = np.searchsorted(edges, values.astype(np.float32), side="right")
            moved[feature["name"]] = np.where(np.isnan(values), np.nan, middles[np.minimum(place, edges.size)])
    return moved


def test_the_columns_are_named_in_order() -> None:
    data = tables()
    result = run(TASKS["binary"], data).result
    names, matrix = design(result, columns(data))
    assert names == column_names(result) == ["ph", "crop=barley", "crop=maize", "crop=wheat", "yield_"]
    assert matrix.shape == (600, 5)
    assert set(np.unique(matrix[:, 1:4])) == {0.0, 1.0}


def test_a_result_that_went_through_json_is_the_same_model() -> None:
    result = run(TASKS["regression"], tables()).result
    again = json.loads(json.dumps(result))
    assert xgboost_model(again) == xgboost_model(result)


def test_a_lone_level_goes_right_and_a_number_from_its_edge_up() -> None:
    assert Feature("crop", levels=("a", "b", "c")).right.tolist() == np.eye(3, dtype=bool).tolist()
    assert Feature("ph", edges=(5.0, 6.0)).right.tolist() == [[False, True, True], [False, False, True]]
