"""The recipe ``pca``: equal to the singular value decomposition of all rows, and to textbook results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jazari.studies import guard
from jazari.studies.data.table import Table
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import BadParameters, BelowFloor, BrokenContract, RunFailed
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.recipes.numeric_rows import choose_rows
from jazari.studies.rounds import Fold
from jazari.studies.simulate import Simulated, simulate
from jazari.studies.tables import tables_of
from jazari.studies.tests.builders import make_study, make_table, random_table, schema

NAMES = ["fes", "rabat", "taza"]
ALL: dict[str, Any] = {"variables": ["ph", "yield_", "ill"], "components": 3}
TOLERANCE = 1e-9


def tables(rows: int = 200, **changes: Any) -> dict[str, Table]:
    return {name: random_table(seed, rows, **changes) for seed, name in enumerate(NAMES)}


def run(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> Simulated:
    return simulate(make_study("pca", parameters, list(data), **changes), data)


def difference(parameters: dict[str, Any], data: dict[str, Table], **changes: Any) -> float:
    study = make_study("pca", parameters, list(data), **changes)
    return max_relative_difference(simulate(study, data).result, pooled(study, data), declared_scales(study))


def plain_table(ph: Any, yields: Any, ill: Any = None) -> Table:
    rows = len(ph)
    return make_table([0] * rows, list(ph), list(yields), [0.5] * rows if ill is None else list(ill), range(rows))


def loadings(result: dict[str, Any]) -> Any:
    return np.array([list(c["loadings"].values()) for c in result["components"]])


@pytest.mark.parametrize("scale", ["correlation", "covariance"])
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("floor", [1, 10])
def test_the_pooled_result_in_two_rounds(scale: str, components: int, floor: int) -> None:
    parameters = ALL | {"scale": scale, "components": components}
    data = tables(rows_per_site=2)
    assert difference(parameters, data, floor=floor) <= TOLERANCE
    told = run(parameters, data, floor=floor)
    assert told.rounds == 2
    assert len(told.result["components"]) == components


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 2), min_size=120, max_size=120), st.integers(0, 10_000))
def test_any_split_gives_the_result_of_all_rows(owner: list[int], seed: int) -> None:
    """With a floor of 1 nothing is left out, so that only rounding may tell who holds which row."""
    whole = random_table(seed, 120)
    parts = {}
    for place, name in enumerate(NAMES):
        mine = np.array(owner) == place
        if mine.any():
            parts[name] = plain_table(*(whole.numeric[n][mine] for n in ("ph", "yield_", "ill")))
    parameters = {"variables": ["ph", "yield_"], "scale": "covariance"}
    try:
        divided = run(parameters, parts, floor=1).result
    except BelowFloor:  # an institute of incomplete rows alone
        return
    study = make_study("pca", parameters, ["fes"], floor=1)
    together = simulate(study, {"fes": whole}).result
    assert max_relative_difference(divided, together, declared_scales(study)) <= TOLERANCE


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(10, 90)), min_size=1, max_size=3), st.integers(1, 12))
def test_any_data_give_the_pooled_result_or_a_clear_end(parts: list[tuple[int, int]], floor: int) -> None:
    data = {name: random_table(seed, rows) for name, (seed, rows) in zip(NAMES, parts, strict=False)}
    try:
        assert difference(ALL, data, floor=floor) <= TOLERANCE
    except (BelowFloor, RunFailed) as refused:
        sentence = str(refused)
    else:
        sentence = "."
    assert sentence.endswith(".")


def test_two_variables_by_hand() -> None:
    """The correlation matrix of two variables has the eigenvalues 1 + r and 1 - r, at 45 degrees."""
    data = tables(missing=0)
    x, y = (np.concatenate([t.numeric[name] for t in data.values()]) for name in ("ph", "yield_"))
    told = run({"variables": ["ph", "yield_"]}, data).result
    r = np.corrcoef(x, y)[0, 1]
    assert [c["variance"] for c in told["components"]] == pytest.approx([1 + r, 1 - r], rel=1e-10)
    assert [c["share"] for c in told["components"]] == pytest.approx([(1 + r) / 2, (1 - r) / 2], rel=1e-10)
    root = np.sqrt(0.5)
    assert loadings(told) == pytest.approx(np.array([[root, root], [root, -root]]), rel=1e-10)
    assert told["total_variance"] == pytest.approx(2.0)
    assert told["means"] == pytest.approx({"ph": x.mean(), "yield_": y.mean()}, rel=1e-12)
    assert told["deviations"] == pytest.approx({"ph": x.std(ddof=1), "yield_": y.std(ddof=1)}, rel=1e-12)


def test_covariances_are_those_of_the_components() -> None:
    """Loadings, variances and means rebuild the covariance matrix of all rows."""
    data = tables(missing=0)
    told = run(ALL | {"scale": "covariance"}, data).result
    rows = np.vstack([np.column_stack([t.numeric[n] for n in ALL["variables"]]) for t in data.values()])
    vectors, variances = loadings(told), np.array([c["variance"] for c in told["components"]])
    assert vectors @ vectors.T == pytest.approx(np.eye(3), abs=1e-12)
    assert vectors.T * variances @ vectors == pytest.approx(np.cov(rows.T), rel=1e-9, abs=1e-12)


def test_equal_variances_give_the_same_space() -> None:
    """With equal eigenvalues the axes are arbitrary: what they span together is not."""
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(4, 8, 9), np.linspace(4, 8, 9)))
    data = {"fes": plain_table(x, y)}
    study = make_study("pca", {"variables": ["ph", "yield_"], "scale": "covariance"}, ["fes"])
    told, expected = simulate(study, data).result, pooled(study, data)
    for result in (told, expected):
        variances = [c["variance"] for c in result["components"]]
        assert variances == pytest.approx([x.var(ddof=1)] * 2, rel=TOLERANCE)
        assert loadings(result).T @ loadings(result) == pytest.approx(np.eye(2), abs=TOLERANCE)


def test_signs_are_fixed() -> None:
    """The largest loading is positive, and turning a variable around turns its loading alone."""
    data = tables(missing=0)
    told = loadings(run(ALL, data).result)
    assert all(row[np.abs(row).argmax()] > 0 for row in told)
    ph = data["fes"].numeric["ph"]
    turned = run({"variables": ["ph", "yield_"]}, {"fes": plain_table(14 - ph, data["fes"].numeric["yield_"])}).result
    root = np.sqrt(0.5)
    assert loadings(turned) == pytest.approx(np.array([[root, -root], [root, root]]), rel=1e-10)


def test_values_far_from_zero_keep_their_digits() -> None:
    """A mean of 900 with deviation 1e-4 in a range of 2000: the deviation keeps 6 digits of those the data have."""
    source = np.random.default_rng(0)
    data = {}
    for name in NAMES:
        x = source.normal(0, 1, 200)
        data[name] = plain_table(7 + x / 10 + source.normal(0, 0.1, 200), 900 + x * 1e-4)
    assert difference({"variables": ["ph", "yield_"]}, data, secure_aggregation=False) <= TOLERANCE
    told = run({"variables": ["ph", "yield_"]}, data, secure_aggregation=False).result
    yields = np.concatenate([t.numeric["yield_"] for t in data.values()])
    assert told["deviations"]["yield_"] == pytest.approx(yields.std(ddof=1), rel=1e-8)


def test_a_range_too_wide_for_masked_sums_is_named() -> None:
    data = {name: plain_table(7 + np.arange(200) % 9 / 10, 900 + np.arange(200) % 7 * 1e-4) for name in NAMES}
    with pytest.raises(RunFailed, match="'yield_' is so much wider"):
        run({"variables": ["ph", "yield_"]}, data)


def test_rows_of_a_rare_value_are_left_out_with_company() -> None:
    source = np.random.default_rng(0)
    data = {"fes": plain_table(source.normal(7, 1, 203), source.normal(0, 9, 203), [0.0] * 200 + [1.0] * 3)}
    told = run(ALL | {"scale": "covariance"}, data)
    assert told.result["rows"] == 193
    assert told.result["deviations"]["ill"] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(40, 120), st.integers(2, 12))
def test_no_value_of_used_rows_is_rare(seed: int, rows: int, floor: int) -> None:
    source = np.random.default_rng(seed)
    first, second = source.binomial(1, 0.2, rows), source.binomial(2, 0.3, rows)
    table = plain_table(source.normal(7, 1, rows), second.astype(float), first.astype(float))
    try:
        chosen = choose_rows(table, ["ph", "yield_", "ill"], floor, 4)
    except BelowFloor:
        return
    _, counts = np.unique(chosen.values[:, 1:], axis=0, return_counts=True)
    assert counts.min() >= floor
    assert chosen.hidden == 0 or chosen.hidden >= floor
    fold = Fold(make_study("pca", ALL, ["fes"], floor=floor), 1)
    guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), floor)


def test_every_number_that_leaves_has_finite_bounds() -> None:
    fold, table = Fold(make_study("pca", ALL, ["fes"]), 1), random_table(1)
    for place in range(2):
        contract = fold.contract(place)
        assert all(o.upper is not None and o.lower is not None for o in contract.outputs if o.dtype == "float64")
        fold.take(guard.release(contract, fold.recipe.local(table, fold.state(place), fold.plan), 10))


def test_sums_beyond_the_agreed_ranges_are_refused() -> None:
    fold, table = Fold(make_study("pca", ALL, ["fes"]), 1), random_table(1)
    fold.take(guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), 10))
    sums = fold.recipe.local(table, fold.state(1), fold.plan)
    for name in ("shift", "squares", "products"):
        with pytest.raises(BrokenContract, match=name):
            guard.release(fold.contract(1), sums | {name: sums[name] + 1000.0}, 10)


def test_extreme_values_stay_within_the_bounds() -> None:
    """All values at an edge of the range: the bounds are true to the last digit that rounding leaves."""
    edges = plain_table([0.0, 14.0] * 30, [-1000.0] * 30 + [1000.0] * 30, [0.0, 0.0, 1.0, 1.0] * 15)
    told = run(ALL, {"fes": edges, "rabat": edges})
    assert told.result["rows"] == 120


def test_a_constant_variable_is_named() -> None:
    data = {"fes": plain_table([7.0] * 100, np.arange(100.0))}
    with pytest.raises(RunFailed, match="'ph' has the same value"):
        run({"variables": ["ph", "yield_"]}, data)
    assert difference({"variables": ["ph", "yield_"], "components": 1, "scale": "covariance"}, data) <= TOLERANCE
    with pytest.raises(RunFailed, match="No variable varies"):
        run({"variables": ["ph", "ill"], "scale": "covariance"}, data)


def test_too_few_subjects_for_the_variables_are_refused() -> None:
    small = {"fes": random_table(1, 11, missing=0)}
    with pytest.raises(BelowFloor, match="at least 12 subjects"):
        run(ALL, small, floor=2)
    with pytest.raises(BelowFloor, match="floor"):
        run(ALL, small, floor=12)
    assert run(ALL, small, floor=1).result["rows"] == 11


def test_totals_that_lead_nowhere_end_in_a_sentence() -> None:
    fold = Fold(make_study("pca", ALL, ["fes"]), 1)
    assert fold.take(fold.contract(0).zeros()).failure.endswith("other variables.")
    fold, table = Fold(make_study("pca", ALL, ["fes"]), 1), random_table(1)
    fold.take(guard.release(fold.contract(0), fold.recipe.local(table, fold.state(0), fold.plan), 10))
    second = fold.recipe.local(random_table(2, 150), fold.state(1), fold.plan)
    assert "changed" in fold.take({name: second[name] for name in fold.contract(1).names()}).failure


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": ["ph"]},
        {"variables": ["ph", "ph"]},
        {"variables": ["ph", "crop"]},
        {"components": 0},
        {"components": 4},
        {"scale": "range"},
        {"more": 1},
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadParameters):
        make_study("pca", ALL | changes, ["fes"])


def test_a_variable_without_a_range_is_refused() -> None:
    variables = make_study("pca", ALL, ["fes"]).variables
    open_ = {v.name: v.model_copy(update={"upper": None}) if v.name == "ph" else v for v in variables}
    fold = Fold(make_study("pca", ALL, ["fes"]), 1)
    with pytest.raises(BadParameters, match=r"'ph' has no agreed range.*declare its lower and upper"):
        fold.recipe.contracts(fold.plan.parameters, open_)


def test_components_as_a_table() -> None:
    told = run(ALL, tables()).result
    rows = tables_of("pca", told)["components"]
    assert [row["component"] for row in rows] == [0, 1, 2]
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert {name: rows[0][name] for name in ALL["variables"]} == told["components"][0]["loadings"]


def test_a_steward_reads_what_leaves() -> None:
    told = disclosures_of(make_study("pca", ALL, ["fes"]), {"fes": schema()})
    assert any("products of two of ph, yield_, ill" in sentence for sentence in told)
    assert any("12 subjects are needed" in sentence for sentence in told)
