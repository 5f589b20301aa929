"""The recipe ``boosting``: the trees of all rows in one place, under the same bins and the same floor."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jazari.studies import guard
from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.data.schema import agree_variables
from jazari.studies.data.table import Table, distinct_subjects
from jazari.studies.errors import BadParameters, BelowFloor, BrokenContract, RunFailed
from jazari.studies.pooled import max_relative_difference, pooled
from jazari.studies.recipes.boosting_layout import Layout
from jazari.studies.recipes.boosting_local import LocalRows, leave_out
from jazari.studies.recipes.boosting_model import predict
from jazari.studies.recipes.boosting_trees import Tree
from jazari.studies.rounds import Fold, add_up
from jazari.studies.simulate import simulate
from jazari.studies.tests.boosting_data import BINARY, MULTICLASS, NAMES, REGRESSION, TASKS, columns, run, tables
from jazari.studies.tests.builders import make_study, make_table, random_table
from jazari.studies.tests.test_heart_disease import (
    FOLDER,
    HOSPITALS,
    PREDICTORS,
    heart_schema,
    hospitals,
    prepared,
    with_outcome,
)

__all__ = ["hospitals"]
HEART_EDGES = {
    "age": [40, 45, 50, 55, 60, 65], "sex": [0.5], "trestbps": [110, 120, 130, 140, 150, 160],
    "chol": [1, 180, 210, 240, 270, 300], "fbs": [0.5], "thalach": [100, 115, 130, 145, 160, 175], "exang": [0.5],
    "oldpeak": [0.1, 0.6, 1.1, 1.6, 2.1, 3.1],
}  # fmt: skip


def difference(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> float:
    """Between federated and pooled, relative or (below 1) absolute, over all numbers of both results."""
    study = make_study("boosting", parameters, list(data), **{"max_rounds": 200, **changes})
    return max_relative_difference(simulate(study, data).result, pooled(study, data), {})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("floor", [1, 5, 10])
@pytest.mark.parametrize("rows_per_site", [1, 3])
def test_the_trees_of_all_rows_in_one_place(task: str, floor: int, rows_per_site: int) -> None:
    assert difference(TASKS[task], tables(rows_per_site=rows_per_site), floor=floor) <= 1e-9


_values = st.sampled_from([float("nan"), 0.0, 1.0, 4.0, 4.5, 5.0, 6.2, 7.7, 9.0, 13.0])
_row = st.tuples(st.integers(-1, 2), _values, _values, st.integers(0, 1), st.integers(0, 30))
_tables = st.lists(_row, min_size=5, max_size=60).map(lambda rows: make_table(*zip(*rows, strict=True)))
_shapes = st.fixed_dictionaries({
    "depth": st.integers(1, 3), "l2": st.sampled_from([0.0, 1.0]), "min_child_weight": st.sampled_from([0.1, 2.0]),
    "min_gain": st.sampled_from([0.0, 0.05]),
})  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_tables, _tables, st.integers(1, 4), st.sampled_from(sorted(TASKS)), _shapes)
def test_any_data_give_the_pooled_trees_or_a_clear_end(
    one: Table, other: Table, floor: int, task: str, shape: dict[str, Any]
) -> None:
    parameters = {**TASKS[task], "trees": 2, "bins": 5, **shape}
    try:
        told = difference(parameters, {"fes": one, "rabat": other}, floor=floor)
    except (BelowFloor, RunFailed) as refused:
        sentence, told = str(refused), 0.0
    else:
        sentence = "."
    assert sentence.endswith(".")
    assert told <= 1e-9


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(150)), st.lists(st.integers(1, 149), min_size=2, max_size=2, unique=True))
def test_any_division_of_the_rows_gives_the_same_trees(order: list[int], ends: list[int]) -> None:
    """Without a floor it does not matter which institute holds which row."""
    whole = random_table(7, 150)
    cuts = [0, *sorted(ends), 150]
    data = {name: _chosen(whole, order[low:high]) for name, (low, high) in zip(NAMES, pairwise(cuts), strict=True)}
    for parameters in TASKS.values():
        alone = run(parameters, {"fes": whole}, floor=1).result
        assert max_relative_difference(run(parameters, data, floor=1).result, alone, {}) <= 1e-9


def _chosen(table: Table, rows: list[int]) -> Table:
    numeric = {name: column[rows] for name, column in table.numeric.items()}
    codes = {name: column[rows] for name, column in table.codes.items()}
    return Table(table.schema, len(rows), np.arange(len(rows)), len(rows), numeric, codes)


def test_one_tree_by_hand() -> None:
    """Ten rows, one split: gains and leaves of equation 5 and 7 of Chen and Guestrin."""
    ill = [0.0] * 4 + [1.0] + [1.0] * 4 + [0.0]
    ph = [3.0] * 5 + [9.0] * 5
    table = make_table([0] * 10, ph, [0.0] * 10, ill, range(10))
    told = run({"response": "ill", "predictors": ["ph"], "task": "binary", "trees": 1, "depth": 1, "learning_rate": 1.0,
                "edges": {"ph": [7.0]}}, {"fes": table}, floor=1)  # fmt: skip
    ((tree,),) = told.result["trees"]
    # p = 1/2, so g is 4 * 0.5 - 0.5 on the left and its opposite on the right; h is 5 / 4 on each side.
    assert tree[0]["gain"] == pytest.approx(2 * 1.5**2 / 2.25)
    assert [node["value"] for node in tree[1:]] == pytest.approx([-1.5 / 2.25, 1.5 / 2.25])
    assert tree[0] | {"gain": 0} == {
        "feature": "ph", "threshold": 7.0, "level": None, "missing": "left", "left": 1, "right": 2, "gain": 0,
        "rows": 10, "weight": pytest.approx(2.5), "left_out": 0,
    }  # fmt: skip
    share = 1 / (1 + np.exp(1.5 / 2.25))
    after = -(4 * np.log(1 - share) + np.log(share)) / 5
    assert told.result["training_loss"] == pytest.approx([np.log(2), after])
    assert told.rounds == 3


def test_missing_values_go_where_they_gain_most() -> None:
    nan = float("nan")
    ph = [3.0] * 20 + [9.0] * 20 + [nan] * 20
    table = make_table([0] * 60, ph, [0.0] * 60, [0.0] * 20 + [1.0] * 40, range(60))
    model = {"response": "ill", "predictors": ["ph"], "task": "binary", "trees": 1, "depth": 1}
    result = run(model, {"fes": table}).result
    assert result["trees"][0][0][0]["missing"] == "right"
    low, high, lost = predict(result, {"ph": np.array([3.0, 9.0, nan])})
    assert low < 0.5 < high == lost


@pytest.mark.parametrize("task", TASKS)
def test_the_training_loss_falls_and_is_that_of_the_model(task: str) -> None:
    data = tables()
    result = run(TASKS[task], data, floor=1).result
    told = result["training_loss"]
    assert len(told) == TASKS[task]["trees"] + 1
    assert all(before > after for before, after in pairwise(told))
    all_rows = columns(data)
    answer, predicted = all_rows[TASKS[task]["response"]], predict(result, all_rows)
    known = ~np.isnan(answer)
    if task == "regression":
        expected = ((predicted - answer)[known] ** 2).mean()
    elif task == "binary":
        expected = -np.log(np.where(answer == 1, predicted, 1 - predicted)).mean()
    else:
        assert predicted.sum(axis=1) == pytest.approx(np.ones(known.size))
        expected = -np.log(predicted[known, answer[known].astype(int)]).mean()
    assert told[-1] == pytest.approx(expected, rel=1e-9)


def test_a_level_that_is_no_level_is_missing() -> None:
    result = run(REGRESSION, tables()).result
    odd = predict(result, {"ph": np.full(3, 6.5), "crop": np.array([np.nan, -1.0, 3.0])})
    assert odd[0] == odd[1] == odd[2]


def test_a_response_without_signal_stops_early() -> None:
    table = make_table([0, 1] * 40, [6.0] * 80, [0.0] * 80, [0.0, 0.0, 1.0, 1.0] * 20, range(80))
    told = run({**BINARY, "predictors": ["ph", "crop"], "edges": {}}, {"fes": table})
    assert told.result["stopped"] == "no split gains enough"
    assert told.result["trees"] == []
    assert predict(told.result, columns({"fes": table})) == pytest.approx(np.full(80, 0.5))


# --- the floor -------------------------------------------------------------------------------------------------


def followed(parameters: dict[str, Any], table: Table, floor: int) -> tuple[LocalRows, list[Tree]]:
    """An institute's rows, and every tree of a study over it alone."""
    study = make_study("boosting", parameters, ["fes"], floor=floor, max_rounds=200)
    fold = Fold(study, 1)
    while not fold.state(fold.known).done:
        state = fold.state(fold.known)
        sums = fold.recipe.local(table, state, fold.plan)
        fold.take(guard.release(fold.contract(fold.known), sums, floor))
        if fold.state(fold.known).failure:
            raise RunFailed(fold.state(fold.known).failure)
    trees = [tree for trees in fold.state(fold.known).trees for tree in trees]
    return LocalRows(Layout(fold.plan), table), trees


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(60, 160), st.integers(3, 12), st.sampled_from([1, 2]))
def test_nothing_small_follows_by_subtraction_within_a_tree(seed: int, rows: int, floor: int, per_site: int) -> None:
    """A node's bin with few subjects is no linear combination of what is told, whatever the data.

    The unknowns are the rows in each bin of each part that the tree divides the rows into: leaves and dropped rows.
    Told are every node's total, its bins unless left out, and whether any row was dropped.
    """
    table = random_table(seed, rows, rows_per_site=per_site)
    try:
        local, trees = followed(BINARY | {"trees": 1, "depth": 3, "bins": 14}, table, floor)
    except (BelowFloor, RunFailed):
        return
    for tree in trees:
        for feature in range(len(local.layout.features)):
            _check_no_small_cell(local, tree, feature, floor)


