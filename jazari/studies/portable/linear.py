"""Linear and logistic models: a sum of terms, as it is or as a log-odds.

``coefficients`` (terms,), float64. ``settings``: ``terms``, a list of [input, level]; ["", null] is the intercept, and
the level of a number is null; ``link`` is ``identity`` or ``logit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jazari.studies.agreement import StudyText
from jazari.studies.data.table import Floats
from jazari.studies.errors import NoModel
from jazari.studies.portable.model import Input, PortableModel, binary_classes, require

_LINKS = {"regression": "identity", "binary": "logit"}


def check(model: PortableModel) -> None:
    """Raise ``BadModel`` unless every term belongs to an input and has a coefficient."""
    require(set(model.settings) == {"terms", "link"}, "its settings are not those of a linear model")
    require(set(model.arrays) == {"coefficients"}, "its arrays are not those of a linear model")
    require(model.settings["link"] == _LINKS.get(model.task), "its link does not fit its task")
    terms, coefficients = model.settings["terms"], model.arrays["coefficients"]
    require(isinstance(terms, list) and coefficients.dtype == np.float64, "its terms or coefficients are not sound")
    require(coefficients.shape == (len(terms),), "it has not one coefficient for each term")
    for term in terms:
        require(_is_term(term, model), "a term belongs to no input")
    require(len({(name, level) for name, level in terms}) == len(terms), "a term stands twice")


def _is_term(term: Any, model: PortableModel) -> bool:
    if not isinstance(term, list) or len(term) != 2 or not isinstance(term[0], str):
        return False
    name, level = term
    if name == "":
        return level is None
    return any(one.name == name and _has_level(one, level) for one in model.inputs)


def _has_level(one: Input, level: Any) -> bool:
    return level is None if one.kind == "numeric" else one.kind == "category" and level in one.levels


def predict(model: PortableModel, columns: Mapping[str, Any]) -> Floats:
    """(rows,) in the response's unit, or (rows, 2) scores; NaN where an input is missing."""
    rows = len(next(iter(columns.values())))
    linear = np.zeros(rows)
    for (name, level), coefficient in zip(model.settings["terms"], model.arrays["coefficients"], strict=True):
        linear += coefficient * _term(model, name, level, columns)
    for one in model.inputs:
        if one.kind == "category":
            linear[columns[one.name] < 0] = np.nan
    if model.task == "regression":
        return linear
    share = 0.5 * (1 + np.tanh(linear / 2))
    return np.column_stack([1 - share, share])


def _term(model: PortableModel, name: str, level: str | None, columns: Mapping[str, Any]) -> Any:
    if name == "":
        return 1.0
    if level is None:
        return columns[name]
    return columns[name] == model.input(name).levels.index(level)


def from_glm(text: StudyText, values: Mapping[str, Any], response: str) -> PortableModel:
    """The model of one ``response`` in a result of the recipe ``glm``; raises ``NoModel``."""
    fits, gaussian = values["responses"], values["family"] == "gaussian"
    if not response and len(fits) > 1:
        raise NoModel(f"The result has a model for each of {', '.join(fits)}: name one with --response.")
    name = response or next(iter(fits))
    if name not in fits:
        raise NoModel(f"The result has no model of {name[:60]!r}: choose one of {', '.join(fits)}.")
    inputs = _inputs(text, values)
    told = {entry["term"]: entry["estimate"] for entry in fits[name]["coefficients"]}
    terms = [term for term in _terms(inputs) if _label(term) in told]
    variable = text.named_variables()[name]
    return PortableModel(
        kind="linear",
        task="regression" if gaussian else "binary",
        response=name,
        inputs=inputs,
        arrays={"coefficients": np.array([told[_label(term)] for term in terms], dtype=np.float64)},
        unit=variable.unit if gaussian else "",
        classes=() if gaussian else binary_classes(variable.levels, text.parameters.get("positive")),
        settings={"terms": [list(term) for term in terms], "link": "identity" if gaussian else "logit"},
    )


def _inputs(text: StudyText, values: Mapping[str, Any]) -> tuple[Input, ...]:
    """The predictors. A level that had no rows has no coefficient, so the model does not know it."""
    inputs = []
    for name in text.parameters["predictors"]:
        variable, empty = text.named_variables()[name], values["levels_without_rows"].get(name, ())
        levels = tuple(level for level in variable.levels if level not in empty)
        inputs.append(Input(name, variable.kind, variable.unit, levels, variable.lower, variable.upper))
    return tuple(inputs)


def _terms(inputs: tuple[Input, ...]) -> list[tuple[str, str | None]]:
    terms: list[tuple[str, str | None]] = [("", None)]
    for one in inputs:
        terms += [(one.name, level) for level in one.levels or (None,)]
    return terms


def _label(term: tuple[str, str | None]) -> str:
    """As the result names a coefficient."""
    name, level = term
    return name or "intercept" if level is None else f"{name}={level}"
