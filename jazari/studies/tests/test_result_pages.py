"""The page of a result: its figures, its signed file, where it comes from and who attested it."""

from __future__ import annotations

import json
import math
import re
from xml.etree import ElementTree as ET

import pytest
from django.template.loader import render_to_string
from django.urls import resolve

from jazari.studies import charts
from jazari.studies.convergence import MEASURES
from jazari.studies.recipes.registry import recipe_names
from jazari.studies.result_view import MOST_ROWS, charts_for, roc_points, tables_for
from jazari.studies.rounds import Fold
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import LINEAR, LOGISTIC, STATISTICS, make_study, random_table
from jazari.studies.tests.pages import Site, address
from jazari.testing.pages import anonymous

COX = {"duration": "ph", "event": "ill", "predictors": ["crop"], "grid": [0, 4, 5, 6, 7, 8, 14]}
STUDIES = {
    "statistics": (STATISTICS, 6),
    "glm": (LINEAR, 1),
    "cox": (COX, 2),
    "kmeans": ({"variables": ["ph", "yield_"], "clusters": 3}, 1),
    "pca": ({"variables": ["ph", "yield_"]}, 1),
    "boosting": ({"response": "ill", "predictors": ["ph", "crop"], "task": "binary", "trees": 3}, 1),
    "fedavg": (
        {"model": "mlp", "task": "binary", "response": "ill", "predictors": ["ph", "crop"], "rounds": 3},
        1,
    ),
    "private-statistics": (
        {"variables": ["crop"], "privacy": {"epsilon": 1.0, "max_rows_per_subject": 1}},
        1,
    ),
}


@pytest.mark.parametrize("recipe", sorted(STUDIES))
def test_a_result_of_each_recipe_has_tables_and_charts_that_are_sound(recipe: str):
    parameters, _ = STUDIES[recipe]
    tables = {name: random_table(seed, 600) for seed, name in enumerate(("agadir", "fes", "rabat"))}
    study = make_study(recipe, parameters, list(tables), max_rounds=60)
    values = noisy_result() if recipe == "private-statistics" else simulate(study, tables).result
    assert tables_for(recipe, values)
    drawn = charts_for(recipe, values)
    assert drawn
    for chart in drawn:
        check_drawing(render_to_string("studies/parts/chart.html", {"chart": chart}))


def test_no_recipe_is_without_a_chart_or_left_out_of_these_tests():
    assert set(STUDIES) | {"evaluation"} == set(recipe_names())


def noisy_result() -> dict:
    """As ``private_statistics_result`` writes it; noise is drawn by the guard, which these tests do not need."""
    figure = {"estimate": -3, "standard_error": 2.5}
    levels = {"wheat": {"estimate": 40, "standard_error": 2.5}, "maize": figure}
    return {"privacy": {}, "groups": [{"by": {}, "rows": figure, "variables": {"crop": {"levels": levels}}}]}


def check_drawing(svg: str) -> None:
    """It is well-formed, named, and every number in it is finite and inside the box."""
    root = ET.fromstring(svg)  # noqa: S314  our own template
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"]
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("x", "x1", "x2", "cx"):
                assert -1 <= float(value) <= width + 1
            if name in ("y", "y1", "y2", "cy"):
                assert -1 <= float(value) <= height + 1
            if name == "d":
                assert all(math.isfinite(float(number)) for number in re.findall(r"[-\d.]+", value))


@pytest.mark.parametrize("recipe", sorted(MEASURES))
def test_what_convergence_shows_of_each_recipe_becomes_smaller(recipe: str):
    parameters = LOGISTIC if recipe == "glm" else STUDIES[recipe][0]
    tables = {name: random_table(seed, 600) for seed, name in enumerate(("agadir", "fes", "rabat"))}
    study = make_study(recipe, parameters, list(tables), max_rounds=60)
    told, fold = simulate(study, tables), Fold(study, len(tables))
    values = [MEASURES[recipe](fold.take(total)) for total in told.totals]
    known = [value for value in values if value is not None and math.isfinite(value)]
    assert len(known) >= 2
    assert known[-1] < known[0]


