"""Applying a model: the same numbers as the study's, and clear about rows that it cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jazari.studies.errors import BadModelInput, NoModel
from jazari.studies.portable import Input, predict
from jazari.studies.portable.from_result import from_result
from jazari.studies.portable.rows import as_csv, prediction_rows, read_columns
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import CROPS, LINEAR, LOGISTIC, make_study, make_table, random_table
from jazari.studies.tests.models import fitted, logistic

ROWS = {"ph": [6.5, 7.0, 8.25], "crop": ["barley", "maize", "wheat"]}


def of(parameters: dict[str, Any], **tables: Any) -> tuple[Any, dict[str, Any]]:
    data = tables or {name: random_table(seed, 300) for seed, name in enumerate(("fes", "rabat"))}
    study = make_study("glm", parameters, list(data), floor=1)
    return study, simulate(study, data).result


def by_hand(result: dict[str, Any], response: str, ph: float, crop: str) -> float:
    told = {c["term"]: c["estimate"] for c in result["responses"][response]["coefficients"]}
    return float(told.get("intercept", 0.0) + told["ph"] * ph + told.get(f"crop={crop}", 0.0))


@pytest.mark.parametrize("intercept", [True, False])
def test_a_linear_model_predicts_what_its_coefficients_say(intercept: bool) -> None:
    study, result = of(LINEAR | {"intercept": intercept})
    told = predict(from_result(study, result), ROWS)
    expected = [by_hand(result, "yield_", ph, crop) for ph, crop in zip(*ROWS.values(), strict=True)]
    assert told.values == pytest.approx(expected, rel=1e-12)
    assert (told.classes, told.warnings) == ((), ())


def test_a_logistic_model_gives_shares_of_both_classes() -> None:
    study, result = of(LOGISTIC)
    model = from_result(study, result)
    told = predict(model, ROWS)
    odds = np.exp([by_hand(result, "ill", ph, crop) for ph, crop in zip(*ROWS.values(), strict=True)])
    assert told.values[:, 1] == pytest.approx(odds / (1 + odds), rel=1e-12)
    assert told.values.sum(axis=1) == pytest.approx(1.0)
    assert model.classes == ("0", "1")
    assert told.labels == ["1" if odd > 1 else "0" for odd in odds]


def test_the_classes_of_a_category_and_the_choice_of_a_response() -> None:
    study, result = of({"family": "binomial", "responses": ["crop"], "predictors": ["ph"], "positive": "wheat"})
    assert from_result(study, result).classes == ("not wheat", "wheat")
    study, result = of(LINEAR | {"responses": ["yield_", "ill"]})
    assert from_result(study, result, "ill").response == "ill"
    with pytest.raises(NoModel, match="--response"):
        from_result(study, result)
    with pytest.raises(NoModel, match="no model of 'ph'"):
        from_result(study, result, "ph")


def test_a_level_without_rows_is_unknown_to_the_model() -> None:
    table = random_table(3, 300)
    rare = make_table([code % 2 for code in range(300)], table.numeric["ph"].tolist(),
                      table.numeric["yield_"].tolist(), table.numeric["ill"].tolist(), range(300))  # fmt: skip
    study, result = of(LINEAR, fes=rare)
    model = from_result(study, result)
    assert model.input("crop").levels == CROPS[:2]
    with pytest.raises(BadModelInput, match="'wheat' is not one of barley, maize"):
        predict(model, ROWS)


def test_a_result_without_a_model_says_so() -> None:
    study = make_study("statistics", {"variables": ["ph"]}, ["fes"])
    with pytest.raises(NoModel, match="holds no model"):
        from_result(study, {})
    with pytest.raises(NoModel, match="not as this version"):
        from_result(make_study("glm", LINEAR, ["fes"]), {"rows": 1})


def test_the_same_result_gives_the_same_model() -> None:
    from jazari.studies.portable.files import model_bytes

    assert model_bytes(fitted()) == model_bytes(fitted())


def test_values_beyond_the_range_warn_and_missing_ones_have_no_prediction() -> None:
    told = predict(logistic(), {"ph": [6.5, 20.0, None, 7.0], "crop": ["maize", "maize", "wheat", None]})
    assert np.isnan(told.values).all(axis=1).tolist() == [False, False, True, True]
    assert told.labels[2:] == [None, None]
    assert "1 rows have ph outside 0 to 14" in told.warnings[0]
    assert "2 rows have no prediction" in told.warnings[1]
    low = predict(logistic(inputs=(Input("ph", "numeric", "", (), 7.0, None),
                                   Input("crop", "category", "", CROPS))), ROWS)  # fmt: skip
    assert "outside 7 and more" in low.warnings[0]


def test_columns_may_be_arrays_and_more_than_the_model_reads() -> None:
    arrays = {"ph": np.array(ROWS["ph"]), "crop": np.array(ROWS["crop"], dtype=object), "other": [1, 2, 3]}
    assert np.array_equal(predict(logistic(), arrays).values, predict(logistic(), ROWS).values)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ph": [1.0]}, "column 'crop' is missing"),
        ({"ph": ["7"], "crop": ["maize"]}, "Row 1, column 'ph': '7' is no number"),
        ({"ph": [True], "crop": ["maize"]}, "is no number"),
        ({"ph": [1.0, np.inf], "crop": ["maize"] * 2}, "Row 2, column 'ph': the number must be finite"),
        ({"ph": [1.0], "crop": ["rice"]}, "Row 1, column 'crop': 'rice' is not one of"),
        ({"ph": [1.0], "crop": [1]}, "'1' is not one of"),
        ({"ph": [1.0, 2.0], "crop": ["maize"]}, "different numbers of rows"),
        ({"ph": [], "crop": []}, "1 to"),
    ],
    ids=str,
)
def test_rows_that_cannot_be_read_are_named(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(BadModelInput, match=said):
        predict(logistic(), columns)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_rows_of_a_file_give_a_file_of_predictions(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", '\ufeffcrop,note,ph\n"maize","a, b",6.5\nwheat,, 7 \nbarley,x,NA\n')
    columns = read_columns(path, logistic())
    assert columns == {"ph": [6.5, 7.0, None], "crop": ["maize", "wheat", "barley"]}
    lines = as_csv(prediction_rows(predict(logistic(), columns))).splitlines()
    assert lines[0] == "prediction,score_0,score_1"
    assert lines[1].startswith("0,0.62")
    assert lines[3] == ",,"


def test_a_regression_has_one_column(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", "ph,crop\n6.5,maize\n")
    model = fitted()
    lines = as_csv(prediction_rows(predict(model, read_columns(path, model)))).splitlines()
    assert lines[0] == "prediction"
    assert float(lines[1]) == pytest.approx(3 * 6.5, abs=1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column 'ph' is missing"),
        ("ph\n1\n", "column 'crop' is missing"),
        ("ph,crop\n", "has no rows"),
        ("ph,crop,ph\n1,maize,2\n", "'ph' twice"),
        ("ph,crop\n1,maize\n2\n", "Row 3 has 1 fields and the header 2"),
        ("ph,crop\n1,maize\nx,maize\n", "Row 3, column 'ph': 'x' is no number"),
        ("ph,crop\n1_000,maize\n", "is no number"),
        ("ph,crop\ninf,maize\n", "must be finite"),
        ("ph,crop\n1,rice\n", "Row 2, column 'crop': 'rice' is none of barley, maize, wheat"),
        ('ph,crop\n1,"maize\n', "quotes or fields"),
    ],
)
def test_mistakes_in_a_file_are_named_by_row_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadModelInput, match=said):
        read_columns(write(tmp_path / "rows.csv", text), logistic())


def test_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("ph,crop\n1,blé\n".encode("latin-1"))
    with pytest.raises(BadModelInput, match="UTF-8"):
        read_columns(tmp_path / "rows.csv", logistic())
