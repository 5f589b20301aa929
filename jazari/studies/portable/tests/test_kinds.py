"""Every kind: the file predicts what the study's own result predicts, and a file that lies is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jazari.studies.data.table import Table
from jazari.studies.errors import BadModel
from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
from jazari.studies.portable import PortableModel, predict
from jazari.studies.portable.files import model_bytes, read_model
from jazari.studies.portable.from_result import from_result
from jazari.studies.recipes import boosting_model, fedavg_model
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import CROPS, make_study, random_table
from jazari.studies.tests.models import NAMES, kept

TREES = {"trees": 4, "depth": 2}
NET = {"model": "mlp", "rounds": 4, "learning_rate": 0.2, "layers": [4], "seed": 5}
TASKS = {
    "regression": {"task": "regression", "response": "yield_", "predictors": ["ph", "crop"]},
    "binary": {"task": "binary", "response": "ill", "predictors": ["ph", "crop"]},
    "one-class": {"task": "binary", "response": "crop", "predictors": ["ph", "yield_"], "positive": "wheat"},
    "multiclass": {"task": "multiclass", "response": "crop", "predictors": ["ph", "yield_"]},
}
CASES = [(recipe, task) for recipe in ("boosting", "fedavg") for task in TASKS]
PH = [4.0, 5.5, 6.51, 7.25, 9.0, None, 6.0]
YIELDS = [3.0, -5.0, 20.0, 21.5, 18.0, 20.0, None]
CROP = ["barley", "maize", "wheat", None, "maize", "wheat", "barley"]


@cache
def trained(recipe: str, task: str, **changes: Any) -> tuple[dict[str, Any], PortableModel]:
    parameters = TASKS[task] | (TREES if recipe == "boosting" else NET)
    data = {name: random_table(seed + 50, 300) for seed, name in enumerate(NAMES)}
    study = make_study(recipe, parameters, list(data), max_rounds=100)
    result = simulate(study, data).result
    return result, from_result(study, result)


def columns() -> dict[str, Any]:
    numbers = {"ph": PH, "yield_": YIELDS}
    floats = {n: np.array([np.nan if v is None else v for v in values]) for n, values in numbers.items()}
    return floats | {"crop": np.array([-1 if c is None else CROPS.index(c) for c in CROP], dtype=np.int64)}


@pytest.mark.parametrize(("recipe", "task"), CASES)
def test_the_file_predicts_what_the_result_predicts(recipe: str, task: str) -> None:
    result, model = trained(recipe, task)
    again = read_model(model_bytes(model))
    told = predict(again, {"ph": PH, "yield_": YIELDS, "crop": CROP})
    if recipe == "fedavg":
        expected = fedavg_model.predict(result, columns())
    else:
        expected = boosting_model.predict(result, {n: c.astype(float) for n, c in columns().items()})
        expected = np.column_stack([1 - expected, expected]) if model.task == "binary" else expected
    assert told.values == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert not np.isnan(told.values[:5][[0, 1, 2, 4]]).any()
    assert model_bytes(again) == model_bytes(model)


def test_the_classes_are_named() -> None:
    for recipe in ("boosting", "fedavg"):
        assert trained(recipe, "binary")[1].classes == ("0", "1")
        assert trained(recipe, "one-class")[1].classes == ("not wheat", "wheat")
        assert trained(recipe, "multiclass")[1].classes == CROPS
        assert trained(recipe, "regression")[1].classes == ()


@pytest.mark.parametrize(("recipe", "task"), CASES)
@pytest.mark.parametrize("floor", [1, 10])
def test_it_is_judged_as_on_all_rows(tmp_path: Path, recipe: str, task: str, floor: int) -> None:
    _, model = trained(recipe, task)
    data: dict[str, Table] = {name: random_table(seed, 200) for seed, name in enumerate(NAMES[:2])}
    parameters = {"model": "fes/model/crops@1", "sha256": kept(tmp_path, model), "task": model.task,
                  "inputs": [one.name for one in model.inputs], "response": model.response,
                  "edges": [0, 0.25, 0.5, 1]}  # fmt: skip
    parameters |= {"classes": list(model.classes)} if model.task == "multiclass" else {}
    parameters |= {"positive": "wheat"} if task == "one-class" else {}
    study = make_study("evaluation", parameters, list(data), floor=floor)
    told = simulate(study, data, tmp_path).result
    assert max_relative_difference(told, pooled(study, data, tmp_path), declared_scales(study)) <= 1e-9
    assert told["groups"][0]["rows"] > 100


def test_accuracy_and_confusion_of_several_classes_by_hand(tmp_path: Path) -> None:
    _, model = trained("boosting", "multiclass")
    data = {"fes": random_table(9, 300, missing=0)}
    table = data["fes"]
    said = predict(model, {"ph": table.numeric["ph"], "yield_": table.numeric["yield_"]}).labels
    parameters = {"model": "fes/model/crops@1", "sha256": kept(tmp_path, model), "task": "multiclass",
                  "inputs": ["ph", "yield_"], "response": "crop", "classes": ["wheat", "maize", "barley"]}  # fmt: skip
    told = simulate(make_study("evaluation", parameters, ["fes"], floor=1), data, tmp_path).result["groups"][0]
    truth = [CROPS[code] for code in table.codes["crop"]]
    order = parameters["classes"]
    confusion = [[sum(t == a and s == b for t, s in zip(truth, said, strict=True)) for b in order] for a in order]
    assert told["confusion"] == confusion
    assert told["accuracy"] == pytest.approx(np.mean([t == s for t, s in zip(truth, said, strict=True)]))


def test_one_class_of_several_can_be_judged_alone(tmp_path: Path) -> None:
    _, model = trained("boosting", "multiclass")
    data = {"fes": random_table(9, 300, missing=0)}
    parameters = {"model": "fes/model/crops@1", "sha256": kept(tmp_path, model), "task": "binary",
                  "inputs": ["ph", "yield_"], "response": "crop", "positive": "wheat"}  # fmt: skip
    told = simulate(make_study("evaluation", parameters, ["fes"], floor=1), data, tmp_path).result["groups"][0]
    table, bins = data["fes"], np.linspace(0, 1, 11)
    said = predict(model, {"ph": table.numeric["ph"], "yield_": table.numeric["yield_"]}).values[:, 2]
    wheat = table.codes["crop"] == 2
    assert told["histogram"]["positive"] == np.histogram(said[wheat], bins)[0].tolist()
    assert told["histogram"]["negative"] == np.histogram(said[~wheat], bins)[0].tolist()


def text_model(**changes: Any) -> PortableModel:
    buckets = 32
    weights = np.zeros((buckets, 1))
    from jazari.studies.recipes.fedavg_text import bucket

    weights[bucket("note", ["good"], buckets)] = 4.0
    weights[bucket("note", ["bad"], buckets)] = -4.0
    values: dict[str, Any] = {
        "kind": "bag-of-words", "task": "binary", "response": "kept", "classes": ("0", "1"),
        "inputs": ({"name": "note", "kind": "text"},),
        "arrays": {"weights.0": weights, "biases.0": np.zeros(1)},
        "settings": {
            "model": "text", "task": "binary", "activation": "tanh",
            "inputs": {"texts": ["note"], "buckets": buckets, "ngrams": 1, "missing": "leave_out"},
            "response": {"name": "kept", "unit": "", "classes": ["0", "1"], "centre": 0.0, "scale": 1.0},
        },
    } | changes  # fmt: skip
    from jazari.studies.portable import Input

    values["inputs"] = tuple(Input(**one) if isinstance(one, dict) else one for one in values["inputs"])
    return PortableModel(**values)


def test_a_bag_of_words_reads_texts() -> None:
    told = predict(read_model(model_bytes(text_model())), {"note": ["Good, good", "BAD!", "", None]})
    assert told.labels == ["1", "0", None, None]


def tree(**changes: Any) -> PortableModel:
    _, model = trained("boosting", "binary")
    return replace(model, arrays={name: array.copy() for name, array in model.arrays.items()} | changes)


def changed(name: str, place: int, value: float) -> PortableModel:
    model = tree()
    model.arrays[name][place] = value
    return model


SPLIT = 0
"""The first node of the first tree splits: the data have a signal."""


@pytest.mark.parametrize(
    "make",
    [
        lambda: changed("left", SPLIT, 0),
        lambda: changed("left", SPLIT, -1),
        lambda: changed("right", SPLIT, 10_000),
        lambda: changed("features", SPLIT, 99),
        lambda: changed("levels", SPLIT, 99),
        lambda: changed("starts", 1, 0),
        lambda: changed("starts", -1, 10_000),
        lambda: changed("values", -1, np.nan),
        lambda: tree(base=np.zeros(2)),
        lambda: tree(left=tree().arrays["left"].astype(np.int64)),
        lambda: tree(more=np.zeros(1)),
        lambda: replace(tree(), settings={"x": 1}),
        lambda: replace(tree(), task="multiclass", classes=("a", "b", "c")),
    ],
)
def test_trees_that_lie_are_refused(make: Any) -> None:
    assert tree().arrays["features"][SPLIT] >= 0
    with pytest.raises(BadModel):
        model_bytes(make())


def net(**changes: Any) -> PortableModel:
    _, model = trained("fedavg", "binary")
    return replace(model, **changes)


def with_settings(model: PortableModel, **changes: Any) -> PortableModel:
    return replace(model, settings=dict(model.settings) | changes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: net(arrays={}),
        lambda: net(arrays=dict(list(net().arrays.items())[:2])),
        lambda: net(arrays=dict(net().arrays) | {"weights.0": np.zeros((1, 4))}),
        lambda: net(arrays=dict(net().arrays) | {"biases.1": np.zeros(2)}),
        lambda: net(kind="bag-of-words"),
        lambda: net(response="other"),
        lambda: net(classes=("no", "yes")),
        lambda: net(inputs=net().inputs[::-1]),
        lambda: with_settings(net(), activation="eval"),
        lambda: with_settings(net(), task="regression"),
        lambda: with_settings(net(), more=1),
        lambda: with_settings(text_model(), inputs={"texts": ["note"], "buckets": 2**40, "ngrams": 1,
                                                    "missing": "impute"}),
        lambda: with_settings(text_model(), inputs={"texts": ["other"], "buckets": 32, "ngrams": 1,
                                                    "missing": "impute"}),
    ],
)  # fmt: skip
def test_networks_that_lie_are_refused(make: Any) -> None:
    model_bytes(net())
    with pytest.raises(BadModel):
        model_bytes(make())
