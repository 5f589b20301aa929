"""The recipe ``fedavg``: equal to training in one place where that is a law, bounded, and careful with few subjects."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jazari.studies import guard
from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Table
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import BadParameters, BelowFloor, IncompatibleData, RunFailed
from jazari.studies.messages import Message, encode
from jazari.studies.pooled import max_relative_difference, pooled
from jazari.studies.recipes.fedavg import clip
from jazari.studies.recipes.fedavg_model import predict
from jazari.studies.recipes.fedavg_network import LOSS_CAP
from jazari.studies.recipes.registry import find_recipe
from jazari.studies.rounds import Fold, add_up
from jazari.studies.simulate import Simulated, results_by_round, simulate
from jazari.studies.tests.builders import make_study, make_table, random_table, schema

NAMES = ["fes", "rabat", "taza"]
BASE = {"model": "mlp", "rounds": 6, "learning_rate": 0.2, "clip": 100.0, "seed": 5}
BINARY = BASE | {"task": "binary", "response": "ill", "predictors": ["ph", "crop"]}
CROP = BASE | {"task": "multiclass", "response": "crop", "predictors": ["ph", "yield_"]}
YIELD = BASE | {"task": "regression", "response": "yield_", "predictors": ["ph", "crop", "ill"]}
TASKS = pytest.mark.parametrize("task", [BINARY, CROP, YIELD], ids=["binary", "multiclass", "regression"])
FULL = {"epochs": 1, "batch": 0}
SMALL = {"layers": [3], "rounds": 2}


def tables(rows: int = 150, names: list[str] = NAMES, **changes: Any) -> dict[str, Table]:
    return {name: random_table(seed, rows + 10 * seed, **changes) for seed, name in enumerate(names)}


def run(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> Simulated:
    return simulate(make_study("fedavg", parameters, list(data), **({"max_rounds": 200} | changes)), data)


def difference(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> float:
    study = make_study("fedavg", parameters, list(data), **changes)
    return max_relative_difference(simulate(study, data).result, pooled(study, data), {})


def weights(result: dict[str, Any]) -> Any:
    return np.concatenate([np.ravel(layer[part]) for layer in result["layers"] for part in ("weights", "biases")])


@TASKS
@pytest.mark.parametrize("algorithm", [{}, {"algorithm": "fedprox", "mu": 0.5}, {"algorithm": "fedadam"}])
@pytest.mark.parametrize("floor", [1, 10])
def test_one_full_step_a_round_is_gradient_descent_on_all_rows(task: Any, algorithm: Any, floor: int) -> None:
    network = {"layers": [6, 4], "missing": "impute"}
    assert difference(task | FULL | network | algorithm, tables(rows_per_site=2), floor=floor) <= 1e-9


@TASKS
@pytest.mark.parametrize("changes", [
    {"layers": [5], "activation": "relu"}, {"scaling": "ranges"}, {"missing": "impute", "scaling": "ranges"},
    {"layers": [3], "batch": 16, "epochs": 3}, {"batch": 32, "epochs": 2, "algorithm": "fedprox", "mu": 0.3},
    {"layers": [3], "batch": 7, "algorithm": "fedadam", "server_learning_rate": 0.05},
    {"layers": [4], "batch": 25, "clip": 0.05}, {"batch": 10_000, "epochs": 2},
])  # fmt: skip
def test_one_institute_is_training_in_one_place(task: dict[str, Any], changes: dict[str, Any]) -> None:
    assert difference(task | changes, tables(names=["fes"])) <= 1e-9


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.lists(st.integers(1, 199), max_size=3, unique=True), st.sampled_from([1, 4, 9]))
def test_any_split_of_the_rows_gives_the_same_network(seed: int, cuts: list[int], floor: int) -> None:
    whole = random_table(seed, 200)
    edges = [0, *sorted(cuts), 200]
    parts = {f"i{n}": part(whole, a, b) for n, (a, b) in enumerate(pairwise(edges))}
    for task in (BINARY | FULL | SMALL, CROP | FULL | SMALL, YIELD | FULL | SMALL):
        try:
            assert difference(task, parts, floor=floor) <= 1e-9
            if floor == 1:
                one = run(task, {"fes": whole}, floor=1).result
                split = run(task, parts, floor=1).result
                np.testing.assert_allclose(weights(split), weights(one), rtol=1e-9, atol=1e-9)
        except BelowFloor as refused:
            sentence = str(refused)
        else:
            sentence = "."
        assert sentence.endswith(".")


def part(table: Table, first: int, last: int) -> Table:
    return make_table(table.codes["crop"][first:last].tolist(), *(
        table.numeric[name][first:last].tolist() for name in ("ph", "yield_", "ill")
    ), site=list(range(last - first)))  # fmt: skip


def test_averaging_by_hand() -> None:
    """Two institutes, one number, a linear model from 0: each takes two steps, and the mean is by rows."""
    data = {
        "fes": make_table([0] * 4, [7] * 4, [500, 500, 500, 500], [0] * 4, list(range(4))),
        "rabat": make_table([0] * 2, [7] * 2, [-250, -250], [0] * 2, list(range(2))),
    }
    asked = BASE | {"task": "regression", "response": "yield_", "predictors": ["ph"], "scaling": "ranges", "rounds": 1,
                    "epochs": 2, "batch": 0, "learning_rate": 0.5}  # fmt: skip
    # Scaled, ph is 0 everywhere and the yields are 0.5 and -0.25: the bias goes half of the way, twice.
    local = [0.5 * 0.75, -0.25 * 0.75]
    told = run(asked, data, floor=1).result
    assert told["layers"] == [{"weights": [[0.0]], "biases": [pytest.approx((4 * local[0] + 2 * local[1]) / 6)]}]
    assert told["history"] == [
        {"round": 1, "loss": pytest.approx((4 * 0.125 + 2 * 0.03125) / 6), "rows": 6, "clipped": 0}
    ]
    assert predict(told, {"ph": [7.0, 3.0]}) == pytest.approx([187.5, 187.5])


def test_fedadam_by_hand() -> None:
    data = {"fes": make_table([0] * 4, [7] * 4, [500] * 4, [0] * 4, list(range(4)))}
    asked = BASE | {"task": "regression", "response": "yield_", "predictors": ["ph"], "scaling": "ranges", "rounds": 1,
                    "batch": 0, "learning_rate": 0.5, "algorithm": "fedadam", "beta1": 0.9, "beta2": 0.99, "tau": 0.01,
                    "server_learning_rate": 0.1}  # fmt: skip
    first, second = 0.1 * 0.25, 0.99 * 0.01**2 + 0.01 * 0.25**2
    told = run(asked, data, floor=1).result
    assert told["layers"][0]["biases"] == [pytest.approx(0.1 * first / (np.sqrt(second) + 0.01))]


def test_the_proximal_term_keeps_institutes_near_the_start() -> None:
    data = tables()
    lengths = []
    for mu in (0.0, 1.0, 4.0):
        asked = BINARY | {"epochs": 20, "rounds": 1, "batch": 0, "learning_rate": 0.2}
        asked |= {"algorithm": "fedprox", "mu": mu} if mu else {}
        lengths.append(float(np.linalg.norm(weights(run(asked, data).result))))
    assert lengths[0] > 1.2 * lengths[1] > 1.2 * 1.2 * lengths[2] > 0


def test_training_learns_and_the_same_study_gives_the_same_bytes() -> None:
    asked = CROP | {"layers": [8], "rounds": 25, "batch": 16}
    told, again = run(asked, tables()), run(asked, tables())
    losses = [entry["loss"] for entry in told.result["history"]]
    assert losses[-1] < 0.75 * losses[0]
    assert [encode(Message("answer", "x", 1, total)) for total in told.totals] == [
        encode(Message("answer", "x", 1, total)) for total in again.totals
    ]
    other = run(asked | {"seed": 6}, tables())
    assert not np.allclose(weights(other.result), weights(told.result))
    assert json.loads(json.dumps(told.result, allow_nan=False)) == told.result


def test_the_survey_scales_as_all_rows_would() -> None:
    data = tables(missing=0.2)
    told = run(YIELD | {"missing": "impute", "rounds": 1}, data).result
    ph = np.concatenate([table.numeric["ph"] for table in data.values()])
    predictor = told["inputs"]["predictors"][0]
    assert predictor["centre"] == pytest.approx(np.nanmean(ph), rel=1e-12)
    assert predictor["scale"] == pytest.approx(np.nanstd(ph), rel=1e-9)


def test_predictions_are_those_of_the_trained_network() -> None:
    data = tables(names=["fes"], missing=0)
    told = run(CROP | {"layers": [8], "rounds": 40, "learning_rate": 0.5}, data).result
    columns = {name: data["fes"].numeric[name] for name in ("ph", "yield_")}
    shares = predict(told, columns)
    assert shares.shape == (150, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    codes = data["fes"].codes["crop"]
    loss = -np.log(shares[np.arange(150), codes]).mean()
    assert loss < told["history"][-1]["loss"] * 1.05
    assert (shares.argmax(axis=1) == codes).mean() > 0.55


def test_predictions_where_something_is_missing() -> None:
    rows = {"ph": [6.0, np.nan, 6.0], "crop": [0, 1, -1]}
    left_out = predict(run(BINARY | {"rounds": 2}, tables()).result, rows)
    assert np.isnan(left_out).tolist() == [[False, False], [True, True], [True, True]]
    replaced = predict(run(BINARY | {"rounds": 2, "missing": "impute"}, tables()).result, rows)
    assert np.isfinite(replaced).all()
    np.testing.assert_allclose(replaced.sum(axis=1), 1)
    with pytest.raises(KeyError):
        predict(run(BINARY | {"rounds": 2}, tables()).result, {"ph": [6.0]})


def test_a_binary_category_names_its_event() -> None:
    asked = BASE | {
        "task": "binary",
        "response": "crop",
        "positive": "wheat",
        "predictors": ["ph", "yield_"],
        "rounds": 25,
    }
    told = run(asked, tables(missing=0)).result
    assert told["response"]["classes"] == ["not wheat", "wheat"]
    assert difference(asked | FULL, tables()) <= 1e-9
    # Wheat yields less at the same pH.
    low, high = predict(told, {"ph": [6.5, 6.5], "yield_": [10.0, 24.0]})[:, 1]
    assert low > high + 0.2


def test_every_output_is_bounded_and_every_total_keeps_its_bounds() -> None:
    study = make_study("fedavg", YIELD | {"missing": "impute", "layers": [4]}, NAMES)
    for phase in study.contract:
        for output in phase["outputs"]:
            assert output["lower"] is not None
            assert output["dtype"] == "int64" or (output["upper"] is not None and output["per"] in ("rows", "present"))
    assert run(YIELD | {"missing": "impute", "layers": [4]}, tables()).rounds == 7


def test_a_change_is_clipped_and_counted() -> None:
    told = run(BINARY | {"clip": 0.01, "rounds": 3}, tables())
    assert [entry["clipped"] for entry in told.result["history"]] == [3, 3, 3]
    for total in told.totals[1:]:
        assert np.linalg.norm(total["update"] / total["rows"]) <= 0.01 * (1 + 1e-6)
    loose = run(BINARY | {"clip": 100.0, "rounds": 3}, tables()).result
    assert [entry["clipped"] for entry in loose["history"]] == [0, 0, 0]


def test_clipping_by_hand() -> None:
    shorter, clipped = clip(np.array([3.0, -4.0]), 1.0)
    assert (shorter.tolist(), clipped) == ([pytest.approx(0.6), pytest.approx(-0.8)], True)
    same, clipped = clip(np.array([3.0, -4.0]), 5.0)
    assert (same.tolist(), clipped) == ([3.0, -4.0], False)
    with pytest.raises(RunFailed, match="learning rate"):
        clip(np.array([np.nan]), 1.0)


def test_a_loss_counts_up_to_its_cap() -> None:
    data = {"fes": make_table([0] * 4, [7] * 4, [1000, -1000, 1000, -1000], [0] * 4, list(range(4)))}
    fold = Fold(make_study("fedavg", YIELD | {"predictors": ["ph"], "scaling": "ranges"}, ["fes"], floor=1), 1)
    state = fold.take(fold.recipe.local(data["fes"], fold.state(0), fold.plan))
    far = fold.recipe.local(data["fes"], replace(state, weights=np.array([0.0, 1e6])), fold.plan)
    assert far["loss"] == 4 * LOSS_CAP


def test_training_that_runs_away_ends_with_a_sentence() -> None:
    with pytest.raises(RunFailed, match="smaller learning rate"):
        run(YIELD | {"learning_rate": 1000.0, "epochs": 100, "layers": [8], "activation": "relu"}, tables())


def test_it_goes_on_without_an_institute_that_drops_out() -> None:
    recipe = find_recipe("fedavg")
    assert not recipe.same_institutes
    data = tables()
    fold = Fold(make_study("fedavg", BINARY, NAMES), 3)
    for number in range(7):
        here = NAMES if number < 3 else NAMES[:2]
        state = fold.state(number)
        released = [guard.release(fold.contract(number), recipe.local(data[n], state, fold.plan), 10) for n in here]
        fold.take(add_up(released))
    last = fold.state(7)
    assert last.done
    used = [entry.rows for entry in last.history]
    assert used[0] == used[1] > used[2] == used[5]


def test_the_guard_lets_no_row_of_a_small_class_or_level_through() -> None:
    crops, sites = [0] * 40 + [1] * 40 + [2] * 3, list(range(83))
    source = np.random.default_rng(1)
    table = make_table(crops, source.uniform(5, 8, 83).tolist(), source.normal(0, 5, 83).tolist(),
                       (np.arange(83) % 2).tolist(), sites)  # fmt: skip
    told = run(CROP | {"rounds": 2}, {"fes": table}).result
    # Three of wheat, and seven more, so that nobody can tell how many were left out.
    assert (told["rows"], told["unused"]) == (73, {"crop": {"barley": 0, "maize": 0, "wheat": 1}})
    told = run(BINARY | {"rounds": 2}, {"fes": table}).result
    assert (told["rows"], told["unused"]["crop"]) == (73, {"barley": 0, "maize": 0, "wheat": 1})
    assert told["layers"][0]["weights"][3] == [0.0]
    assert difference(CROP, {"fes": table}) <= 1e-9
    assert difference(BINARY, {"fes": table}) <= 1e-9


def test_an_absent_level_and_a_rare_one_look_the_same() -> None:
    source = np.random.default_rng(1)
    columns = (source.uniform(5, 8, 80), source.normal(0, 5, 80), np.arange(80) % 2)
    crops = np.array([0, 1] * 40)
    absent = make_table(crops.tolist(), *(c.tolist() for c in columns), site=list(range(80)))
    rare = make_table([*crops[:-2].tolist(), 2, 2], *(c.tolist() for c in columns), site=list(range(80)))
    flags = [run(BINARY | {"rounds": 1}, {"fes": t}).totals[0]["levels.crop.unused"].tolist() for t in (absent, rare)]
    assert flags == [[0, 0, 1], [0, 0, 1]]


def test_a_level_that_is_rare_with_a_class_is_left_out_whole() -> None:
    crops = [0] * 40 + [1] * 40
    ill = [0, 1] * 20 + [0] * 37 + [1] * 3
    table = make_table(crops, [6.0 + n / 80 for n in range(80)], [0.0] * 80, ill, list(range(80)))
    told = run(BINARY | {"rounds": 1}, {"fes": table}).result
    assert (told["rows"], told["unused"]["crop"]) == (40, {"barley": 0, "maize": 1, "wheat": 1})


def test_few_missing_values_are_not_told_by_their_indicator() -> None:
    ph = [6.0 + n / 80 for n in range(80)]
    ph[3] = ph[9] = float("nan")
    table = make_table([0, 1] * 40, ph, [float(n) for n in range(80)], [0, 1, 1, 0] * 20, list(range(80)))
    asked = YIELD | {"predictors": ["ph"], "missing": "impute", "rounds": 1}
    assert run(asked, {"fes": table}).result["rows"] == 70
    assert run(asked, {"fes": table}, floor=2).result["rows"] == 80


def test_repeated_rows_of_few_subjects_are_refused() -> None:
    with pytest.raises(BelowFloor, match="cannot take part"):
        run(BINARY, {"fes": random_table(1, 400, rows_per_site=80)})


def test_a_network_too_large_for_its_subjects_is_refused() -> None:
    wide = BINARY | {"predictors": ["ph"], "layers": [200, 30], "rounds": 1}
    data = {"fes": random_table(1, 60, missing=0)}
    with pytest.raises(BelowFloor, match="100 parameters for each subject"):
        run(wide, data)
    assert run(wide, data, floor=1).result["parameters"] == 6461
    assert run(wide | {"layers": [180, 30]}, data).result["rows"] == 60


def test_more_rows_than_the_study_says_are_refused() -> None:
    with pytest.raises(IncompatibleData, match="more rows"):
        run(BINARY, tables(), largest_rows=100)


def test_a_number_that_is_no_class_is_refused() -> None:
    table = make_table([0, 1] * 20, [6.0] * 40, [0.0] * 40, [0.5] * 40, list(range(40)))
    with pytest.raises(IncompatibleData, match="0 or 1"):
        run(BINARY, {"fes": table})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rounds": 0}, "rounds"),
        ({"predictors": []}, "predictors"),
        ({"predictors": ["ph", "ill"]}, "twice"),
        ({"mu": 0.1}, "fedprox"),
        ({"algorithm": "fedprox"}, "mu above 0"),
        ({"backend": "torch"}, "torch_version"),
        ({"torch_version": "2.13.0"}, "torch_version"),
        ({"clip": 0}, "clip"),
        ({"learning_rate": float("inf")}, "parameters"),
        ({"positive": "1"}, "must be a category"),
        ({"task": "multiclass"}, "must be category"),
        ({"task": "regression", "positive": "1"}, "positive"),
        ({"task": "regression", "response": "crop", "predictors": ["ph"]}, "must be numeric"),
        ({"response": "crop", "predictors": ["ph"]}, "positive"),
        ({"response": "yield_", "predictors": ["ph"]}, "0 to 1"),
        ({"model": "text"}, "must be text"),
        ({"model": "text", "layers": [3]}, "no hidden layers"),
        ({"layers": [1000, 1000]}, "200000 are allowed"),
        ({"layers": [0]}, "layers"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_bad_parameters_are_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadParameters, match=sentence) as refused:
        make_study("fedavg", BINARY | changes, NAMES)
    assert str(refused.value).endswith(".")


def test_a_number_without_an_agreed_range_is_refused() -> None:
    recipe = find_recipe("fedavg")
    variables = {
        "ph": AgreedVariable(name="ph", kind="numeric", lower=0),
        "crop": AgreedVariable(name="crop", kind="category", levels=("a", "b")),
        "ill": AgreedVariable(name="ill", kind="numeric", lower=0, upper=1),
    }
    with pytest.raises(BadParameters, match=r"'ph'.*declare its lower and upper"):
        recipe.contracts(recipe.parse(BINARY), variables)


def test_a_steward_reads_what_protects_and_what_does_not() -> None:
    study = make_study("fedavg", BINARY | {"layers": [8], "clip": 2.5}, NAMES)
    text = " ".join(disclosures_of(study, dict.fromkeys(NAMES, schema())))
    for said in (
        "a network of 49 numbers",
        "longer than 2.5",
        "no noise is added",
        "Number of values, sum",
        "100 parameters",
    ):
        assert said in text
    own = disclosures_of(study, {"fes": schema()})
    assert any("Only fes has data with crop = barley, maize, wheat" in sentence for sentence in own)


def test_results_and_bytes_after_each_round() -> None:
    study = make_study("fedavg", BINARY | {"layers": [4]}, NAMES)
    told = simulate(study, tables())
    steps = list(results_by_round(study, told))
    assert len(steps) == told.rounds == 7
    assert steps[-1] == (told.result, sum(told.bytes_out.values()))
    assert [result["rounds"] for result, _ in steps] == list(range(7))
    shorter = run(BINARY | {"layers": [4], "rounds": 3}, tables())
    assert steps[3][0]["layers"] == shorter.result["layers"]
    assert steps[3][1] == sum(shorter.bytes_out.values())
