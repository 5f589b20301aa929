"""The recipe ``cox``: equal to the partial likelihood of all rows on the same grid, and silent about small groups."""

from __future__ import annotations

import itertools
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import optimize

from jazari.core import clock
from jazari.studies import guard
from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.data.schema import agree_variables, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.errors import BadParameters, BelowFloor, BrokenContract, IncompatibleData, RunFailed
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.recipes.cox_design import CoxDesign
from jazari.studies.recipes.cox_grid import block_of_interval, blocks_of, halvings, interval_of
from jazari.studies.recipes.cox_local import CoxRows
from jazari.studies.recipes.registry import find_recipe
from jazari.studies.rounds import Fold, add_up
from jazari.studies.simulate import Simulated, simulate

NAMES = ("fes", "rabat", "taza")
GRID = [0, 50, 100, 150, 200, 300, 400, 600, 800]
COX: dict[str, Any] = {"duration": "days", "event": "dead", "predictors": ["age", "ward"], "grid": GRID}
STAGES = ("early", "middle", "late")
SCHEMA = parse_schema({
    "subject": ["patient"],
    "variables": [
        {"name": "patient", "kind": "identifier"},
        {"name": "ward", "kind": "category", "levels": list(STAGES)},
        {"name": "age", "kind": "numeric", "unit": "years", "lower": 0, "upper": 110},
        {"name": "days", "kind": "numeric", "unit": "days", "lower": 0, "upper": 5000},
        {"name": "dead", "kind": "numeric", "lower": 0, "upper": 1},
        {"name": "treated", "kind": "numeric", "lower": 0, "upper": 1},
        {"name": "status", "kind": "category", "levels": ["alive", "died"]},
        {"name": "weight", "kind": "numeric"},
        {"name": "delay", "kind": "numeric"},
    ],
})  # fmt: skip


def patients(seed: int, rows: int = 300, visits: int = 1, missing: float = 0.05) -> Table:
    """Exponential survival with log hazard ratios 0.03 a year, -0.5 treated, 0.6 late; all follows from ``seed``."""
    source = np.random.default_rng(seed)
    age, ward = source.normal(60, 12, rows).clip(1, 109).round(1), source.integers(0, 3, rows)
    treated = source.integers(0, 2, rows).astype(float)
    rate = 0.003 * np.exp(0.03 * (age - 60) - 0.5 * treated + 0.6 * (ward == 2))
    time, end = source.exponential(1 / rate), source.exponential(400, rows)
    dead = (time <= end).astype(float)
    age[source.random(rows) < missing] = np.nan
    return table_of(np.minimum(time, end), dead, age, ward, treated, np.arange(rows) // visits)


def table_of(days: Any, dead: Any, age: Any, ward: Any, treated: Any = None, patient: Any = None) -> Table:
    rows = len(days)
    patient = np.arange(rows) if patient is None else patient
    numeric = {"days": days, "dead": dead, "age": age, "treated": np.zeros(rows) if treated is None else treated,
               "weight": age, "delay": days}  # fmt: skip
    codes = {"ward": np.asarray(ward, dtype=np.int64), "status": np.asarray(dead, dtype=np.int64)}
    return Table(SCHEMA, rows, np.asarray(patient, dtype=np.int64), int(max(patient)) + 1,
                 {name: np.array(column, dtype=float) for name, column in numeric.items()}, codes)  # fmt: skip


def study_of(parameters: dict[str, Any], names: Any = NAMES, **changes: Any) -> StudyText:
    recipe = find_recipe("cox")
    parsed = recipe.parse(parameters)
    variables = agree_variables(dict.fromkeys(names, SCHEMA), recipe.variables(parsed))
    contracts = recipe.contracts(parsed, {v.name: v for v in variables})
    values: dict[str, Any] = {
        "title": "Survival", "purpose": "To test.", "proposer": "fes", "recipe": "cox", "parameters": parameters,
        "recipe_digest": recipe_digest("cox"), "variables": variables,
        "minimum_institutes": min(len(names), 3), "secure_aggregation": len(names) >= 3,
        "datasets": {name: f"{name}/dataset/patients@1" for name in names},
        "expires": clock.timestamp(clock.now() + timedelta(days=30)), "largest_rows": 100_000,
        "contract": [contract.model_dump(mode="json") for contract in contracts],
    }  # fmt: skip
    return StudyText(**values | changes)


def tables(rows: int = 300, **changes: Any) -> dict[str, Table]:
    return {name: patients(seed, rows, **changes) for seed, name in enumerate(NAMES)}


def run(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> Simulated:
    return simulate(study_of(parameters, list(data), **changes), data)


def difference(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> float:
    study = study_of(parameters, list(data), **changes)
    return max_relative_difference(simulate(study, data).result, pooled(study, data), declared_scales(study))


def joined(data: dict[str, Table], name: str) -> Any:
    return np.concatenate([table.numeric[name] for table in data.values()])


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("ridge", [0.0, 5.0])
@pytest.mark.parametrize("floor", [1, 10])
def test_the_pooled_result(ties: str, ridge: float, floor: int) -> None:
    parameters = COX | {"ties": ties, "ridge": ridge, "predictors": ["age", "ward", "treated"]}
    assert difference(parameters, tables(visits=2), floor=floor) <= 1e-9


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(60, 200)), min_size=1, max_size=3),
    st.integers(1, 8),
    st.sampled_from(["breslow", "efron"]),
    st.sampled_from([["age", "ward"], ["ward", "treated"], ["age"]]),
)
def test_any_split_gives_the_pooled_result_or_a_clear_end(
    parts: list[tuple[int, int]], floor: int, ties: str, predictors: list[str]
) -> None:
    data = {name: patients(seed, rows) for name, (seed, rows) in zip(NAMES, parts, strict=False)}
    try:
        assert difference(COX | {"ties": ties, "predictors": predictors}, data, floor=floor) <= 1e-9
    except (BelowFloor, RunFailed) as refused:
        sentence = str(refused)
    else:
        sentence = "."
    assert sentence.endswith(".")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 2), min_size=150, max_size=150))