def _check_no_small_cell(local: LocalRows, tree: Tree, feature: int, floor: int) -> None:
    _, closed = local.follow(tree)
    members = _members(local, tree, closed)
    lost = {i: members[i] & ~members[node.split.left] & ~members[node.split.right]
            for i, node in enumerate(tree) if node.split is not None}  # fmt: skip
    parts = [i for i, node in enumerate(tree) if node.split is None]
    dropped = {i: len(parts) + k for k, i in enumerate(i for i, rows in lost.items() if rows.any())}
    shape = (len(parts) + len(dropped), local.layout.features[feature].bins + 1)
    below = {i: _below(tree, i, parts, dropped) for i in range(len(tree))}
    told = []
    for index, node in enumerate(tree):
        if node.depth < 3:
            told += [_functional(below[index], [cell], shape) for cell in np.flatnonzero(~closed[index][feature])]
        told.append(_functional(below[index], range(shape[1]), shape))
    groups = [(below[i], members[i]) for i in range(len(tree))] + [([k], lost[i]) for i, k in dropped.items()]
    matrix = np.array(told)
    rank = np.linalg.matrix_rank(matrix)
    for part, rows in groups:
        assert not 0 < np.unique(local.subject[rows]).size < floor
        subjects = distinct_subjects(np.where(rows, local.cells[feature], -1), local.subject, shape[1])
        for cell in np.flatnonzero((subjects > 0) & (subjects < floor)):
            more = np.vstack([matrix, _functional(part, [cell], shape)])
            assert np.linalg.matrix_rank(more) > rank


