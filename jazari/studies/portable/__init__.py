"""Models as files that anybody can use: read one with ``load``, apply it with ``predict``.

::

    from jazari.studies.portable import load, predict

    model = load("yield.safetensors")
    predict(model, {"ph": [6.5, 7.0], "crop": ["wheat", "maize"]}).values
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jazari.studies.portable.files import load, save
    from jazari.studies.portable.model import Input, PortableModel
    from jazari.studies.portable.prediction import Prediction, predict

__all__ = ["Input", "PortableModel", "Prediction", "load", "predict", "save"]

_HOMES = {"load": "files", "save": "files", "Input": "model", "PortableModel": "model"}


def __getattr__(name: str) -> Any:
    # A command that only reads a model's card is not kept waiting by what computes with models.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'prediction')}"), name)
