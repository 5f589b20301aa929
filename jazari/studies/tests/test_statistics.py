"""The recipe ``statistics``: equal to the pooled computation, additive, and silent about small cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jazari.studies import guard
from jazari.studies.data.table import Table
from jazari.studies.errors import BadParameters, BelowFloor, BrokenContract, IncompatibleData
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.recipes.statistics_layout import even_edges
from jazari.studies.recipes.statistics_result import quantiles
from jazari.studies.rounds import Fold, add_up
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import STATISTICS, make_study, make_table, random_table

ALL = {
    "variables": ["ph", "yield_"],
    "by": ["crop"],
    "histograms": {"ph": [4, 5, 6, 7, 8, 9]},
    "quantiles": [0.1, 0.5, 0.9],
}

_values = st.sampled_from([float("nan"), 0.0, 1.0, 4.0, 4.5, 5.0, 6.2, 7.7, 9.0, 13.0])
_row = st.tuples(st.integers(-1, 2), _values, _values, st.integers(0, 1), st.integers(0, 15))
_tables = st.lists(_row, min_size=1, max_size=80).map(lambda rows: make_table(*zip(*rows, strict=True)))


def difference(study: Any, tables: dict[str, Table]) -> float:
    return max_relative_difference(simulate(study, tables).result, pooled(study, tables), declared_scales(study))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_tables, _tables, st.integers(1, 6), st.sampled_from([[], ["crop"]]), st.booleans())
def test_any_split_gives_the_pooled_result(one: Table, two: Table, floor: int, by: list[str], spread: bool) -> None:
    tables = {"fes": one, "rabat": two}
    parameters = ALL | {"by": by, "spread": spread} | ({} if by else {"variables": ["ph", "yield_", "crop"]})
    study = make_study("statistics", parameters, list(tables), floor=floor)
    if min(table.subjects for table in tables.values()) < floor:
        with pytest.raises(BelowFloor):
            simulate(study, tables)
    else:
        assert difference(study, tables) <= 1e-9


def test_thousands_of_rows_of_several_institutes() -> None:
    tables = {
        name: random_table(seed, rows, 3)
        for seed, (name, rows) in enumerate({"fes": 5000, "rabat": 700, "taza": 90}.items())
    }
    assert difference(make_study("statistics", ALL, list(tables)), tables) <= 1e-9


def test_a_mean_far_from_zero_keeps_its_variance() -> None:
    source = np.random.default_rng(1)
    tables = {}
    for name in ("fes", "rabat"):
        values = 900 + source.normal(0, 1e-4, 500)
        tables[name] = make_table([0] * 500, [7] * 500, values.tolist(), [0] * 500, range(500))
    study = make_study("statistics", {"variables": ["yield_"]}, list(tables))
    everything = np.concatenate([table.numeric["yield_"] for table in tables.values()])
    told = simulate(study, tables).result["groups"][0]["variables"]["yield_"]
    assert told["variance"] == pytest.approx(everything.var(ddof=1), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(_tables, st.integers(1, 6))
def test_one_institute_alone_is_its_own_total(table: Table, floor: int) -> None:
    if table.subjects < floor:
        return
    study = make_study("statistics", ALL, ["fes"], floor=floor)
    fold = Fold(study, 1)
    sums = guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), floor)
    assert simulate(study, {"fes": table}).totals[0].keys() == sums.keys()
    assert all(np.array_equal(simulate(study, {"fes": table}).totals[0][name], sums[name]) for name in sums)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_without_a_floor_sums_are_additive(seed: int, owner: list[int]) -> None:
    """local(A + B) = local(A) + local(B) for any division of the rows, so the division cannot matter."""
    whole = random_table(seed, 60)
    parts = [_rows(whole, np.array(owner) == number) for number in range(4)]
    study = make_study("statistics", ALL, ["fes"], floor=1)
    fold = Fold(study, 1)
    names = fold.contract(0).names()

    def local(table: Table) -> dict[str, Any]:
        return {n: a for n, a in fold.recipe.local(table, fold.state(0), fold.plan).items() if n in names}

    total = add_up([local(part) for part in parts if part.rows])
    for name, array in local(whole).items():
        np.testing.assert_allclose(total[name], array, rtol=1e-12, atol=1e-9)


def _rows(table: Table, chosen: Any) -> Table:
    if not chosen.any():
        return Table(table.schema, 0, np.zeros(0, dtype=np.int64), 0)
    _, subject = np.unique(table.subject[chosen], return_inverse=True)
    return Table(
        table.schema, int(chosen.sum()), subject.astype(np.int64), int(subject.max()) + 1,
        {n: c[chosen] for n, c in table.numeric.items()}, {n: c[chosen] for n, c in table.codes.items()},
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_tables, st.integers(2, 6), st.sampled_from([[], ["crop"]]))
def test_the_guard_agrees_with_what_the_recipe_leaves_out(table: Table, floor: int, by: list[str]) -> None:
    """Two independent checks: whatever the data, the recipe's sums pass the guard's own look at the floor."""
    if table.subjects < floor:
        return
    fold = Fold(make_study("statistics", ALL | {"by": by}, ["fes"], floor=floor), 1)
    first = guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), floor)
    fold.take(first)
    guard.release(fold.contract(1), fold.recipe.local(table, fold.state(1), fold.plan), floor)


def describe(table: Table, **changes: Any) -> dict[str, Any]:
    study = make_study("statistics", STATISTICS | changes, ["fes"])
    result: dict[str, Any] = simulate(study, {"fes": table}).result
    return result


def test_three_missing_values_are_not_told_in_any_way() -> None:
    ph = [float("nan")] * 3 + [6.0, 7.0] * 100
    told = describe(make_table([0] * 203, ph, [0] * 203, [0] * 203, range(203)))["groups"][0]["variables"]["ph"]
    assert told["missing"] is told["present"] is told["mean"] is told["variance"] is told["share_missing"] is None
    assert told["histogram"]["counts"] == [None] * 5
    assert told["left_out"] == 1


def test_all_values_missing_is_a_finding() -> None:
    told = describe(make_table([0] * 50, [float("nan")] * 50, [0] * 50, [0] * 50, range(50)))["groups"][0]
    ph = told["variables"]["ph"]
    assert (ph["missing"], ph["present"], ph["share_missing"], ph["mean"], ph["left_out"]) == (50, 0, 1.0, None, 0)
    assert ph["quantiles"] == {"0.5": None}


def test_one_subject_only_cannot_take_part() -> None:
    with pytest.raises(BelowFloor, match="fewer distinct subjects"):
        describe(make_table([0] * 50, [7.0] * 50, [0] * 50, [0] * 50, [1] * 50))


def test_a_mean_of_zeros_and_ones_is_a_count() -> None:
    """Telling the mean of a 0/1 variable tells how many are 1: three of 200 must not follow."""
    table = make_table([0] * 200, [7.0] * 200, [0] * 200, [1.0] * 3 + [0.0] * 197, range(200))
    told = describe(table, variables=["ill"], histograms={}, quantiles=[])["groups"][0]["variables"]["ill"]
    assert told["mean"] is told["variance"] is None
    assert (told["present"], told["mean_left_out"]) == (200, 1)


def test_a_hidden_group_does_not_follow_from_the_share_missing_in_the_dataset_card() -> None:
    """The card says 100 + 3 values are missing; telling 100 of one crop would tell 3 of the other."""
    crop = [0] * 300 + [1] * 200
    ph = [float("nan")] * 100 + [6.0] * 100 + [7.0] * 100 + [float("nan")] * 3 + [6.0] * 197
    result = describe(make_table(crop, ph, [0] * 500, [0] * 500, range(500)), variables=["ph"], by=["crop"])
    assert [group["variables"]["ph"]["missing"] for group in result["groups"]] == [None, None]
    assert [group["rows"] for group in result["groups"]] == [300, 200]


def test_a_small_group_takes_the_next_one_with_it() -> None:
    crop = [0] * 300 + [1] * 20 + [2] * 4
    result = describe(
        make_table(crop, [6.0, 7.0] * 162, [0] * 324, [0] * 324, range(324)), variables=["ph"], by=["crop"]
    )
    assert [(group["by"]["crop"], group["rows"]) for group in result["groups"]] == [
        ("barley", 300), ("maize", None), ("wheat", None), (None, None),
    ]  # fmt: skip
    assert result["left_out"]["groups"] == 3


def test_missing_groups_are_a_group() -> None:
    crop = [-1] * 40 + [0] * 60
    result = describe(make_table(crop, [6.0] * 100, [0] * 100, [0] * 100, range(100)), variables=["ph"], by=["crop"])
    assert [(group["by"]["crop"], group["rows"]) for group in result["groups"]] == [("barley", 60), (None, 40)]


def test_bins_are_those_of_numpy() -> None:
    table = random_table(3, 2000, missing=0)
    values = table.numeric["ph"]
    edges = even_edges(4, 9, 5)
    study = make_study(
        "statistics", {"variables": ["ph"], "histograms": {"ph": edges}, "quantiles": [0.5]}, ["fes"], floor=1
    )
    told = simulate(study, {"fes": table}).result["groups"][0]["variables"]["ph"]
    assert told["histogram"]["counts"] == np.histogram(values, edges)[0].tolist()
    assert told["histogram"]["below"] == int((values < 4).sum())
    assert told["histogram"]["above"] == int((values > 9).sum())
    assert told["quantiles"]["0.5"] == pytest.approx(np.median(values), abs=0.1)


def test_quantiles_lie_on_the_line_within_their_bin() -> None:
    edges = np.array([0.0, 10.0, 20.0])
    assert quantiles(np.array([0, 10, 10, 0]), edges, [0.25, 0.5, 0.75]) == {"0.25": 5.0, "0.5": 10.0, "0.75": 15.0}
    assert quantiles(np.array([8, 1, 1, 0]), edges, [0.5]) == {"0.5": None}
    assert quantiles(np.zeros(4), edges, [0.5]) == {"0.5": None}


def test_no_percentile_with_few_rows_on_one_side() -> None:
    edges = np.array([0.0, 10.0, 20.0])
    counts = np.array([0, 50, 50, 0])
    assert quantiles(counts, edges, [0.09, 0.1, 0.9, 0.91], 10) == {"0.09": None, "0.1": 2.0, "0.9": 18.0, "0.91": None}
    assert quantiles(np.array([0, 45, 9, 46, 0]), np.array([0.0, 1, 2, 3]), [0.5], 10) == {"0.5": None}
    told = describe(random_table(1, 60, missing=0), quantiles=[0.01, 0.5])["groups"][0]["variables"]["ph"]
    assert told["quantiles"]["0.01"] is None
    assert told["quantiles"]["0.5"] is not None


@pytest.mark.parametrize(("largest", "shown"), [(14.0, False), (12.0, True)])
def test_a_sum_that_is_nearly_one_subjects_is_left_out(largest: float, shown: bool) -> None:
    """29 others have 3.19 together: 14 is more than four fifths of the sum, and 12 is not."""
    ph = [largest] + [0.11] * 9 + [0.1] * 10 + [0.12] * 10
    told = describe(make_table([0] * 30, ph, [0] * 30, [0] * 30, range(30)), histograms={}, quantiles=[])
    of_ph = told["groups"][0]["variables"]["ph"]
    assert (of_ph["mean"] is not None, of_ph["mean_left_out"]) == (shown, int(not shown))
    assert of_ph["present"] == 30


def test_dominance_is_by_subject_not_by_row() -> None:
    ph = [2.0, 2.5, 3.0, 3.5, 2.2] + [0.1 + i / 1000 for i in range(15)]
    one = make_table([0] * 20, ph, [0] * 20, [0] * 20, [0] * 5 + list(range(1, 16)))
    each = make_table([0] * 20, ph, [0] * 20, [0] * 20, range(20))
    told = [describe(t, histograms={}, quantiles=[])["groups"][0]["variables"]["ph"]["mean"] for t in (one, each)]
    assert told[0] is None
    assert told[1] == pytest.approx(float(np.mean(ph)))


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": []},
        {"variables": ["ph", "ph"]},
        {"by": ["ph"]},
        {"by": ["crop", "crop"], "variables": ["ph"]},
        {"variables": ["ph"], "by": ["crop", "site", "x"]},
        {"histograms": {"crop": [1, 2]}},
        {"histograms": {"ph": [2, 1]}},
        {"histograms": {"yield_": [1, 2]}},
        {"quantiles": [1.5]},
        {"quantiles": [0.5], "histograms": {}},
        {"anything": 1},
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((BadParameters, IncompatibleData)):
        make_study("statistics", STATISTICS | changes, ["fes"])


def test_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.studies.recipes.statistics.MAX_CELLS", 20)
    with pytest.raises(BadParameters, match="fewer groups"):
        make_study("statistics", ALL, ["fes"])


def test_the_contract_refuses_sums_that_the_ranges_do_not_allow() -> None:
    study = make_study("statistics", STATISTICS, ["fes"])
    fold = Fold(study, 1)
    sums = fold.recipe.local(random_table(1), fold.state(0), fold.plan)
    sums["ph.sum"] = sums["ph.sum"] + 14 * 200
    with pytest.raises(BrokenContract, match=r"ph\.sum"):
        guard.release(fold.contract(0), sums, study.floor)


def test_levels_that_the_study_does_not_know_are_refused() -> None:
    study = make_study("statistics", ALL, ["fes"])
    narrow = [v.model_copy(update={"levels": ("barley",)}) if v.name == "crop" else v for v in study.variables]
    with pytest.raises(IncompatibleData, match="level"):
        simulate(study.model_copy(update={"variables": tuple(narrow)}), {"fes": random_table(1)})
