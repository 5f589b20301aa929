"""Models as files that anybody can use: read one with ``load``, apply it with ``predict``.

::

    from jazari.studies.portable import load, predict

    model = load("yield.safetensors")
    predict(model, {"ph": [6.5, 7.0], "crop": ["wheat", "maize"]}).values
"""

from __future__ import annotations

from jazari.studies.portable.files import load, save
from jazari.studies.portable.model import Input, PortableModel
from jazari.studies.portable.predict import Prediction, predict

__all__ = ["Input", "PortableModel", "Prediction", "load", "predict", "save"]
