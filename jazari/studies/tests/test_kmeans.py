"""The recipe ``kmeans``: equal to Lloyd's algorithm on all rows, and no difference of its rounds is about few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.cluster.vq import kmeans2

from jazari.studies import guard
from jazari.studies.data.table import Table
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import BadParameters, BelowFloor, BrokenContract, RunFailed
from jazari.studies.messages import Sums
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.recipes.kmeans_local import place_rows
from jazari.studies.recipes.kmeans_update import MOST_RESEEDS, standardised
from jazari.studies.recipes.numeric_rows import choose_rows
from jazari.studies.rounds import Fold, add_up
from jazari.studies.simulate import Simulated, simulate
from jazari.studies.tables import tables_of
from jazari.studies.tests.builders import make_study, make_table, random_table, schema

NAMES = ["fes", "rabat", "taza"]
TWO: dict[str, Any] = {"variables": ["ph", "yield_"], "clusters": 3}
TOLERANCE = 1e-9


def tables(rows: int = 150, **changes: Any) -> dict[str, Table]:
    return {name: random_table(seed, rows, **changes) for seed, name in enumerate(NAMES)}


def plain_table(ph: Any, yields: Any, ill: Any = None, site: Any = None) -> Table:
    rows = len(ph)
    ill = [0.5] * rows if ill is None else list(ill)
    return make_table([0] * rows, list(ph), list(yields), ill, range(rows) if site is None else list(site))


def groups_table(seed: int, sizes: tuple[int, ...] = (40, 50, 60)) -> Table:
    """Three groups far apart, around (5, -50), (7, 0) and (9, 50)."""
    source = np.random.default_rng(seed)
    ph = np.concatenate([source.normal(5 + 2 * i, 0.1, n) for i, n in enumerate(sizes)])
    yields = np.concatenate([source.normal(-50 + 50 * i, 2, n) for i, n in enumerate(sizes)])
    return plain_table(ph, yields)


def run(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> Simulated:
    return simulate(make_study("kmeans", parameters, list(data), **changes), data)


def difference(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> float:
    study = make_study("kmeans", parameters, list(data), **changes)
    return max_relative_difference(simulate(study, data).result, pooled(study, data), declared_scales(study))


def folded(parameters: dict[str, Any], data: dict[str, Table], floor: int = 10) -> Iterator[tuple[Fold, list[Sums]]]:
    """Every round of a run: the fold before it, and what each institute lets out."""
    fold = Fold(make_study("kmeans", parameters, list(data), floor=floor), len(data))
    while not fold.state(fold.known).done:
        state = fold.state(fold.known)
        parts = [
            guard.release(fold.contract(fold.known), fold.recipe.local(table, state, fold.plan), floor)
            for table in data.values()
        ]
        yield fold, parts
        if failure := fold.take(add_up(parts)).failure:
            raise RunFailed(failure)


@pytest.mark.parametrize("clusters", [2, 5])
@pytest.mark.parametrize("floor", [1, 4, 10])
@pytest.mark.parametrize("rows_per_site", [1, 3])
def test_the_pooled_result(clusters: int, floor: int, rows_per_site: int) -> None:
    data = tables(rows_per_site=rows_per_site)
    for seed in range(2):
        parameters = TWO | {"clusters": clusters, "seed": seed}
        assert difference(parameters, data, floor=floor) <= TOLERANCE


def test_the_pooled_result_with_a_variable_of_two_values() -> None:
    parameters = TWO | {"variables": ["ph", "ill"]}
    assert difference(parameters, tables(), floor=1) <= TOLERANCE
    assert difference(parameters, tables(), floor=8) <= TOLERANCE


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(20, 90)), min_size=1, max_size=3),
    st.integers(1, 9),
    st.integers(2, 6),
    st.integers(0, 1000),
)
def test_any_data_give_the_pooled_result_or_a_clear_end(
    parts: list[tuple[int, int]], floor: int, clusters: int, seed: int
) -> None:
    data = {name: random_table(source, rows) for name, (source, rows) in zip(NAMES, parts, strict=False)}
    parameters = {"variables": ["ph", "yield_", "ill"], "clusters": clusters, "seed": seed, "max_iterations": 8}
    try:
        assert difference(parameters, data, floor=floor) <= TOLERANCE
    except (BelowFloor, RunFailed) as refused:
        sentence = str(refused)
    else:
        sentence = "."
    assert sentence.endswith(".")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 2), min_size=90, max_size=90), st.integers(0, 10_000))
def test_any_split_gives_the_result_of_all_rows(owner: list[int], seed: int) -> None:
    """With a floor of 1 nothing is held back, so that only rounding may tell who holds which row."""
    whole = random_table(seed, 90, missing=0)
    parts = {}
    for place, name in enumerate(NAMES):
        mine = np.array(owner) == place
        if mine.any():
            parts[name] = plain_table(*(whole.numeric[n][mine] for n in ("ph", "yield_", "ill")))
    divided = run(TWO, parts, floor=1).result
    study = make_study("kmeans", TWO, ["fes"], floor=1)
    together = simulate(study, {"fes": whole}).result
    assert max_relative_difference(divided, together, declared_scales(study)) <= TOLERANCE


@pytest.mark.parametrize("seed", range(4))
def test_without_a_floor_it_is_lloyds_algorithm(seed: int) -> None:
    """As SciPy runs it from the same starting centres, for the same number of iterations."""
    data = tables(missing=0)
    fold, _ = list(folded(TWO | {"seed": seed}, data, floor=1))[-1]
    state = fold.state(fold.known)
    assert state.reseeds.sum() == 0
    rows = np.vstack([np.column_stack([t.numeric[n] for n in ("ph", "yield_")]) for t in data.values()])
    points = (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    centres, label = kmeans2(points, state.path[0], iter=len(state.path), minit="matrix")
    told = fold.recipe.result(state, fold.plan)
    expected = centres * rows.std(axis=0, ddof=1) + rows.mean(axis=0)
    assert [list(c["centre"].values()) for c in told["clusters"]] == pytest.approx(expected, rel=1e-9)
    within = ((points - centres[label]) ** 2).sum()
    assert told["within"] == pytest.approx(within, rel=1e-4 if not told["converged"] else 1e-9)


def test_groups_far_apart_are_found() -> None:
    data = {name: groups_table(place) for place, name in enumerate(NAMES)}
    told = run(TWO | {"seed": 1}, data).result
    assert told["converged"]
    assert sorted(c["rows"] for c in told["clusters"]) == [120, 150, 180]
    centres = sorted(tuple(c["centre"].values()) for c in told["clusters"])
    assert np.array(centres) == pytest.approx(np.array([(5, -50), (7, 0), (9, 50)]), abs=0.7)
    for cluster in told["clusters"]:
        low = cluster["centre"]["yield_"] - 25
        rows = np.concatenate([t.numeric["yield_"] for t in data.values()])
        mine = rows[(rows > low) & (rows < low + 50)]
        assert cluster["centre"]["yield_"] == pytest.approx(mine.mean(), rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(30, 120), st.integers(2, 10), st.integers(2, 5), st.integers(1, 3))
def test_no_combination_of_rounds_is_about_few_subjects(
    seed: int, rows: int, floor: int, clusters: int, rows_per_site: int
) -> None:
    """Rows with the same history of clusters are all that sums and differences of rounds can tell apart."""
    table = random_table(seed, rows, rows_per_site=rows_per_site)
    parameters = {"variables": ["ph", "yield_", "ill"], "clusters": clusters, "seed": seed, "max_iterations": 10}
    try:
        histories, chosen = _histories(parameters, table, floor)
    except (BelowFloor, RunFailed):  # too few subjects, or a variable without a second value
        return
    for history in np.unique(histories, axis=0):
        together = (histories == history).all(axis=1)
        assert np.unique(chosen.subject[together]).size >= floor
        for column in chosen.values[together].T:
            values, place = np.unique(column, return_inverse=True)
            holders = [np.unique(chosen.subject[together][place == v]).size for v in range(values.size)]
            assert values.size > 3 or min(holders) >= floor


def _histories(parameters: dict[str, Any], table: Table, floor: int) -> tuple[Any, Any]:
    fold, _ = list(folded(parameters, {"fes": table}, floor))[-1]
    state = fold.state(fold.known)
    chosen = choose_rows(table, parameters["variables"], floor, parameters["clusters"])
    points = standardised(chosen.values, state.moments)
    rounds = range(1, len(state.path) + 1)
    return np.column_stack([place_rows(chosen, points, state.path[:n], floor).place for n in rounds]), chosen


def test_subtracting_rounds_tells_a_single_row_only_without_a_floor() -> None:
    """What an attacker tries: a cluster whose count changes by few from a round to any other gives their sum."""
    for floor, tells in ((1, True), (10, False)):
        counts = [parts[0]["counts"] for _, parts in folded(TWO, tables(missing=0), floor) if "counts" in parts[0]]
        changes = {abs(int(a - b)) for one in counts for other in counts for a, b in zip(one, other, strict=True)}
        assert (1 in changes) == tells
        histories, _ = _histories(TWO, random_table(0, 150, missing=0), floor)
        sizes = np.unique(histories, axis=0, return_counts=True)[1]
        assert (sizes.min() < 10) == tells


def outliers_table() -> Table:
    """Sixty rows around (5, 0) and five around (9, 50)."""
    source = np.random.default_rng(5)
    ph, yields = np.r_[source.normal(5, 0.1, 60), source.normal(9, 0.1, 5)], np.r_[source.normal(0, 2, 60), [50.0] * 5]
    return plain_table(ph, yields)


def test_a_cluster_of_few_subjects_is_left_out_where_it_is() -> None:
    """Five outliers at one institute are counted with their neighbours there, and with their like without a floor."""
    data = {"fes": outliers_table(), "rabat": groups_table(1, (50, 0, 50))}
    parameters = TWO | {"clusters": 2}
    told, free = (run(parameters, data, floor=floor).result for floor in (10, 1))
    assert sorted((c["rows"], c["left_out"]) for c in told["clusters"]) == [(50, 1), (115, 0)]
    assert sorted((c["rows"], c["left_out"]) for c in free["clusters"]) == [(55, 0), (110, 0)]
    assert (told["held_back"], free["held_back"]) == (1, 0)


def test_a_cluster_that_nobody_may_fill_is_null() -> None:
    study = make_study("kmeans", TWO | {"clusters": 2, "max_iterations": 1}, ["fes"])
    data = {"fes": outliers_table()}
    told = simulate(study, data).result
    (null,) = [c for c in told["clusters"] if c["centre"] is None]
    assert null == {"centre": None, "rows": None, "within": None, "left_out": 1}
    assert max_relative_difference(told, pooled(study, data), declared_scales(study)) <= TOLERANCE


def test_clusters_as_a_table() -> None:
    told = run(TWO | {"clusters": 2, "max_iterations": 1}, {"fes": outliers_table()}).result
    first, second = tables_of("kmeans", told)["clusters"]
    assert first == {"cluster": 0, "rows": 65, "left_out": 0, "within": told["within"], **told["clusters"][0]["centre"]}
    assert second == {"cluster": 1, "rows": None, "left_out": 1, "within": None, "ph": None, "yield_": None}


def test_an_emptied_cluster_starts_again_beside_the_widest() -> None:
    """Two tight groups far apart, so that most of six starting centres have no row."""
    data = {name: groups_table(place, (40, 0, 40)) for place, name in enumerate(NAMES)}
    parameters = TWO | {"clusters": 6, "seed": 2}
    states = [fold.state(fold.known) for fold, _ in folded(parameters, data, floor=1)]
    first = states[3]
    emptied = np.flatnonzero(first.reseeds)
    assert emptied.size > 0
    donor = int(first.within.argmax())
    radius = np.sqrt(first.within[donor] / first.counts[donor])
    assert np.linalg.norm(first.path[1][emptied[0]] - first.path[1][donor]) == pytest.approx(radius)
    assert max(int(state.reseeds.max()) for state in states if state.path) <= MOST_RESEEDS
    assert difference(parameters, data, floor=1) <= TOLERANCE
    assert difference(parameters, data, floor=10) <= TOLERANCE


def test_the_seed_alone_draws_the_start() -> None:
    """The start follows from seed and moments: other rows with the same moments give the same."""
    ph, yields = np.tile([4.0, 8.0], 30), np.repeat([-10.0, 10.0], 30)
    mirrored = plain_table(12 - ph, -yields)
    starts = []
    for table, seed in ((plain_table(ph, yields), 7), (mirrored, 7), (mirrored, 8)):
        states = [fold.state(fold.known) for fold, _ in folded(TWO | {"seed": seed}, {"fes": table}, floor=1)]
        starts.append(states[2].path[0])
    assert starts[0] == pytest.approx(starts[1], rel=1e-12)
    assert np.abs(starts[1] - starts[2]).max() > 0.1


def test_more_data_make_the_floor_cheap() -> None:
    """With 2,000 rows an institute and a floor of 10, squares within are within 2 % of those without a floor."""
    data = {name: random_table(place, 2000, missing=0) for place, name in enumerate(NAMES)}
    free, held = (run(TWO | {"clusters": 2, "seed": 2}, data, floor=floor).result for floor in (1, 10))
    assert held["held_back"] == 3
    assert 1 < held["within"] / free["within"] < 1.02


def test_every_number_that_leaves_has_finite_bounds_and_keeps_them() -> None:
    for fold, parts in folded(TWO, tables()):
        contract = fold.contract(fold.known)
        assert all(o.upper is not None and o.lower is not None for o in contract.outputs if o.dtype == "float64")
        for name in {"sum", "shift", "squares", "sums", "within"} & set(parts[0]):
            with pytest.raises(BrokenContract, match=name):
                contract.check(parts[0] | {name: parts[0][name] + 1e9})


def test_extreme_values_stay_within_the_bounds() -> None:
    edges = plain_table([0.0, 14.0] * 30, [-1000.0] * 30 + [1000.0] * 30)
    told = run(TWO | {"clusters": 4}, {"fes": edges, "rabat": edges}).result
    assert sum(c["rows"] or 0 for c in told["clusters"]) == 120


def test_the_guard_refuses_what_is_about_few() -> None:
    *_, (fold, _) = folded(TWO, {"fes": random_table(1)})
    sums = fold.recipe.local(random_table(1), fold.state(fold.known - 1), fold.plan)
    contract = fold.contract(fold.known - 1)
    guard.release(contract, sums, 10)
    with pytest.raises(BelowFloor, match="smallest_block"):
        guard.release(contract, sums | {"smallest_block": np.array(9)}, 10)
    few = sums["counts.subjects"].copy()
    few[0] = 9
    with pytest.raises(BelowFloor, match="counts"):
        guard.release(contract, sums | {"counts.subjects": few}, 10)


def test_a_constant_variable_is_named() -> None:
    with pytest.raises(RunFailed, match="'ph' has the same value"):
        run(TWO, {"fes": plain_table([7.0] * 100, np.arange(100.0))})


def test_too_few_subjects_are_refused() -> None:
    with pytest.raises(BelowFloor, match="at least 15 subjects"):
        run(TWO | {"clusters": 5}, {"fes": random_table(1, 14, missing=0)}, floor=2)
    with pytest.raises(BelowFloor, match="floor"):
        run(TWO, {"fes": random_table(1, 14, missing=0)}, floor=15)


def test_rows_that_change_between_rounds_end_the_run() -> None:
    *_, (fold, parts) = folded(TWO, {"fes": random_table(1)})
    changed = parts[0] | {"counts": parts[0]["counts"] + 1}
    assert "changed" in fold.recipe.update(fold.state(fold.known - 1), changed, fold.plan).failure


def test_it_ends_after_the_agreed_iterations() -> None:
    told = run(TWO | {"max_iterations": 2}, tables(), floor=1)
    assert told.rounds == 4
    assert (told.result["iterations"], told.result["converged"]) == (2, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": []},
        {"variables": ["ph", "ph"]},
        {"variables": ["crop"]},
        {"clusters": 1},
        {"clusters": 101},
        {"seed": -1},
        {"max_iterations": 0},
        {"tolerance": -1.0},
        {"restarts": 3},
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadParameters):
        make_study("kmeans", TWO | changes, ["fes"])


def test_a_variable_without_a_range_is_refused() -> None:
    study = make_study("kmeans", TWO, ["fes"])
    open_ = {v.name: v.model_copy(update={"lower": None}) if v.name == "ph" else v for v in study.variables}
    fold = Fold(study, 1)
    with pytest.raises(BadParameters, match=r"'ph' has no agreed range.*declare its lower and upper"):
        fold.recipe.contracts(fold.plan.parameters, open_)


def test_a_steward_reads_what_leaves() -> None:
    told = disclosures_of(make_study("kmeans", TWO, ["fes"]), {"fes": schema()})
    assert any("For each of 3 clusters, in up to 25 rounds" in sentence for sentence in told)
    assert any("9 subjects are needed" in sentence for sentence in told)
