"""What a model is outside a study: named inputs, a task, and the arrays that its kind computes with."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from jazari.studies.errors import BadModel
from jazari.studies.portable.words import InputKind, ModelKind, Task

MOST_INPUTS = 2000
MOST_CLASSES = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Input:
    """One column that a model reads.

    ``levels``: the values of a category. ``lower`` and ``upper``: the range of a number in the data that the model
    was made from, in ``unit``; beyond it the model extrapolates.
    """

    name: str
    kind: InputKind
    unit: str = ""
    levels: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class PortableModel:
    """A model that predicts ``response`` (in ``unit``, if it is a number) from ``inputs``.

    ``classes`` are what a classifier tells apart, in the order of its scores; of two, the second is the event.
    ``arrays`` (float64, float32, int64, int32 or uint8) and ``settings`` (JSON) are what ``kind`` defines.
    """

    kind: ModelKind
    task: Task
    response: str
    inputs: tuple[Input, ...]
    arrays: Mapping[str, Array]
    unit: str = ""
    classes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def input(self, name: str) -> Input:
        """The input called ``name``; raises ``BadModel``."""
        for one in self.inputs:
            if one.name == name:
                return one
        raise BadModel(f"The model has no input {name!r}: fetch it again.")


def require(condition: bool, problem: str) -> None:
    """Raise ``BadModel`` with ``problem`` unless ``condition``."""
    if not condition:
        raise BadModel(f"The model is not valid: {problem}; nothing was computed, fetch it again.")


def check_form(model: PortableModel) -> None:
    """Raise ``BadModel`` unless inputs, classes and task make sense, whatever the kind."""
    names = [one.name for one in model.inputs]
    require(0 < len(names) <= MOST_INPUTS, "it has no inputs, or too many")
    require(len(set(names)) == len(names), "an input is named twice")
    require(_NAME.fullmatch(model.response) is not None, "its response has no proper name")
    for one in model.inputs:
        _check_input(one)
    classes = {"regression": (0, 0), "binary": (2, 2), "multiclass": (2, MOST_CLASSES)}.get(model.task)
    require(classes is not None, "its task is unknown")
    least, most = classes or (0, 0)
    require(least <= len(model.classes) <= most, "its classes do not fit its task")
    require(len(set(model.classes)) == len(model.classes), "a class is named twice")
    for name, array in model.arrays.items():
        finite = array.dtype.kind != "f" or bool(np.isfinite(array).all())
        require(finite, f"the array {name!r} holds a value that is not finite")


def _check_input(one: Input) -> None:
    require(_NAME.fullmatch(one.name) is not None, "an input has no proper name")
    require(one.kind in ("numeric", "category", "text"), f"the kind of the input {one.name} is unknown")
    require((one.kind == "category") == bool(one.levels), f"the levels of {one.name} do not fit its kind")
    require(len(set(one.levels)) == len(one.levels), f"a level of {one.name} is listed twice")
    bounds = [bound for bound in (one.lower, one.upper) if bound is not None]
    require(one.kind == "numeric" or not bounds, f"{one.name} is no number and has a range")
    require(all(math.isfinite(bound) for bound in bounds) and sorted(bounds) == bounds, f"bad range of {one.name}")


def binary_classes(levels: tuple[str, ...], positive: str | None) -> tuple[str, str]:
    """The two classes of a response: its levels, or 0 and 1 for a number, or ``positive`` and all other levels."""
    if positive is None:
        return ("0", "1")
    others = [level for level in levels if level != positive]
    return (others[0] if len(others) == 1 else f"not {positive}", positive)
