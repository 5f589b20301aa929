"""The kinds of model: how each is checked and computed. A further kind is one module here and one line below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jazari.studies.data.table import Floats
from jazari.studies.portable import linear, network, trees
from jazari.studies.portable.model import PortableModel, check_form, require

Prepared = Mapping[str, Any]
"""Columns as kinds take them: float64 with NaN for missing; int64 indexes into the input's levels with -1 for
missing; a list of texts."""


@dataclass(frozen=True)
class Kind:
    """``check`` raises ``BadModel`` unless arrays and settings are sound.

    ``predict`` gives (rows,) for a regression, else scores (rows, classes) that are 0 or more and add up to 1; NaN in
    a row that cannot be predicted because something is missing.
    """

    check: Callable[[PortableModel], None]
    predict: Callable[[PortableModel, Prepared], Floats]


KINDS: dict[str, Kind] = {
    "linear": Kind(linear.check, linear.predict),
    "trees": Kind(trees.check, trees.predict),
    "network": Kind(network.check, network.predict),
    "bag-of-words": Kind(network.check, network.predict),
}


def kind_of(model: PortableModel) -> Kind:
    """What computes ``model``; raises ``BadModel`` for a kind that is not installed."""
    require(model.kind in KINDS, f"its kind {model.kind!r} is not installed here")
    return KINDS[model.kind]


def check_model(model: PortableModel) -> None:
    """Raise ``BadModel`` unless everything in ``model`` fits together."""
    check_form(model)
    kind_of(model).check(model)
