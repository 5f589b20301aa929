"""The recipe ``glm``: equal to textbook solutions on all rows, and clear about models without a solution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import optimize

from jazari.studies import guard
from jazari.studies.data.table import Table
from jazari.studies.errors import BadParameters, BelowFloor, BrokenContract, RunFailed
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.recipes.glm_design import Design, LocalDesign
from jazari.studies.rounds import Fold
from jazari.studies.simulate import Simulated, simulate
from jazari.studies.tests.builders import LINEAR, LOGISTIC, make_study, make_table, random_table

NAMES = ["fes", "rabat", "taza"]


def tables(rows: int = 300, **changes: Any) -> dict[str, Table]:
    return {name: random_table(seed, rows, **changes) for seed, name in enumerate(NAMES)}


def run(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> Simulated:
    return simulate(make_study("glm", parameters, list(data), **changes), data)


def difference(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> float:
    study = make_study("glm", parameters, list(data), **changes)
    return max_relative_difference(simulate(study, data).result, pooled(study, data), declared_scales(study))


def estimates(result: dict[str, Any]) -> dict[str, float]:
    (fit,) = result["responses"].values()
    return {entry["term"]: entry["estimate"] for entry in fit["coefficients"]}


@pytest.mark.parametrize("model", [LINEAR, LOGISTIC], ids=["gaussian", "binomial"])
@pytest.mark.parametrize("ridge", [0.0, 3.5])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("floor", [1, 10])
def test_the_pooled_result(model: dict[str, Any], ridge: float, intercept: bool, floor: int) -> None:
    assert difference(model | {"ridge": ridge, "intercept": intercept}, tables(rows_per_site=2), floor=floor) <= 1e-9


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(60, 150)), min_size=1, max_size=3), st.integers(1, 8))
def test_any_data_give_the_pooled_result_or_a_clear_end(parts: list[tuple[int, int]], floor: int) -> None:
    data = {name: random_table(seed, rows) for name, (seed, rows) in zip(NAMES, parts, strict=False)}
    for model in (LINEAR, LOGISTIC):
        try:
            assert difference(model, data, floor=floor) <= 1e-9
        except (BelowFloor, RunFailed) as refused:
            sentence = str(refused)
        else:
            sentence = "."
        assert sentence.endswith(".")


def test_several_responses_at_once() -> None:
    both = LINEAR | {"responses": ["yield_", "ill"], "predictors": ["ph", "crop"]}
    data = tables()
    assert difference(both, data) <= 1e-9
    alone = estimates(run(LINEAR, data).result)
    together = {e["term"]: e["estimate"] for e in run(both, data).result["responses"]["yield_"]["coefficients"]}
    assert together == pytest.approx(alone, rel=1e-12)


def test_gaussian_is_the_least_squares_solution_in_three_rounds() -> None:
    data = tables(missing=0)
    x = np.concatenate([t.numeric["ph"] for t in data.values()])
    y = np.concatenate([t.numeric["yield_"] for t in data.values()])
    slope, intercept = np.polyfit(x, y, 1)
    told = run(LINEAR | {"predictors": ["ph"]}, data)
    assert told.rounds == 3
    assert estimates(told.result) == pytest.approx({"intercept": intercept, "ph": slope}, rel=1e-10)


def test_standard_errors_of_simple_regression_by_hand() -> None:
    data = tables(missing=0)
    x = np.concatenate([t.numeric["ph"] for t in data.values()])
    y = np.concatenate([t.numeric["yield_"] for t in data.values()])
    slope, intercept = np.polyfit(x, y, 1)
    variance = ((y - intercept - slope * x) ** 2).sum() / (len(x) - 2)
    fit = run(LINEAR | {"predictors": ["ph"]}, data).result["responses"]["yield_"]
    spread = ((x - x.mean()) ** 2).sum()
    expected = [np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / spread)), np.sqrt(variance / spread)]
    assert [entry["standard_error"] for entry in fit["coefficients"]] == pytest.approx(expected, rel=1e-9)
    assert fit["residual_deviation"] == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert fit["r_squared"] == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, rel=1e-9)


def test_binomial_is_the_maximum_of_the_likelihood() -> None:
    data = tables(missing=0)
    x = np.concatenate([t.numeric["ph"] for t in data.values()])
    y = np.concatenate([t.numeric["ill"] for t in data.values()])

    def loss(beta: Any) -> float:
        linear = beta[0] + beta[1] * (x - 6.5)
        return float((np.logaddexp(0, linear) - y * linear).sum())

    best = optimize.minimize(
        loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}
    )
    told = run(LOGISTIC | {"predictors": ["ph"]}, data)
    assert estimates(told.result) == pytest.approx(
        {"intercept": best.x[0] - 6.5 * best.x[1], "ph": best.x[1]}, rel=1e-5
    )
    assert told.result["responses"]["ill"]["deviance"] == pytest.approx(2 * best.fun, rel=1e-10)
    assert told.rounds <= 8


def test_log_odds_of_a_two_by_two_table_in_closed_form() -> None:
    """One category with two levels: the coefficients are log odds and their variances sums of reciprocals."""
    counts = {(0, 0): 40, (0, 1): 25, (1, 0): 15, (1, 1): 60}
    crop = [c for (c, _), n in counts.items() for _ in range(n)]
    ill = [float(y) for (_, y), n in counts.items() for _ in range(n)]
    table = make_table(crop, [7.0] * len(crop), [0.0] * len(crop), ill, range(len(crop)))
    fit = run(LOGISTIC | {"predictors": ["crop"]}, {"fes": table}).result
    odds = [np.log(25 / 40), np.log(60 / 15) - np.log(25 / 40)]
    errors = [np.sqrt(1 / 40 + 1 / 25), np.sqrt(1 / 40 + 1 / 25 + 1 / 15 + 1 / 60)]
    told = fit["responses"]["ill"]["coefficients"]
    assert [entry["estimate"] for entry in told] == pytest.approx(odds, rel=1e-9)
    assert [entry["standard_error"] for entry in told] == pytest.approx(errors, rel=1e-9)
    assert fit["reference"] == {"crop": "barley"}
    assert fit["levels_without_rows"] == {"crop": ["wheat"]}


def test_a_category_as_outcome() -> None:
    data = tables()
    by_name = {"family": "binomial", "responses": ["crop"], "predictors": ["ph"], "positive": "wheat"}
    assert difference(by_name, data) <= 1e-9
    with pytest.raises(BadParameters, match="positive"):
        run(by_name | {"positive": None}, data)
    with pytest.raises(BadParameters, match="positive"):
        run(by_name | {"positive": "rice"}, data)


def test_values_far_from_zero_keep_their_digits() -> None:
    """A mean of 900 with deviation 1e-4: moments are asked for again around the mean."""
    source = np.random.default_rng(0)
    data = {}
    for name in NAMES:
        x = source.normal(0, 1, 200)
        crop = source.integers(0, 3, 200)
        data[name] = make_table(
            crop.tolist(), (7 + x / 10).tolist(), (900 + x * 1e-4).tolist(), [0.0] * 200, range(200)
        )
    flipped = {"family": "gaussian", "responses": ["ph"], "predictors": ["yield_"]}
    # Ranges of 2000 around deviations of 1e-4 are too coarse to be masked.
    told = run(flipped, data, secure_aggregation=False)
    assert told.rounds == 4
    assert estimates(told.result)["yield_"] == pytest.approx(1000.0, rel=1e-6)
    assert difference(flipped | {"ridge": 2.0}, data, secure_aggregation=False) <= 1e-9


@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_separation_is_named_unless_a_ridge_bounds_it(ridge: float) -> None:
    source = np.random.default_rng(0)
    ph = source.normal(7, 1, 300)
    table = make_table([0] * 300, ph.tolist(), [0.0] * 300, (ph > 7).astype(float).tolist(), range(300))
    model = LOGISTIC | {"predictors": ["ph"], "ridge": ridge}
    if ridge:
        assert difference(model, {"fes": table}) <= 1e-9
        return
    with pytest.raises(RunFailed, match="'ph' separates"):
        run(model, {"fes": table})


def test_a_level_without_any_event_is_named() -> None:
    crop = [0] * 100 + [1] * 100
    ill = [0.0, 1.0] * 50 + [0.0] * 100
    table = make_table(crop, [7.0] * 200, [0.0] * 200, ill, range(200))
    with pytest.raises(RunFailed, match="crop=maize"):
        run(LOGISTIC | {"predictors": ["crop"]}, {"fes": table})


def test_predictors_that_follow_from_each_other_are_named() -> None:
    table = random_table(1, 300, missing=0)
    copied = Table(
        table.schema,
        table.rows,
        table.subject,
        table.subjects,
        table.numeric | {"yield_": 2 * table.numeric["ph"] + 1},
        table.codes,
    )
    with pytest.raises(RunFailed, match="'ph', 'yield_' cannot be told apart"):
        run({"family": "gaussian", "responses": ["ill"], "predictors": ["ph", "yield_"]}, {"fes": copied})


def test_a_constant_predictor_is_named() -> None:
    table = make_table([0, 1] * 100, [7.0] * 200, range(200), [0.0, 1.0] * 100, range(200))
    with pytest.raises(RunFailed, match="'ph' has the same value"):
        run(LINEAR, {"fes": table})


def test_one_outcome_only_is_named() -> None:
    table = make_table([0, 1] * 100, np.linspace(4, 9, 200).tolist(), [0.0] * 200, [1.0] * 200, range(200))
    with pytest.raises(RunFailed, match="same outcome"):
        run(LOGISTIC, {"fes": table})


def test_all_values_missing_cannot_take_part() -> None:
    table = make_table([0, 1] * 100, [float("nan")] * 200, range(200), [0.0, 1.0] * 100, range(200))
    with pytest.raises(BelowFloor, match="can be used"):
        run(LINEAR, {"fes": table})


def test_an_institute_with_a_rare_outcome_cannot_take_part() -> None:
    table = make_table([0, 1] * 100, np.linspace(4, 9, 200).tolist(), [0.0] * 200, [1.0] * 3 + [0.0] * 197, range(200))
    with pytest.raises(BelowFloor, match="outcome"):
        run(LOGISTIC, {"fes": table})


def test_a_model_as_large_as_the_data_is_refused() -> None:
    with pytest.raises(BelowFloor, match="for each coefficient"):
        run(LINEAR, {"fes": random_table(1, 11, missing=0)}, floor=2)


def test_rows_of_a_rare_level_are_left_out_with_company() -> None:
    crop = [0] * 100 + [1] * 100 + [2] * 3
    source = np.random.default_rng(0)
    table = make_table(
        crop, source.normal(7, 1, 203).tolist(), source.normal(0, 1, 203).tolist(), [0.0] * 203, range(203)
    )
    told = run(LINEAR, {"fes": table}).result
    assert told["rows"] == 193
    assert told["levels_without_rows"] == {"crop": ["wheat"]}
    assert told["left_out"] == {"crop": {"barley": 0, "maize": 0, "wheat": 1}}
    assert difference(LINEAR, {"fes": table}) <= 1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(40, 120), st.integers(2, 12), st.sampled_from([LINEAR, LOGISTIC]))
def test_no_cell_of_used_rows_is_small(seed: int, rows: int, floor: int, model: dict[str, Any]) -> None:
    table = random_table(seed, rows)
    fold = Fold(make_study("glm", model, ["fes"], floor=floor), 1)
    try:
        chosen = LocalDesign(Design(fold.plan), table).choose()
    except BelowFloor:
        return
    crop, ill = table.codes["crop"][chosen.used], table.numeric["ill"][chosen.used]
    cells = [crop == level for level in range(3)]
    if model is LOGISTIC:
        cells += [(crop == level) & (ill == outcome) for level in range(3) for outcome in (0, 1)]
    assert all(cell.sum() == 0 or cell.sum() >= floor for cell in cells)
    assert (~chosen.used).sum() == 0 or (~chosen.used).sum() >= floor
    guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), floor)


def test_gradients_beyond_the_agreed_ranges_are_refused() -> None:
    study = make_study("glm", LOGISTIC, ["fes"])
    fold, table = Fold(study, 1), random_table(1, 300)
    fold.take(guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), 10))
    sums = fold.recipe.local(table, fold.state(1), fold.plan)
    guard.release(fold.contract(1), sums, 10)
    for name in ("gradient", "information"):
        with pytest.raises(BrokenContract, match=name):
            guard.release(fold.contract(1), sums | {name: sums[name] + 1e6}, 10)


def test_totals_that_lead_nowhere_end_in_a_sentence() -> None:
    study = make_study("glm", LINEAR, ["fes"])
    for rows in (0, 100):
        fold = Fold(study, 1)
        zeros = fold.contract(0).zeros()
        zeros["rows"] = np.array(rows)
        assert fold.take(zeros).failure.endswith(".")


def test_rows_that_change_between_rounds_end_the_run() -> None:
    fold, table = Fold(make_study("glm", LINEAR, ["fes"]), 1), random_table(1, 300)
    first = fold.recipe.local(table, fold.state(0), fold.plan)
    state = fold.take({name: first[name] for name in fold.contract(0).names()})
    second = fold.recipe.local(random_table(1, 200), state, fold.plan)
    assert "changed" in fold.take({name: second[name] for name in fold.contract(1).names()}).failure


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "poisson"},
        {"responses": []},
        {"predictors": ["ph", "ph"]},
        {"predictors": ["ph", "ill"]},
        {"responses": ["ill", "yield_"]},
        {"responses": ["yield_"]},
        {"ridge": -1},
        {"positive": "x"},
        {"max_iterations": 0},
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadParameters):
        make_study("glm", LOGISTIC | changes, ["fes"])


def test_a_gaussian_response_must_be_a_number() -> None:
    with pytest.raises(BadParameters, match="must be numeric"):
        make_study("glm", LINEAR | {"responses": ["crop"], "predictors": ["ph"]}, ["fes"])


def test_too_many_columns_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.studies.recipes.glm_design.MAX_COLUMNS", 3)
    with pytest.raises(BadParameters, match="columns"):
        make_study("glm", LINEAR, ["fes"])