def test_without_a_floor_the_division_of_rows_does_not_matter(seed: int, owner: list[int]) -> None:
    whole = patients(seed, 150, missing=0)
    parts = {name: rows_of(whole, np.array(owner) == place) for place, name in enumerate(NAMES)}
    parts = {name: part for name, part in parts.items() if part.rows}
    try:
        alone = run(COX, {"fes": whole}, floor=1).result
    except RunFailed:
        return
    try:
        together = run(COX, parts, floor=1).result
    except BelowFloor:  # an institute without rows that can be used
        return
    assert max_relative_difference(together, alone, {}) <= 1e-9


def rows_of(table: Table, chosen: Any) -> Table:
    if not chosen.any():
        return Table(table.schema, 0, np.zeros(0, dtype=np.int64), 0)
    return table_of(*(table.numeric[name][chosen] for name in ("days", "dead", "age")), table.codes["ward"][chosen],
                    table.numeric["treated"][chosen])  # fmt: skip


def test_the_simulated_coefficients_are_found() -> None:
    data = tables(4000, missing=0)
    grid = [float(edge) for edge in np.linspace(0, 2000, 401)]
    fit = run(COX | {"grid": grid, "predictors": ["age", "ward", "treated"]}, data, floor=1).result
    for entry in fit["coefficients"]:
        truth = {"age": 0.03, "ward=middle": 0.0, "ward=late": 0.6, "treated": -0.5}[entry["term"]]
        assert abs(entry["estimate"] - truth) < 4 * entry["standard_error"]
        assert entry["standard_error"] < 0.04
        assert entry["hazard_ratio"] == pytest.approx(np.exp(entry["estimate"]))
    assert fit["log_likelihood"] > fit["null_log_likelihood"]


def test_untied_times_give_the_maximum_of_cox_partial_likelihood() -> None:
    """One edge just above each time: no ties, so that both ways to treat them are Cox's own likelihood."""
    table = patients(5, 80, missing=0)
    days, dead, age = (table.numeric[name] for name in ("days", "dead", "age"))
    grid = [0.0, *(float(edge) for edge in np.sort(days))]

    def loss(beta: float) -> float:
        hazard = np.exp(beta * (age - 60))
        return -sum(beta * (age[i] - 60) - np.log(hazard[days >= days[i]].sum()) for i in np.flatnonzero(dead))

    best = optimize.minimize_scalar(loss, bounds=(-1, 1), method="bounded", options={"xatol": 1e-11})
    for ties in ("breslow", "efron"):
        fit = run(COX | {"grid": grid, "predictors": ["age"], "ties": ties}, {"fes": table}, floor=1).result
        assert fit["coefficients"][0]["estimate"] == pytest.approx(best.x, abs=1e-7)
        assert fit["log_likelihood"] == pytest.approx(-best.fun, rel=1e-12)


