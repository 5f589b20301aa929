"""Networks: a perceptron on numbers and categories (``network``), or one layer on hashed words (``bag-of-words``).

``weights.<i>`` (inputs, outputs) and ``biases.<i>`` (outputs,), float64, for each layer. ``settings`` are what the
recipe ``fedavg`` writes into its result of how inputs are made; it also computes the predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core.canonical import canonical_json
from jazari.studies.agreement import StudyText
from jazari.studies.data.schema import first_problem
from jazari.studies.data.table import Floats
from jazari.studies.errors import BadModel
from jazari.studies.portable.model import Input, PortableModel, require
from jazari.studies.recipes import fedavg_model

MOST_LAYERS = 9
Number = Annotated[float, Field(ge=-1e300, le=1e300)]
Scale = Annotated[float, Field(gt=1e-300, le=1e300)]


class _Closed(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Predictor(_Closed):
    name: str
    levels: list[str]
    unit: str
    centre: Number
    scale: Scale
    indicator: bool


class _Predictors(_Closed):
    predictors: list[_Predictor]
    missing: Literal["leave_out", "impute"]


class _Texts(_Closed):
    texts: list[str]
    buckets: int = Field(ge=1, le=2**15)
    ngrams: int = Field(ge=1, le=3)
    missing: Literal["leave_out", "impute"]


class _Response(_Closed):
    name: str
    unit: str
    classes: list[str]
    centre: Number
    scale: Scale


class _Perceptron(_Closed):
    model: Literal["mlp"]
    task: str
    activation: Literal["tanh", "relu"]
    inputs: _Predictors
    response: _Response


class _BagOfWords(_Closed):
    model: Literal["text"]
    task: str
    activation: Literal["tanh", "relu"]
    inputs: _Texts
    response: _Response


def check(model: PortableModel) -> None:
    """Raise ``BadModel`` unless settings, inputs and the shapes of all layers fit together."""
    form = _Perceptron if model.kind == "network" else _BagOfWords
    try:
        told = form.model_validate_json(canonical_json(dict(model.settings)))
    except (ValidationError, ValueError) as error:
        raise BadModel(f"The settings of the network are not valid: {first_problem(error)}; fetch it again.") from error
    require(told.task == model.task, "its settings are for another task")
    require(told.response.name == model.response, "its settings are for another response")
    require(tuple(told.response.classes) == model.classes, "its settings are for other classes")
    width = _width(told.inputs, model)
    outputs = len(model.classes) if model.task == "multiclass" else 1
    _check_layers(model, width, outputs)


def _width(inputs: _Predictors | _Texts, model: PortableModel) -> int:
    """How many numbers enter the first layer."""
    if isinstance(inputs, _Texts):
        require(inputs.texts == [one.name for one in model.inputs], "its settings are for other texts")
        require(all(one.kind == "text" for one in model.inputs), "it reads something else than texts")
        return inputs.buckets
    named = [(one.name, list(one.levels)) for one in model.inputs]
    require([(p.name, p.levels) for p in inputs.predictors] == named, "its settings are for other inputs")
    require(all(one.kind != "text" for one in model.inputs), "it reads no texts")
    return sum((len(p.levels) or 1) + p.indicator for p in inputs.predictors)


def _check_layers(model: PortableModel, width: int, outputs: int) -> None:
    layers = len(model.arrays) // 2
    require(1 <= layers <= MOST_LAYERS, "it has no layers, or too many")
    names = {f"{part}.{place}" for place in range(layers) for part in ("weights", "biases")}
    require(set(model.arrays) == names, "its arrays are not those of a network")
    for place in range(layers):
        weights, biases = model.arrays[f"weights.{place}"], model.arrays[f"biases.{place}"]
        require(weights.dtype == biases.dtype == np.float64, "its weights are of another type")
        require(weights.ndim == 2 and biases.shape == weights.shape[1:], f"the layer {place} is not sound")
        require(weights.shape[0] == width, f"the layer {place} does not follow on the one before")
        width = weights.shape[1]
    require(width == outputs, "its last layer does not fit its classes")


def predict(model: PortableModel, columns: Mapping[str, Any]) -> Floats:
    """(rows,) in the response's unit, or scores (rows, classes); NaN where a value is missing and not replaced."""
    layers = [{"weights": model.arrays[f"weights.{place}"], "biases": model.arrays[f"biases.{place}"]}
              for place in range(len(model.arrays) // 2)]  # fmt: skip
    return fedavg_model.predict({**model.settings, "layers": layers}, columns)


def from_fedavg(text: StudyText, values: Mapping[str, Any], response: str) -> PortableModel:
    """The model in a result of the recipe ``fedavg``, which has one response."""
    del response
    told = {name: values[name] for name in ("model", "task", "activation", "inputs", "response")}
    variables = text.named_variables()
    names = told["inputs"].get("texts") or [p["name"] for p in told["inputs"]["predictors"]]
    chosen = [variables[name] for name in names]
    arrays = {}
    for place, layer in enumerate(values["layers"]):
        arrays[f"weights.{place}"] = np.array(layer["weights"], dtype=np.float64)
        arrays[f"biases.{place}"] = np.array(layer["biases"], dtype=np.float64)
    return PortableModel(
        kind="network" if told["model"] == "mlp" else "bag-of-words",
        task=told["task"],
        response=told["response"]["name"],
        inputs=tuple(Input(v.name, v.kind, v.unit, v.levels, v.lower, v.upper) for v in chosen),
        arrays=arrays,
        unit=told["response"]["unit"] if told["task"] == "regression" else "",
        classes=tuple(told["response"]["classes"]),
        settings=told,
    )
