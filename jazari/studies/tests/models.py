"""Models and inputs for tests of what is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jazari.studies.inputs import keep_input
from jazari.studies.portable.files import model_bytes
from jazari.studies.portable.from_result import from_result
from jazari.studies.portable.model import Input, PortableModel
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import CROPS, LINEAR, LOGISTIC, make_study, random_table

NAMES = ("fes", "rabat", "taza")
INPUTS = (Input("ph", "numeric", "pH", (), 0.0, 14.0), Input("crop", "category", "", CROPS))


def fitted(parameters: dict[str, Any] = LINEAR, seed: int = 100, rows: int = 300) -> PortableModel:
    """The model of a glm study over two institutes, by default of the yield."""
    data = {name: random_table(seed + place, rows) for place, name in enumerate(("oujda", "safi"))}
    study = make_study("glm", parameters, list(data))
    return from_result(study, simulate(study, data).result)


def logistic(**changes: Any) -> PortableModel:
    """A model of ``ill`` by hand: log-odds ph - 6.5, half less for maize."""
    values: dict[str, Any] = {
        "kind": "linear", "task": "binary", "response": "ill", "inputs": INPUTS, "classes": ("0", "1"),
        "arrays": {"coefficients": np.array([-6.5, 1.0, -0.5])},
        "settings": {"terms": [["", None], ["ph", None], ["crop", "maize"]], "link": "logit"},
    } | changes  # fmt: skip
    return PortableModel(**values)


def kept(folder: Path, model: PortableModel) -> str:
    """Keep the file of ``model`` in a folder of inputs; its SHA-256."""
    return keep_input(folder, model_bytes(model)).name


__all__ = ["INPUTS", "LINEAR", "LOGISTIC", "NAMES", "fitted", "kept", "logistic"]
