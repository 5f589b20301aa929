"""Private statistics: equal to the pooled figures but for noise, and no subject weighs more than declared."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jazari.studies.agreement import StudyText, agreement_digest
from jazari.studies.data.table import Table
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import BadParameters, BelowFloor
from jazari.studies.messages import Sums
from jazari.studies.pooled import max_relative_difference, pooled
from jazari.studies.recipes.private_statistics_layout import STEPS, sensitivities
from jazari.studies.recipes.private_statistics_local import first_rows
from jazari.studies.recipes.registry import plan_of
from jazari.studies.recipes.statistics_layout import Layout
from jazari.studies.rounds import Fold, add_up
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import STATISTICS, make_study, make_table, random_table, schema

PRIVACY = {"epsilon": 1.0, "max_rows_per_subject": 1}
PARAMETERS: dict[str, Any] = {
    "variables": ["ph", "yield_"],
    "by": ["crop"],
    "histograms": {"ph": [4, 5, 6, 7, 8, 9]},
    "privacy": PRIVACY,
}


def study(privacy: dict[str, Any] | None = None, **changes: Any) -> StudyText:
    parameters = PARAMETERS | {"privacy": PRIVACY | (privacy or {})} | changes
    return make_study("private-statistics", parameters, ["fes", "rabat"], largest_rows=2000)


def plain(text: StudyText, table: Table) -> Sums:
    """What the recipe computes at an institute, before the guard adds noise."""
    recipe, plan = plan_of(text, 2)
    return recipe.local(table, recipe.initial_state(plan), plan)


def without_noise(text: StudyText, tables: dict[str, Table]) -> dict[str, Any]:
    fold = Fold(text, len(tables))
    names = fold.contract(0).names()
    parts = [{k: v for k, v in plain(text, table).items() if k in names} for table in tables.values()]
    return fold.recipe.result(fold.take(add_up(parts)), fold.plan)


TABLES = {"fes": random_table(1, rows_per_site=3), "rabat": random_table(2, rows_per_site=3)}


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("gaussian", [False, True])
def test_without_noise_it_is_the_pooled_figure(rows: int, gaussian: bool) -> None:
    more = {"mechanism": "gaussian", "delta": 1e-6} if gaussian else {}
    text = study(more | {"max_rows_per_subject": rows})
    found, reference = without_noise(text, TABLES)["groups"], pooled(text, TABLES)["groups"]
    for group, other in zip(found, reference, strict=True):
        assert group["rows"]["estimate"] == other["rows"]["estimate"]
        mean, expected = (g["variables"]["yield_"]["mean"]["estimate"] for g in (group, other))
        assert mean == expected or mean == pytest.approx(expected, abs=1000 / STEPS / 2)
    # Estimates are compared in units of their own standard error: the grid moves a mean by far less than noise.
    assert max_relative_difference(found, reference, {}) < 1e-4


def test_a_category_is_counted_by_level() -> None:
    text = study(variables=["crop"], by=[], histograms={})
    found = without_noise(text, TABLES)["groups"]
    assert max_relative_difference(found, pooled(text, TABLES)["groups"], {}) < 1e-5


def test_with_noise_it_is_the_pooled_figure_within_its_stated_errors() -> None:
    tables = {name: random_table(seed, 2000) for seed, name in enumerate(("fes", "rabat"))}
    text = study({"epsilon": 10.0})
    found, reference = simulate(text, tables).result["groups"], pooled(text, tables)["groups"]
    for group, other in zip(found[:3], reference[:3], strict=True):
        for figure, expected in ((group["rows"], other["rows"]), *_means(group, other)):
            assert abs(figure["estimate"] - expected["estimate"]) < 25 * figure["standard_error"]
            assert figure["standard_error"] == pytest.approx(expected["standard_error"], rel=0.2)
    assert found[0]["rows"] != reference[0]["rows"] or found[1]["rows"] != reference[1]["rows"]


def _means(group: Any, other: Any) -> list[tuple[Any, Any]]:
    return [(group["variables"][name]["mean"], other["variables"][name]["mean"]) for name in ("ph", "yield_")]


def test_the_result_states_what_was_done() -> None:
    facts = simulate(study(), TABLES).result["privacy"]
    assert (facts["epsilon"], facts["delta"], facts["unit"]) == (1.0, 0.0, "subject")
    assert (facts["mechanism"], facts["institutes"]) == ("discrete Laplace", 2)
    rows = facts["noise"][0]
    assert (rows["output"], rows["sensitivity"]) == ("rows", 1)
    assert rows["standard_error"] == pytest.approx(2**0.5 * 2**0.5 * rows["scale"], rel=0.01), "two full noises"
    json.dumps(facts, allow_nan=False)


def test_every_agreed_group_is_told_whatever_the_data_hold() -> None:
    few = make_table([0] * 20, [6.0] * 20, [1.0] * 20, [0.0] * 20, list(range(20)))
    result = simulate(study(), {"fes": few, "rabat": few}).result
    assert [group["by"]["crop"] for group in result["groups"]] == ["barley", "maize", "wheat", None]
    contract = Fold(study(), 2).contract(0)
    assert all(output.subjects is None and output.dtype == "int64" for output in contract.outputs)
    assert all(output.lower is not None and output.upper is not None for output in contract.outputs)


def test_a_data_set_below_the_floor_does_not_take_part() -> None:
    few = make_table([0] * 9, [6.0] * 9, [1.0] * 9, [0.0] * 9, list(range(9)))
    with pytest.raises(BelowFloor):
        simulate(study(), {"fes": few, "rabat": TABLES["rabat"]})


rows_of_tables = st.lists(
    st.tuples(
        st.integers(-1, 2),
        st.one_of(st.just(float("nan")), st.floats(-5, 20)),  # also outside the declared range: it is cut to it
        st.floats(-2000, 2000),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(rows_of_tables, st.integers(1, 4), st.integers(0, 5))
def test_without_any_one_subject_no_output_changes_by_more_than_its_sensitivity(
    rows: list[tuple[int, float, float, int]], most: int, gone: int
) -> None:
    text = study({"max_rows_per_subject": most}).model_copy(update={"floor": 1})
    declared = sensitivities(Layout(plan_of(text, 2)[1]))
    whole = plain(text, table_of(rows))
    left = [row for row in rows if row[3] != gone]
    other = plain(text, table_of(left)) if left else {name: np.zeros_like(array) for name, array in whole.items()}
    for name, weight in declared.items():
        assert np.abs(whole[name] - other[name]).sum() <= weight
        assert whole[f"{name}.most"] <= weight


def table_of(rows: list[tuple[int, float, float, int]]) -> Table:
    crop, ph, yields, site = (list(column) for column in zip(*rows, strict=True))
    return make_table(crop, ph, yields, [0.0] * len(rows), site)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 3))
def test_the_first_rows_of_each_subject_count(subjects: list[int], most: int) -> None:
    kept = first_rows(np.array(subjects), most)
    for place, subject in enumerate(subjects):
        assert kept[place] == (subjects[:place].count(subject) < most)


def test_variables_without_a_range_and_too_many_figures_are_refused() -> None:
    text = study()
    recipe, plan = plan_of(text, 2)
    open_ended = {n: v.model_copy(update={"upper": None}) for n, v in plan.variables.items()}
    with pytest.raises(BadParameters, match="declare its lower and upper"):
        recipe.check(replace(plan, variables=open_ended))
    wide = plan.variables["crop"].model_copy(update={"levels": tuple(map(str, range(1000)))})
    bins = recipe.parse(PARAMETERS | {"histograms": {"ph": list(range(20))}})
    with pytest.raises(BadParameters, match="figures"):
        recipe.check(replace(plan, parameters=bins, variables=plan.variables | {"crop": wide}))


def test_noise_too_large_for_exact_sums_is_refused() -> None:
    with pytest.raises(BadParameters, match="larger epsilon"):
        study({"epsilon": 0.001, "max_rows_per_subject": 1000})


@pytest.mark.parametrize(
    "changes",
    [
        {"privacy": {"epsilon": 1.0}},
        {"privacy": {"epsilon": 20.0, "max_rows_per_subject": 1}},
        {"privacy": None},
        {"variables": ["ph", "ph"]},
        {"histograms": {"ph": [5, 4]}},
        {"histograms": {"ill": [0, 1]}},
        {"spread": True},
    ],
)
def test_bad_parameters_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadParameters):
        make_study("private-statistics", PARAMETERS | changes, ["fes", "rabat"])


@pytest.mark.parametrize("recipe", ["statistics", "glm"])
def test_no_other_recipe_takes_privacy_terms(recipe: str) -> None:
    parameters = (
        STATISTICS if recipe == "statistics" else {"family": "gaussian", "responses": ["ph"], "predictors": ["crop"]}
    )
    with pytest.raises(BadParameters, match="privacy"):
        make_study(recipe, parameters | {"privacy": PRIVACY}, ["fes", "rabat"])


def test_the_terms_are_part_of_the_agreement() -> None:
    first, other = study(), study({"epsilon": 1.5})
    assert first.privacy is not None
    assert first.privacy.epsilon == 1.0
    assert agreement_digest(first) != agreement_digest(other)
    assert make_study("statistics", STATISTICS, ["fes", "rabat"]).privacy is None


def test_a_steward_reads_what_epsilon_means_and_no_floor_is_claimed() -> None:
    told = " ".join(disclosures_of(study(), {"fes": schema(), "rabat": schema()}))
    assert "by a factor of at most 2.72" in told
    assert "Only the first row of each subject counts" in told
    assert "No figure is about fewer" not in told
    assert "noisy sums" in told
    plainly = " ".join(disclosures_of(make_study("statistics", STATISTICS, ["fes"]), {"fes": schema()}))
    assert "nois" not in plainly