def _members(local: LocalRows, tree: Tree, closed: dict[int, Any]) -> list[Any]:
    """For each node, which rows are in it, by walking down from the root."""
    members = [np.zeros(local.subject.size, dtype=bool) for _ in tree]
    members[0][:] = True
    for index, node in enumerate(tree):
        if node.split is not None:
            cells = local.cells[node.split.feature]
            kept = members[index] & ~closed[index][node.split.feature][cells]
            right = local.layout.features[node.split.feature].goes_right(
                node.split.cut, missing=node.split.missing_right
            )[cells]
            members[node.split.left], members[node.split.right] = kept & ~right, kept & right
    return members


def _below(tree: Tree, index: int, parts: list[int], dropped: dict[int, int]) -> list[int]:
    split = tree[index].split
    if split is None:
        return [parts.index(index)]
    own = [dropped[index]] if index in dropped else []
    return [*own, *_below(tree, split.left, parts, dropped), *_below(tree, split.right, parts, dropped)]


def _functional(part: list[int], cells: Any, shape: tuple[int, int]) -> Any:
    made = np.zeros(shape)
    made[np.ix_(part, list(cells))] = 1
    return made.ravel()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 25)), min_size=1, max_size=120),
    st.integers(2, 8),
)
def test_what_is_left_out_stands_for_enough_subjects(rows: list[tuple[int, int, int]], floor: int) -> None:
    side, cell, subject = (np.array(column) for column in zip(*rows, strict=True))
    before = np.zeros(6, dtype=bool)
    before[0] = True
    closed = leave_out(side, cell, subject, before, floor)
    assert closed[0]
    for one in range(3):
        mine = side == one
        if np.unique(subject[mine]).size < floor:
            continue
        behind = np.unique(subject[mine & closed[cell]]).size
        assert behind == 0 or behind >= floor
        for place in np.flatnonzero(~closed):
            told = np.unique(subject[mine & (cell == place)]).size
            assert told == 0 or told >= floor