def test_the_baseline_is_that_of_nelson_and_aalen_without_an_effect() -> None:
    """Events over those at risk, in a table small enough to count; a strong ridge keeps coefficients at 0."""
    days = [5, 10, 10, 15, 20, 20, 25, 30, 35, 40]
    dead = [1, 1, 0, 1, 1, 0, 0, 1, 0, 1]
    table = table_of(np.array(days), np.array(dead), np.arange(10) + 40.0, np.zeros(10))
    parameters = {"grid": [0, 10, 20, 30], "predictors": ["age"], "ridge": 1e12, "ties": "breslow"}
    told = run(COX | parameters, {"fes": table}, floor=1).result["intervals"]
    assert [(i["from"], i["to"], i["at_risk"], i["events"], i["censored"]) for i in told] == [
        (0, 10, 10, 2, 1), (10, 20, 7, 2, 1), (20, 30, 4, 1, 3),
    ]  # fmt: skip
    assert [i["cumulative_hazard"] for i in told] == pytest.approx([0.2, 0.2 + 2 / 7, 0.2 + 2 / 7 + 0.25], rel=1e-6)


def test_durations_count_for_the_interval_that_they_end() -> None:
    index, within = interval_of(np.array([0.0, 1, 10, 10.5, 30, 31, np.nan]), np.array([0.0, 10, 20, 30]))
    assert index.tolist() == [0, 0, 0, 1, 2, 2, -1]
    assert within.tolist() == [True, True, True, True, True, False, False]


def test_a_category_can_be_the_event() -> None:
    data = tables()
    by_name = COX | {"event": "status", "positive": "died"}
    assert run(by_name, data).result == run(COX, data).result
    assert difference(by_name, data) <= 1e-9
    for changes in ({"positive": None}, {"positive": "x"}, {"event": "dead"}):
        with pytest.raises(BadParameters):
            study_of(by_name | changes)


# The grid that all institutes agree on


@pytest.mark.parametrize("intervals", [1, 2, 3, 7, 8, 500])
def test_halvings_are_a_tree_of_all_intervals(intervals: int) -> None:
    tree = halvings(intervals)
    assert len(tree) == intervals - 1
    assert max((halving.depth for halving in tree), default=0) <= 8
    fine = blocks_of(intervals, np.zeros(intervals - 1, dtype=np.int64))
    assert [(block.low, block.high) for block in fine] == [(k, k + 1) for k in range(intervals)]
    whole = blocks_of(intervals, np.ones(intervals - 1, dtype=np.int64))
    assert [(block.low, block.high) for block in whole] == [(0, intervals)]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_blocks_cover_the_grid_in_order(refused: list[int]) -> None:
    intervals = len(refused) + 1
    blocks = blocks_of(intervals, np.array(refused))
    assert blocks[0].low == 0
    assert blocks[-1].high == intervals
    assert all(one.high == other.low for one, other in itertools.pairwise(blocks))
    assert (np.diff(block_of_interval(intervals, blocks)) >= 0).all()
    assert all((block.refused > 0) == (block.high - block.low > 1) for block in blocks)


def test_one_institute_with_few_events_makes_longer_intervals_for_all() -> None:
    data, parameters = tables(2000, missing=0), COX | {"grid": [0, 50, 100, 150, 200]}
    fine = run(parameters, data).result
    coarse = run(parameters, data | {"taza": patients(9, 120, missing=0)}).result
    assert [interval["kept_whole_by"] for interval in fine["intervals"]] == [0] * 4
    assert len(coarse["intervals"]) < 4
    assert [interval["kept_whole_by"] for interval in coarse["intervals"]] == [1] * len(coarse["intervals"])
    assert coarse["intervals"][-1]["to"] == 200
    # All rows of the larger institutes are still in the model.
    assert coarse["rows"] == 4120


# What must not leave


def test_a_refusal_does_not_say_which_half_is_too_small() -> None:
    """Three leave in the first of eight intervals, or in the second; nothing else differs."""
    flags = []
    for days in (25.0, 75.0):
        table = patients(1, 400, missing=0)
        order = np.argsort(table.numeric["days"])
        table.numeric["days"][order[:3]] = days
        table.numeric["days"][order[3:200]] = 125.0 - days
        fold = Fold(study_of(COX, ["fes"]), 1)
        flags.append(fold.recipe.local(table, fold.state(0), fold.plan)["refused"].tolist())
    assert flags[0] == flags[1]
    below = [index for index, halving in enumerate(halvings(8)) if halving.high <= 2]
    assert [flags[0][index] for index in below] == [1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(40, 400), st.integers(2, 12), st.sampled_from(["breslow", "efron"]),
       st.sampled_from([["age", "ward"], ["ward", "treated"], ["age", "treated"]]))  # fmt: skip
