"""The recipe ``evaluation``: equal to the pooled computation, right by hand, and silent about small cells."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jazari.studies import guard
from jazari.studies.contract import Contract
from jazari.studies.data.table import Table
from jazari.studies.errors import BadModel, BadParameters, BelowFloor, IncompatibleData, ModelNotFound, RunFailed
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.portable.model import Input, PortableModel
from jazari.studies.recipes.evaluation import Evaluation
from jazari.studies.recipes.evaluation_result import auc, headlines
from jazari.studies.recipes.registry import input_files
from jazari.studies.rounds import Fold
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import LOGISTIC, make_study, make_table, random_table
from jazari.studies.tests.models import NAMES, fitted, kept, logistic

TOLERANCE = 1e-9


def tables(rows: int = 300, **changes: Any) -> dict[str, Table]:
    return {name: random_table(seed, rows, **changes) for seed, name in enumerate(NAMES)}


def parameters(model: PortableModel, folder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "model": "safi/model/yield@1",
        "sha256": kept(folder, model),
        "task": model.task,
        "inputs": [one.name for one in model.inputs],
        "response": model.response,
    } | changes


def run(model: PortableModel, data: dict[str, Table], folder: Path, floor: int = 10, **changes: Any) -> dict[str, Any]:
    study = make_study("evaluation", parameters(model, folder, **changes), list(data), floor=floor)
    result = simulate(study, data, folder).result
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


def difference(model: PortableModel, data: dict[str, Table], folder: Path, floor: int, **changes: Any) -> float:
    study = make_study("evaluation", parameters(model, folder, **changes), list(data), floor=floor)
    told = simulate(study, data, folder).result
    return max_relative_difference(told, pooled(study, data, folder), declared_scales(study))


def softmax_by_crop() -> PortableModel:
    """Three classes from a number: what multiclass kinds give, made of linear scores for this test alone."""
    return logistic(response="crop", inputs=(Input("ph", "numeric", "pH"),), classes=("not wheat", "wheat"),
                    settings={"terms": [["", None], ["ph", None]], "link": "logit"},
                    arrays={"coefficients": np.array([-6.5, 1.0])})  # fmt: skip


@pytest.mark.parametrize("floor", [1, 10])
@pytest.mark.parametrize("by", [[], ["crop"]])
@pytest.mark.parametrize("rows_per_site", [1, 3])
def test_a_classifier_is_judged_as_on_all_rows(tmp_path: Path, floor: int, by: list[str], rows_per_site: int) -> None:
    data = tables(rows_per_site=rows_per_site)
    assert difference(logistic(), data, tmp_path, floor, by=by) <= TOLERANCE


@pytest.mark.parametrize("floor", [1, 10])
@pytest.mark.parametrize("by", [[], ["crop"]])
def test_a_regression_is_judged_as_on_all_rows(tmp_path: Path, floor: int, by: list[str]) -> None:
    assert difference(fitted(), tables(rows_per_site=2), tmp_path, floor, by=by) <= TOLERANCE


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 9999), st.integers(20, 100)), min_size=1, max_size=2), st.integers(1, 12),
       st.sampled_from(["binary", "regression"]), st.sampled_from([[], ["crop"]]))  # fmt: skip
def test_any_split_gives_the_pooled_result(tmp_path, parts, floor, task, by) -> None:
    data = {name: random_table(seed, rows) for name, (seed, rows) in zip(NAMES, parts, strict=False)}
    model = logistic() if task == "binary" else _line()
    try:
        assert difference(model, data, tmp_path, floor, by=by, edges=[0, 0.3, 0.5, 0.7, 1]) <= TOLERANCE
    except (BelowFloor, RunFailed) as refused:
        assert str(refused).endswith(".")  # noqa: PT017


def _line() -> PortableModel:
    return PortableModel(
        kind="linear", task="regression", response="yield_", inputs=(Input("ph", "numeric", "pH"),),
        arrays={"coefficients": np.array([1.0, 3.0])},
        settings={"terms": [["", None], ["ph", None]], "link": "identity"},
    )  # fmt: skip


def test_one_table_in_parts_counts_the_same_without_a_floor(tmp_path: Path) -> None:
    whole = random_table(5, 400, missing=0)
    halves = {name: _rows(whole, part) for name, part in zip(NAMES, np.array_split(np.arange(400), 3), strict=True)}
    one, three = (run(logistic(), data, tmp_path, floor=1, by=["crop"]) for data in ({"fes": whole}, halves))
    assert max_relative_difference(one, three, {}) <= 1e-12


def _rows(table: Table, chosen: Any) -> Table:
    _, subject = np.unique(table.subject[chosen], return_inverse=True)
    return Table(table.schema, len(chosen), subject.astype(np.int64), int(subject.max()) + 1,
                 {n: c[chosen] for n, c in table.numeric.items()},
                 {n: c[chosen] for n, c in table.codes.items()})  # fmt: skip


def test_accuracy_confusion_auc_and_brier_by_hand(tmp_path: Path) -> None:
    """Scores 0.2, 0.4 and 0.8 with 2, 3 and 5 of 10 events each: every figure follows on paper."""
    scores = {0.2: 2, 0.4: 3, 0.8: 5}
    ph = [7 + math.log(s / (1 - s)) for s in scores for _ in range(10)]
    ill = [float(row < events) for events in scores.values() for row in range(10)]
    table = make_table([0] * 30, ph, [0.0] * 30, ill, range(30))
    model = logistic(arrays={"coefficients": np.array([-7.0, 1.0, 0.0])})
    (told,) = run(model, {"fes": table}, tmp_path, floor=1, edges=[0, 0.3, 0.5, 1], thresholds=[0.5, 0.3])["groups"]
    assert told["histogram"] == {"negative": [8, 7, 5], "positive": [2, 3, 5]}
    assert told["accuracy"] == pytest.approx((5 + 15) / 30)
    first, second = told["thresholds"]
    assert (first["true_positive"], first["false_positive"], first["true_negative"], first["false_negative"]) == (
        5, 5, 15, 5,
    )  # fmt: skip
    assert second["sensitivity"] == pytest.approx(8 / 10)
    assert second["specificity"] == pytest.approx(8 / 20)
    # Pairs won by the positive row: 2 in the lowest bin win half of 8; 3 win 8 and half of 7; 5 win 15 and half of 5.
    assert told["auc"] == pytest.approx((2 * 4 + 3 * (8 + 3.5) + 5 * (15 + 2.5)) / (10 * 20))
    brier = sum(e * (1 - s) ** 2 + (10 - e) * s**2 for s, e in scores.items()) / 30
    assert told["brier"] == pytest.approx(brier)
    assert [entry["positive_share"] for entry in told["calibration"]] == pytest.approx([0.2, 0.3, 0.5])
    assert [entry["mean_score"] for entry in told["calibration"]] == pytest.approx([0.2, 0.4, 0.8])


def test_auc_with_fine_bins_is_the_share_of_pairs_won(tmp_path: Path) -> None:
    table = random_table(8, 500, missing=0)
    edges = [step / 200 for step in range(201)]
    (told,) = run(logistic(), {"fes": table}, tmp_path, floor=1, edges=edges)["groups"]
    log_odds = table.numeric["ph"] - 6.5 - 0.5 * (table.codes["crop"] == 1)
    positive, negative = log_odds[table.numeric["ill"] == 1], log_odds[table.numeric["ill"] == 0]
    won = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    assert told["auc"] == pytest.approx(won, abs=2e-3)


def test_errors_of_a_regression_by_hand(tmp_path: Path) -> None:
    ph, yields = [1.0, 2.0, 3.0, 4.0], [4.0, 8.0, 9.0, 13.0]
    table = make_table([0] * 4, ph, yields, [0.0] * 4, range(4))
    (told,) = run(_line(), {"fes": table}, tmp_path, floor=1)["groups"]  # predictions 4, 7, 10, 13
    assert told["mean_error"] == pytest.approx((0 - 1 + 1 + 0) / 4)
    assert told["mean_absolute_error"] == pytest.approx(0.5)
    assert told["root_mean_squared_error"] == pytest.approx(math.sqrt(0.5))
    assert told["r_squared"] == pytest.approx(1 - 2 / (4.5**2 + 0.5**2 + 0.5**2 + 4.5**2))


def test_predictions_are_limited_to_the_agreed_range_and_the_result_says_so(tmp_path: Path) -> None:
    table = make_table([0] * 20, np.linspace(1, 10, 20).tolist(), [5.0] * 20, [0.0] * 20, range(20))
    (told,) = run(_line(), {"fes": table}, tmp_path, floor=1, predictions=[0.0, 6.0])["groups"]
    assert told["predictions_limited_to"] == [0.0, 6.0]
    limited = np.minimum(1 + 3 * np.linspace(1, 10, 20), 6.0)
    assert told["mean_error"] == pytest.approx(float((limited - 5).mean()))


def test_a_model_of_one_study_is_judged_in_another(tmp_path: Path) -> None:
    model = fitted(LOGISTIC)
    told = run(model, tables(600), tmp_path, by=["crop"], edges=[0, 0.25, 0.5, 0.75, 1])
    whole = headlines(told)[0]
    assert whole["by"] == {}
    assert 0.6 < whole["figures"]["auc"] < 0.9
    assert 0.55 < whole["figures"]["accuracy"] < 0.9
    assert {group["by"].get("crop") for group in headlines(told)} == {None, "barley", "maize", "wheat"}


def test_small_cells_are_left_out_and_counted(tmp_path: Path) -> None:
    crop = [0] * 100 + [1] * 100 + [2] * 5
    source = np.random.default_rng(1)
    ill = (source.random(205) < 0.5).astype(float).tolist()
    table = make_table(crop, source.normal(6.5, 1, 205).tolist(), [0.0] * 205, ill, range(205))
    told = {json.dumps(g["by"]): g for g in run(logistic(), {"fes": table}, tmp_path, by=["crop"], edges=[0, 0.5, 1])
            ["groups"]}  # fmt: skip
    wheat = told['{"crop": "wheat"}']
    assert wheat["rows"] == 0
    assert wheat["left_out"] == [[1, 1], [1, 1]]
    # Five subjects alone could be derived from the number of rows: another group keeps them company.
    assert sorted((told['{"crop": "barley"}']["rows"], told['{"crop": "maize"}']["rows"])) == [0, 100]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 9999), st.integers(30, 150), st.integers(2, 12), st.integers(1, 3))
def test_the_guard_passes_what_is_computed_and_nothing_small_is_in_it(tmp_path, seed, rows, floor, per_site) -> None:
    table = random_table(seed, rows, rows_per_site=per_site)
    for model in (logistic(), _line()):
        study = make_study("evaluation", parameters(model, tmp_path, by=["crop"]), ["fes"], floor=floor)
        fold = Fold(study, 1, tmp_path)
        try:
            sums = fold.recipe.local(table, fold.state(0), fold.plan)
        except BelowFloor:
            continue
        released = guard.release(fold.contract(0), sums, floor)
        subjects, counted = sums["subjects"], released["rows"]
        assert ((counted == 0) | (subjects >= floor)).all()
        assert table.rows - counted.sum() == 0 or sums["all.hidden"] >= floor
        assert not (released["left_out"] & (counted > 0)).any()


def test_every_number_that_leaves_has_a_bound(tmp_path: Path) -> None:
    for model in (logistic(), _line()):
        study = make_study("evaluation", parameters(model, tmp_path), ["fes"])
        contract: Contract = Fold(study, 1).contract(0)
        floats = [output for output in contract.outputs if output.dtype == "float64"]
        assert floats
        assert all(o.lower is not None and o.upper is not None and o.per for o in floats)
        assert all(o.lower == 0 for o in contract.outputs if o.dtype == "int64")


def test_few_distinct_scores_are_counted_but_not_summed(tmp_path: Path) -> None:
    """Two scores in one bin, one of 4 subjects: their sum would tell how many have which."""
    ph = [7.0] * 96 + [7.5] * 4
    table = make_table([0] * 100, ph, [0.0] * 100, [1.0] * 100, range(100))
    (told,) = run(logistic(), {"fes": table}, tmp_path, edges=[0, 0.5, 1])["groups"]
    assert told["rows"] == 100
    assert told["brier"] is None
    assert told["calibration"][1]["scored_rows"] == 0


def test_a_regression_with_fewer_subjects_than_three_for_each_sum_is_left_out(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    table = make_table([0] * 14, source.normal(6, 1, 14).tolist(), source.normal(0, 1, 14).tolist(), [0.0] * 14,
                       range(14))  # fmt: skip
    with pytest.raises(RunFailed, match="enough subjects"):
        run(_line(), {"fes": table}, tmp_path)


def test_an_institute_under_the_floor_cannot_take_part(tmp_path: Path) -> None:
    with pytest.raises(BelowFloor, match="cannot take part"):
        run(logistic(), {"fes": random_table(1, 9, missing=0)}, tmp_path)


def test_a_category_as_outcome_and_an_unknown_level_of_an_input(tmp_path: Path) -> None:
    model = softmax_by_crop()
    told = run(model, tables(missing=0), tmp_path, floor=1, positive="wheat")
    assert told["groups"][0]["rows"] == 900
    known = logistic(inputs=(Input("ph", "numeric", "pH"), Input("crop", "category", "", ("barley", "maize"))))
    data = tables(missing=0)
    expected = sum(int((table.codes["crop"] != 2).sum()) for table in data.values())
    assert run(known, data, tmp_path, floor=1)["groups"][0]["rows"] == expected


def test_without_the_agreed_file_nothing_is_computed(tmp_path: Path) -> None:
    study = make_study("evaluation", parameters(logistic(), tmp_path), ["fes"])
    data = {"fes": random_table(1)}
    with pytest.raises(ModelNotFound):
        simulate(study, data, tmp_path / "elsewhere")
    with pytest.raises(ModelNotFound):
        simulate(study, data)
    (file,) = input_files(study)
    (tmp_path / file.sha256).write_bytes(b"something else")
    with pytest.raises(BadModel, match="not the one that was agreed"):
        simulate(study, data, tmp_path)


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (logistic(), {"inputs": ["ph"]}),
        (logistic(), {"task": "regression", "response": "yield_"}),
        (logistic(), {"task": "multiclass", "inputs": ["ph", "yield_"], "response": "crop",
                      "classes": ["barley", "maize", "wheat"]}),
        (logistic(inputs=(Input("ph", "numeric", "mol/l"), Input("crop", "category", "", ("maize",)))), {}),
        (softmax_by_crop(), {"positive": "maize"}),
    ],
    ids=["inputs", "task", "classes", "unit", "event"],
)  # fmt: skip
def test_a_model_that_does_not_fit_the_study_is_refused(tmp_path: Path, model: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(IncompatibleData):
        run(model, tables(), tmp_path, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "safi/dataset/yield@1"},
        {"model": "no record"},
        {"sha256": "0"},
        {"task": "clustering"},
        {"inputs": []},
        {"inputs": ["ph", "ph"]},
        {"inputs": ["ph", "ill"]},
        {"by": ["ill"]},
        {"by": ["ph"]},
        {"by": ["crop", "crop"]},
        {"edges": [0, 0.5]},
        {"edges": [0, 0.5, 0.4, 1]},
        {"thresholds": [0.55]},
        {"classes": ["0", "1"]},
        {"predictions": [0, 1]},
        {"response": "yield_"},
        {"response": "crop", "inputs": ["ph"]},
        {"task": "multiclass", "response": "crop", "inputs": ["ph"], "classes": ["barley", "maize"]},
        {"task": "multiclass", "response": "ill", "inputs": ["ph"], "classes": ["0", "1"]},
        {"task": "regression", "response": "crop", "inputs": ["ph"]},
        {"task": "regression", "response": "yield_", "predictions": [3, 2]},
    ],
    ids=str,
)
def test_parameters_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(BadParameters):
        make_study("evaluation", parameters(logistic(), tmp_path) | changes, ["fes"])


def test_what_a_steward_reads(tmp_path: Path) -> None:
    study = make_study("evaluation", parameters(logistic(), tmp_path, by=["crop"]), ["fes"])
    fold, table = Fold(study, 1), random_table(1)
    sentences = Evaluation().disclosures(fold.plan, {"fes": table.schema, "rabat": table.schema})
    assert "safi/model/yield@1" in sentences[0]
    assert "no prediction of a single row leaves" in sentences[0]
    assert "in each of 10 bins in each crop" in sentences[1]


def test_auc_without_both_classes_is_unknown() -> None:
    assert auc(np.array([3, 4]), np.array([0, 0])) is None
    assert auc(np.array([5, 0]), np.array([0, 5])) == 1.0