def test_every_leaf_has_the_floor_behind_it_at_each_institute() -> None:
    for seed in range(5):
        local, trees = followed(BINARY | {"trees": 2, "depth": 2}, random_table(seed, 200), 12)
        for tree in trees:
            end, _ = local.follow(tree)
            leaves = [i for i, node in enumerate(tree) if node.split is None]
            for leaf in leaves:
                assert np.unique(local.subject[end == leaf]).size >= 12
                assert tree[leaf].rows == (end == leaf).sum()


def test_left_out_rows_are_counted_by_institutes_in_the_result() -> None:
    result = run(BINARY | {"bins": 64}, tables(), floor=10).result
    counted = [node["left_out"] for trees in result["trees"] for tree in trees for node in tree if "feature" in node]
    assert max(counted) == 3
    open_ = run(BINARY | {"bins": 64}, tables(), floor=1).result
    assert all(node.get("left_out", 0) == 0 for trees in open_["trees"] for tree in trees for node in tree)


def test_a_rare_class_refuses_the_institute() -> None:
    rare = make_table([0] * 60, [6.0] * 60, [0.0] * 60, [1.0] * 9 + [0.0] * 51, range(60))
    with pytest.raises(BelowFloor, match="outcome"):
        run(BINARY, {"fes": rare}, floor=10)


def test_too_few_subjects_refuse_the_institute() -> None:
    with pytest.raises(BelowFloor, match="floor of 10"):
        run(REGRESSION, {"fes": random_table(0, 9)}, floor=10)
    with pytest.raises(BelowFloor, match="less depth"):
        run(REGRESSION | {"depth": 5}, {"fes": random_table(0, 90)}, floor=10)


def test_more_leaves_than_a_third_of_the_subjects_end_the_run_before_a_tree() -> None:
    with pytest.raises(RunFailed, match="fewer trees"):
        run(REGRESSION | {"trees": 26}, tables(), floor=10)
    assert run(REGRESSION | {"trees": 25}, tables(), floor=10).result["trees"]


