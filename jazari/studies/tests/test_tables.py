"""Results as tables."""

from __future__ import annotations

import pytest

from jazari.studies.client import Result
from jazari.studies.tables import tables_of


def statistics() -> dict:
    told = {
        "missing": 10, "present": 50, "share_missing": 1 / 6, "left_out": 0, "mean": 7.0, "mean_left_out": 0,
        "variance": 0.25, "deviation": 0.5,
        "histogram": {"edges": [4, 7, 10], "below": 0, "counts": [20, None], "above": 0, "left_out": [0, 0, 2, 0]},
        "quantiles": {"0.5": 7.1},
    }  # fmt: skip
    group = {"by": {"crop": "wheat"}, "rows": 60, "subjects": 30, "left_out": 0, "variables": {"ph": told}}
    return {"groups": [group], "left_out": {"groups": 0}}


def test_statistics_have_a_row_for_each_group_and_variable():
    (row,) = tables_of("statistics", statistics())["groups"]
    assert row["crop"] == "wheat"
    assert (row["variable"], row["rows"], row["share_missing"], row["q0.5"]) == ("ph", 60, 1 / 6, 7.1)


def test_a_histogram_has_a_row_for_each_bin_and_says_what_was_left_out():
    bins = tables_of("statistics", statistics())["histograms"]
    assert [(b["low"], b["high"], b["rows"]) for b in bins] == [(None, 4, 0), (4, 7, 20), (7, 10, None), (10, None, 0)]
    assert bins[2]["left_out"] == 2


def test_a_model_has_a_row_for_each_coefficient():
    values = {"responses": {"n": {"coefficients": [{"term": "intercept", "estimate": 1.0}]}}}
    assert tables_of("glm", values)["coefficients"] == [{"response": "n", "term": "intercept", "estimate": 1.0}]


def test_an_evaluation_has_a_row_for_each_group_and_each_bin():
    bins = [{"lower": 0, "upper": 1, "rows": 60}]
    whole = {"by": {}, "rows": 60, "left_out": [[0], [0]], "accuracy": 0.5, "auc": None, "calibration": bins}
    tables = tables_of("evaluation", {"by": ["crop"], "groups": [whole, whole | {"by": {"crop": "wheat"}}]})
    assert tables["groups"][0] == {"crop": "all", "rows": 60, "accuracy": 0.5, "auc": None}
    assert [row["crop"] for row in tables["groups"]] == ["all", "wheat"]
    assert tables["calibration"][1] == {"crop": "wheat", **bins[0]}


def test_a_network_has_a_row_for_each_round():
    values = {"history": [{"round": 1, "loss": 0.7, "rows": 60, "clipped": 0}], "layers": []}
    assert tables_of("fedavg", values) == {"history": [{"round": 1, "loss": 0.7, "rows": 60, "clipped": 0}]}


def test_hazards_have_a_row_for_each_coefficient_and_each_interval():
    values = {
        "coefficients": [{"term": "age", "hazard_ratio": 1.1}],
        "intervals": [{"from": 0, "to": 30, "events": 12}],
    }
    tables = tables_of("cox", values)
    assert tables == {"coefficients": values["coefficients"], "intervals": values["intervals"]}


def test_boosting_has_a_row_for_each_round_and_each_node():
    values = {"training_loss": [2.0, 1.5], "trees": [[[{"feature": "age", "threshold": 50.0}, {"value": 0.1}]]]}
    tables = tables_of("boosting", values)
    assert tables["losses"] == [{"trees": 0, "training_loss": 2.0}, {"trees": 1, "training_loss": 1.5}]
    assert tables["nodes"][1] == {"round": 0, "tree": 0, "node": 1, "value": 0.1}


def test_a_result_becomes_a_frame_and_an_unknown_table_is_named():
    result = Result("r", "d", {"title": "t", "provenance": {"recipe": "statistics"}}, statistics())
    assert result.frame()["mean"].tolist() == [7.0]
    assert len(result.frame("histograms")) == 4
    with pytest.raises(KeyError, match="groups, histograms, levels"):
        result.frame("nothing")