def test_a_roc_curve_goes_from_nothing_to_everything_and_needs_both_classes():
    points = roc_points([8, 2], [1, 9])
    assert points == [(0.0, 0.0), (0.2, 0.9), (1.0, 1.0)]
    assert roc_points([0, 0], [1, 9]) == []


def test_charts_of_evaluations_are_drawn_by_group():
    bins = [
        {"mean_score": 0.2, "positive_share": 0.1, "rows": 9},
        {"mean_score": 0.8, "positive_share": 0.9, "rows": 11},
    ]
    group = {"by": {}, "histogram": {"negative": [8, 2], "positive": [1, 9]}, "calibration": bins}
    empty = {"mean_score": None, "positive_share": None, "rows": 0}
    values = {"groups": [group, group | {"by": {"crop": "<wheat>"}, "calibration": [empty]}]}
    drawn = charts_for("evaluation", values)
    assert len(drawn) == 3
    svg = render_to_string("studies/parts/chart.html", {"chart": drawn[2]})
    assert "&lt;wheat&gt;" in svg
    check_drawing(svg)


@pytest.mark.parametrize("values", [[5.0, 5.0], [0.0, 0.0], [-1e-300, 1e300], [1e-9, 2e-9]])
def test_axes_hold_values_of_any_size(values: list[float]):
    chart = charts.line_chart("Any", [list(enumerate(values))], ("x", "y"))
    assert chart is not None
    check_drawing(render_to_string("studies/parts/chart.html", {"chart": chart}))


def test_a_huge_table_is_cut_and_says_by_how_much():
    values = {"history": [{"round": n, "loss": 1.0} for n in range(MOST_ROWS + 7)]}
    (table,) = tables_for("fedavg", values)
    assert (len(table.rows), table.left) == (MOST_ROWS, 7)


@pytest.fixture
def result(site: Site) -> str:
    study = site.propose()
    site.decide(study, "rabat", "fes")
    return site.result(study, "rabat", "fes")


def test_anybody_reads_a_result_with_its_origin_and_who_attested_it(site: Site, result: str):
    page = anonymous().get(address("result", result)).content.decode()
    assert page.count("It received the same totals.") == 2
    assert "wheat" in page
    assert "Do not rely on it" not in page
    provenance = site.network.get(result).card["provenance"]
    assert provenance["agreement"] in page
    assert address("study", provenance["study"]) in page


def test_what_a_result_says_of_noise_is_in_the_language_of_the_reader(site: Site, result: str):
    page = anonymous().get(address("result", result), headers={"accept-language": "fr"}).content.decode()
    assert "<dd>aucun bruit n’a été ajouté" in page


def test_the_verification_of_a_result_is_one_click_away(site: Site, result: str):
    page = anonymous().get(address("result", result)).content.decode()
    (link,) = re.findall(r'<a role="button" href="([^"]+)">Verify it now</a>', page)
    found = resolve(link, "jazari.nodes.portal_urls")
    assert found.view_name == "catalog:verify"
    assert "{namespace}/{kind}/{name}@{version}".format(**found.kwargs) == result


def test_the_file_is_the_signed_one_byte_for_byte(site: Site, result: str):
    answer = anonymous().get(address("result", result, "result.json"))
    raw = b"".join(answer.streaming_content)
    record = site.network.get(result)
    assert raw == site.network.file(record, "result.json")
    assert answer["ETag"] == f'"{record.file("result.json").sha256}"'
    assert json.loads(raw)["groups"]


def test_an_attestation_of_other_totals_is_a_loud_warning(site: Site, result: str):
    (record, *_) = site.network.of("attestation")
    record.card["transcript"] = "sha256:" + "0" * 64
    page = anonymous().get(address("result", result)).content.decode()
    assert "It received other totals." in page
    assert f"than the result rests on: {record.namespace}." in page


def test_a_finished_study_is_listed_with_its_result(site: Site, result: str):
    study = site.network.get(result).card["provenance"]["study"]
    assert study in anonymous().get("/studies/?show=finished").content.decode()
    assert address("result", result) in anonymous().get(address("study", study)).content.decode()


def test_a_record_of_another_kind_is_no_result(site: Site, result: str):
    assert anonymous().get("/studies/result/rabat/soil-rabat/1/").status_code == 404
    assert anonymous().get("/studies/result/rabat/none/1/result.json").status_code == 404