def test_a_small_group_without_a_response_cannot_be_counted() -> None:
    yields = [float("nan")] * 3 + [float(n % 40) for n in range(97)]
    table = make_table([0, 1] * 50, [6.0] * 50 + [7.5] * 50, yields, [0.0] * 100, range(100))
    assert run(REGRESSION, {"fes": table}, floor=10).result["rows"] == 90
    assert difference(REGRESSION, {"fes": table}, floor=10) <= 1e-9


# --- contract and guard ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_every_number_has_bounds_that_hold_and_are_counted_by_rows(task: str) -> None:
    data, study = tables(), make_study("boosting", TASKS[task], NAMES, max_rounds=200)
    fold = Fold(study, 3)
    phases = set()
    while not fold.state(fold.known).done:
        state, contract = fold.state(fold.known), fold.contract(fold.known)
        phases.add(contract.phase)
        for output in contract.outputs:
            if output.dtype == "float64":
                assert output.per is not None
                assert np.isfinite([output.lower, output.upper]).all()
        told = [guard.release(contract, fold.recipe.local(data[n], state, fold.plan), study.floor) for n in NAMES]
        contract.check(add_up(told), 3)
        fold.take(add_up(told))
    assert phases == {"base", "root", "level", "loss"}
    assert phases == {phase["phase"] for phase in study.contract}


def test_bounds_are_nearly_reached() -> None:
    """The gradient of a regression cannot leave what the leaves allow, and comes near it."""
    far = make_table([0] * 40, [3.0] * 20 + [9.0] * 20, [-1000.0] * 20 + [1000.0] * 20, [0.0] * 40, range(40))
    fold = Fold(make_study("boosting", REGRESSION | {"learning_rate": 1.0}, ["fes"], floor=1), 1)
    fold.take(fold.recipe.local(far, fold.state(0), fold.plan))
    contract = fold.contract(1)
    bound = next(output for output in contract.outputs if output.name == "ph.gradient")
    sums = guard.release(contract, fold.recipe.local(far, fold.state(1), fold.plan), 1)
    assert np.abs(sums["ph.gradient"]).max() / 20 == pytest.approx(0.5)
    assert (bound.lower, bound.upper) == (-0.5, 0.5)


def test_the_guard_refuses_a_small_cell_and_a_made_up_sum() -> None:
    data = tables()
    fold = Fold(make_study("boosting", BINARY, NAMES), 3)
    fold.take(add_up([fold.recipe.local(t, fold.state(0), fold.plan) for t in data.values()]))
    sums = fold.recipe.local(data["fes"], fold.state(1), fold.plan)
    guard.release(fold.contract(1), sums, 10)
    small = {**sums, "ph.subjects": np.where(sums["ph.subjects"] > 0, 3, 0)}
    with pytest.raises(BelowFloor):
        guard.release(fold.contract(1), small, 10)
    large = {**sums, "ph.gradient": sums["ph.gradient"] + 1000.0 * (sums["ph.rows"] > 0)}
    with pytest.raises(BrokenContract, match="bound"):
        guard.release(fold.contract(1), large, 10)


# --- parameters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"response": "ph"}, "twice"),
        ({"response": "crop", "predictors": ["ph"], "edges": {}}, "`positive`"),
        ({"task": "multiclass"}, "category"),
        ({"task": "regression", "positive": "wheat"}, "positive"),
        ({"response": "yield_", "predictors": ["ph"], "edges": {}}, "0 to 1"),
        ({"edges": {"crop": [0.5]}}, "no edges"),
        ({"edges": {"ph": [5.0, 5.0]}}, "increase"),
        ({"edges": {"ph": [6.0, 6.0 + 1e-9]}}, "float32"),
        ({"edges": {"height": [5.0]}}, "not a predictor"),
        ({"trees": 900}, "fewer trees"),
        ({"depth": 7}, "depth"),
    ],
)
def test_bad_parameters_are_refused_with_a_sentence(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadParameters, match=problem) as refused:
        run({**BINARY, **changes}, tables(50))
    assert str(refused.value).endswith(".")