def test_no_difference_of_risk_sets_is_small(
    seed: int, rows: int, floor: int, ties: str, predictors: list[str]
) -> None:
    """The attack: subtract each interval's sums from those of the one before. Counted here from the rows alone."""
    table = patients(seed, rows)
    fold = Fold(study_of(COX | {"ties": ties, "predictors": predictors}, ["fes"], floor=floor), 1)
    try:
        fold.take(guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), floor))
    except BelowFloor:
        return
    moments = guard.release(fold.contract(1), fold.recipe.local(table, fold.state(1), fold.plan), floor)
    local = CoxRows(CoxDesign(fold.plan), table)
    used = local.choose().used
    ends = block_of_interval(8, fold.state(1).blocks)[local.interval[used]]
    dead, ward, treated = local.event[used], table.codes["ward"][used], table.numeric["treated"][used]
    at_risk = [int((ends >= block).sum()) for block in range(9)]
    left = -np.diff(at_risk)
    assert left.tolist() == moments["leaving"].sum(axis=1).tolist()
    apart = dead if ties == "efron" else np.zeros_like(dead)
    groups = [ends * 2 + dead]
    groups += [(ends * 2 + apart) * 3 + ward] if "ward" in predictors else []
    groups += [(ends * 2 + apart) * 2 + treated.astype(int)] if "treated" in predictors else []
    if predictors == ["ward", "treated"]:
        groups.append(((ends * 2 + apart) * 3 + ward) * 2 + treated.astype(int))
    for group in groups:
        sizes = np.bincount(group)
        assert sizes[sizes > 0].min() >= floor
    state = fold.take(moments)
    if state.phase == "newton" and not state.failure:
        newton = guard.release(fold.contract(2), fold.recipe.local(table, state, fold.plan), floor)
        assert newton["cells"].sum(axis=1).tolist() == left.tolist()


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_a_grid_that_tells_small_groups_apart_is_refused_twice(ties: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Totals that were made up say that nobody refuses to halve: the recipe stops, and without it the guard does."""
    table = patients(1, 150)
    fold = Fold(study_of(COX | {"ties": ties}, ["fes"]), 1)
    honest = guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), 10)
    assert honest["refused"].any()
    fold.take(honest | {"refused": np.zeros_like(honest["refused"])})
    with pytest.raises(BelowFloor, match="tell the board"):
        fold.recipe.local(table, fold.state(1), fold.plan)
    monkeypatch.setattr(CoxRows, "small", lambda _local, _used, _part, parts: np.zeros(parts, dtype=np.bool_))
    for number, name in ((1, "leaving.subjects"), (2, "cells.subjects")):
        sums = fold.recipe.local(table, fold.state(number), fold.plan)
        assert 0 < sums[name][sums[name] > 0].min() < 10
        with pytest.raises(BelowFloor, match=r"leaving|cells|hazards|smallest_cell"):
            guard.release(fold.contract(number), sums, 10)
        enough = {name: np.where(sums[name] > 0, 10, 0)}
        with pytest.raises(BelowFloor, match="smallest_cell"):  # levels within the groups
            guard.release(fold.contract(number), sums | enough, 10)
        fold.take({output: sums[output] for output in fold.contract(number).names()})


def test_the_guard_refuses_leaving_groups_that_do_not_add_up() -> None:
    table, fold = patients(1), Fold(study_of(COX, ["fes"]), 1)
    fold.take(guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), 10))
    sums = fold.recipe.local(table, fold.state(1), fold.plan)
    guard.release(fold.contract(1), sums, 10)
    hidden = sums["leaving"].copy()
    hidden[0] -= 3
    with pytest.raises(BelowFloor, match="rows"):
        guard.release(fold.contract(1), sums | {"leaving": hidden}, 10)


def test_sums_beyond_the_agreed_ranges_are_refused() -> None:
    table, fold = patients(1), Fold(study_of(COX, ["fes"]), 1)
    for number in range(4):
        sums = fold.recipe.local(table, fold.state(number), fold.plan)
        fold.take(guard.release(fold.contract(number), sums, 10))
    for output in fold.contract(3).outputs:
        if output.dtype == "float64":
            assert output.lower is not None
            assert output.upper is not None
            with pytest.raises(BrokenContract, match=output.name):
                guard.release(fold.contract(3), sums | {output.name: sums[output.name] + 1e6}, 10)


def test_every_bound_is_known_once_a_run_is_under_way() -> None:
    fold = Fold(study_of(COX), 3)
    for number, total in enumerate(run(COX, tables()).totals):
        for output in fold.contract(number).outputs:
            assert output.lower is not None
            assert output.upper is not None or output.dtype == "int64"
        fold.take(total)


def test_fixed_point_sums_give_the_same_coefficients() -> None:
    """Each institute's sums rounded as secure aggregation does: to bound times rows of the largest table over 2^62."""
    study, data = study_of(COX, largest_rows=20_000_000), tables()
    fold = Fold(study, len(data))
    while not (state := fold.state(fold.known)).done:
        contract, parts = fold.contract(fold.known), []
        for table in data.values():
            sums = guard.release(contract, fold.recipe.local(table, state, fold.plan), study.floor)
            parts.append({o.name: rounded(sums[o.name], o, study.largest_rows) for o in contract.outputs})
        assert not fold.take(add_up(parts)).failure
    result = fold.recipe.result(fold.state(fold.known), fold.plan)
    assert 0 < max_relative_difference(result, pooled(study, data), {}) <= 1e-9


def rounded(array: Any, output: Any, rows: int) -> Any:
    if output.dtype == "int64":
        return array
    step = max(abs(output.lower), abs(output.upper)) * rows / 2**62
    return np.round(array / step) * step


def test_nothing_by_pairs_of_columns_leaves_for_an_interval() -> None:
    newton = find_recipe("cox").contracts(*_parsed(COX))[-1]
    shapes = {output.name: output.shape for output in newton.outputs}
    assert shapes == {"rows": (), "subjects": (), "cells": (8, 2), "hazards": (8, 2), "weighted": (8, 2, 4),
                      "curvature": (4, 4), "events": (4,)}  # fmt: skip


def _parsed(parameters: dict[str, Any]) -> tuple[Any, Any]:
    study = study_of(parameters)
    return find_recipe("cox").parse(parameters), study.named_variables()


def test_what_leaves_is_said_in_plain_sentences() -> None:
    study = study_of(COX)
    fold = Fold(study, 3)
    told = fold.recipe.disclosures(fold.plan, dict.fromkeys(NAMES, SCHEMA))
    assert any("leave in each interval with and without dead" in sentence for sentence in told)
    assert all(sentence.endswith(".") for sentence in told)


# What cannot be computed


def test_an_institute_with_fewer_events_than_the_floor_cannot_take_part() -> None:
    table = patients(1, missing=0)
    table.numeric["dead"][:] = [1.0] * 4 + [0.0] * 296
    table.numeric["days"][:] = 100.0
    with pytest.raises(BelowFloor, match="outcome"):
        run(COX, {"fes": table})
    table.numeric["dead"][:] = 0.0
    assert run(COX, tables() | {"other": table}).result["rows"] > 900


def test_a_model_too_large_for_the_events_is_refused() -> None:
    """Efron's ties tell sums over the five with the event, who are too few for two coefficients; Breslow's do not."""
    table = patients(1, 300, missing=0)
    table.numeric["dead"][:] = [1.0] * 5 + [0.0] * 295
    table.numeric["days"][:] = 100.0
    parameters = COX | {"predictors": ["age"]}
    with pytest.raises(BelowFloor, match="Breslow"):
        run(parameters, {"fes": table}, floor=2)
    assert run(parameters | {"ties": "breslow"}, {"fes": table}, floor=2).result["events"] == 5


def test_no_event_at_all_is_named() -> None:
    table = patients(1)
    table.numeric["dead"][:] = 0.0
    with pytest.raises(RunFailed, match="No row has the event"):
        run(COX, {"fes": table})
    late = patients(1)
    with pytest.raises(RunFailed, match="No row has the event"):
        run(COX | {"grid": [0, 1e-9]}, {"fes": late})


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_a_level_without_any_event_is_named_unless_a_ridge_bounds_it(ties: str, ridge: float) -> None:
    data = tables(missing=0)
    for table in data.values():
        table.numeric["dead"][table.codes["ward"] == 2] = 0.0
    parameters = COX | {"ties": ties, "ridge": ridge}
    if ridge:
        assert difference(parameters, data) <= 1e-9
        return
    with pytest.raises(RunFailed, match="ward=late"):
        run(parameters, data)


def test_too_few_steps_are_said_so() -> None:
    with pytest.raises(RunFailed, match="within 2 steps"):
        run(COX | {"max_iterations": 2}, tables())


def test_times_that_follow_from_a_predictor_are_named() -> None:
    table = patients(1, 400, missing=0)
    table.numeric["age"][:] = 110 - table.numeric["days"].clip(0, 1000) / 10
    with pytest.raises(RunFailed, match="'age'"):
        run(COX | {"predictors": ["age"], "grid": [float(e) for e in range(0, 1000, 5)]}, {"fes": table}, floor=1)


def test_predictors_that_follow_from_each_other_are_named() -> None:
    table = patients(1, 300, missing=0)
    table.codes["ward"][:] = table.numeric["treated"].astype(np.int64)
    with pytest.raises(RunFailed, match="cannot be told apart"):
        run(COX | {"predictors": ["treated", "ward"]}, {"fes": table})


def test_a_constant_predictor_is_named() -> None:
    table = patients(1, 300, missing=0)
    table.numeric["age"][:] = 50.0
    with pytest.raises(RunFailed, match="'age' has the same value"):
        run(COX, {"fes": table})


def test_an_event_that_is_neither_0_nor_1_is_refused() -> None:
    table = patients(1)
    table.numeric["dead"][3] = 0.5
    with pytest.raises(IncompatibleData, match="0 and 1"):
        run(COX, {"fes": table})


def test_rows_that_change_between_rounds_end_the_run() -> None:
    fold = Fold(study_of(COX, ["fes"]), 1)
    for number, table in enumerate((patients(1, missing=0), patients(1, missing=0), patients(2, missing=0))):
        sums = fold.recipe.local(table, fold.state(number), fold.plan)
        state = fold.take({name: sums[name] for name in fold.contract(number).names()})
    assert "changed" in state.failure


def test_totals_that_lead_nowhere_end_in_a_sentence() -> None:
    fold = Fold(study_of(COX, ["fes"]), 1)
    fold.take(fold.contract(0).zeros())
    assert fold.take(fold.contract(1).zeros()).failure.endswith(".")


def test_a_range_far_wider_than_the_data_is_named() -> None:
    """Hazards e^60 times the usual ones would leave no digit of the usual ones in fixed-point sums."""
    data = tables(missing=0)
    wide = study_of(COX)
    variables = [v.model_copy(update={"upper": 4000.0}) if v.name == "age" else v for v in wide.variables]
    with pytest.raises(RunFailed, match="narrower ranges"):
        simulate(wide.model_copy(update={"variables": tuple(variables)}), data)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"grid": [0]}, "grid"),
        ({"grid": [0, 10, 10]}, "increase"),
        ({"grid": [-1, 10]}, "increase"),
        ({"grid": list(range(502 + 1))}, "grid"),
        ({"grid": [1, 10]}, "first edge"),
        ({"duration": "delay"}, "first edge"),
        ({"duration": "ward"}, "twice"),
        ({"duration": "status"}, "must be numeric"),
        ({"event": "age"}, "twice"),
        ({"event": "delay"}, "0 to 1"),
        ({"event": "status"}, "positive"),
        ({"predictors": []}, "predictors"),
        ({"predictors": ["age", "age"]}, "twice"),
        ({"predictors": ["weight"]}, "declare its lower and upper"),
        ({"ties": "exact"}, "ties"),
        ({"ridge": -1}, "ridge"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"anything": 1}, "anything"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadParameters, match=sentence):
        study_of(COX | changes)


def test_too_many_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.studies.recipes.cox_design.MAX_NUMBERS", 70)
    with pytest.raises(BadParameters, match="fewer intervals"):
        study_of(COX)


def test_the_example_of_the_guide_is_valid() -> None:
    text = (Path(__file__).parents[3] / "docs" / "how-to" / "run-a-study.md").read_text(encoding="utf-8")
    block = text.split("### cox")[1].split("```toml")[1].split("```")[0]
    example = find_recipe("cox").parse(tomllib.loads(block)["parameters"])
    assert find_recipe("cox").variables(example) == ("days", "status", "age", "ward")


def test_a_grid_of_one_interval_needs_no_agreement() -> None:
    one = COX | {"grid": [0, 800]}
    assert [contract.phase for contract in find_recipe("cox").contracts(*_parsed(one))] == ["moments", "newton"]
    assert difference(one, tables()) <= 1e-9