def test_a_number_without_a_range_needs_edges() -> None:
    found = make_study("boosting", BINARY, NAMES)
    variables = tuple(
        v.model_copy(update={"lower": None, "upper": None}) if v.name in ("ph", "yield_") else v
        for v in found.variables
    )
    with pytest.raises(BadParameters, match=r"'ph' has no range.*declare its lower and upper"):
        Fold(found.model_copy(update={"variables": variables}), 3)
    edges = found.parameters["edges"] | {"ph": [5, 6, 7, 8]}
    given_edges = found.model_copy(update={"variables": variables, "parameters": {**found.parameters, "edges": edges}})
    assert Fold(given_edges, 3).known == 0
    regression = make_study("boosting", REGRESSION | {"predictors": ["crop"]}, NAMES)
    with pytest.raises(BadParameters, match="'yield_' has no range"):
        Fold(regression.model_copy(update={"variables": tuple(
            v.model_copy(update={"lower": None}) for v in regression.variables)}), 3)  # fmt: skip


def test_a_class_without_rows_is_a_clear_end() -> None:
    table = make_table([0, 1] * 40, [6.0, 7.0] * 40, [15.0] * 80, [0.0] * 80, range(80))
    for parameters in (BINARY, MULTICLASS):
        with pytest.raises(RunFailed, match="no row at any institute"):
            run(parameters, {"fes": table}, floor=1)


def test_a_steward_reads_what_leaves() -> None:
    study = make_study("boosting", BINARY, NAMES)
    fold = Fold(study, 3)
    told = fold.recipe.disclosures(fold.plan, {name: random_table(0).schema for name in NAMES})
    assert "6 rounds" in told[1]
    assert "32 bins of ph, crop, yield_" in told[1]
    assert all(sentence.endswith(".") for sentence in told)


# --- four real hospitals ---------------------------------------------------------------------------------------


def heart_study(floor: int, names: tuple[str, ...] = HOSPITALS) -> StudyText:
    schemas = dict.fromkeys(names, with_outcome(heart_schema()))
    values = {
        "title": "Heart disease", "purpose": "To compare with the pooled trees.", "proposer": names[0],
        "recipe": "boosting", "recipe_digest": recipe_digest("boosting"),
        "parameters": {"task": "binary", "response": "sick", "predictors": PREDICTORS, "edges": HEART_EDGES,
                       "trees": 8, "depth": 3},
        "variables": agree_variables(schemas, [*PREDICTORS, "sick"]),
        "datasets": {n: f"{n}/dataset/heart@1" for n in names}, "floor": floor, "max_rounds": 100,
        "expires": "2100-01-01T00:00:00Z",
    }  # fmt: skip
    return StudyText(**values)  # type: ignore[arg-type]


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is absent")
def test_four_hospitals_give_the_pooled_trees_and_predict_rows_that_they_have_not_seen(
    hospitals: dict[str, Table],
) -> None:
    tables_ = {name: prepared(table) for name, table in hospitals.items()}
    halves = [{n: _chosen(t, [*range(start, t.rows, 2)]) for n, t in tables_.items()} for start in (0, 1)]
    for floor, names, least in ((1, HOSPITALS, 0.78), (10, ("cleveland", "hungarian", "va"), 0.75)):
        study = heart_study(floor, names)
        chosen = {name: halves[0][name] for name in names}
        result = simulate(study, chosen).result
        assert max_relative_difference(result, pooled(study, chosen), {}) <= 1e-9
        assert _accuracy(result, halves[1]) >= least


def _accuracy(result: dict[str, Any], data: dict[str, Table]) -> float:
    def column(name: str) -> Any:
        parts = [t.codes[name] if name in t.codes else t.numeric[name] for t in data.values()]
        return np.concatenate(parts).astype(float)

    answer = column("sick")
    predicted = predict(result, {name: column(name) for name in PREDICTORS})
    return float(((predicted > 0.5) == (answer == 1)).mean())
