"""The measure by which two results are compared."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jazari.studies.pooled import max_relative_difference


@pytest.mark.parametrize(
    ("a", "b", "scales", "expected"),
    [
        ({"x": 1.0}, {"x": 1.0}, {}, 0.0),
        ({"x": 2.2}, {"x": 2.0}, {}, 0.1),
        ({"x": 0.2}, {"x": 0.0}, {}, 0.2),
        ({"x": 0.2}, {"x": 0.0}, {"x": 10.0}, 0.02),
        ({"ph": {"mean": 0.2}}, {"ph": {"mean": 0.0}}, {"ph.mean": 100.0}, 0.002),
        ({"ph": {"quantiles": {"0.5": 1.0}}}, {"ph": {"quantiles": {"0.5": 0.0}}}, {"ph.quantiles": 10.0}, 0.1),
        ([1, 2, 3], [1, 2, 6], {}, 0.5),
        ({"estimate": 0.1, "standard_error": 4.0}, {"estimate": 0.0, "standard_error": 4.0}, {}, 0.025),
        ({"x": None}, {"x": None}, {}, 0.0),
        ({"x": None}, {"x": 0.0}, {}, math.inf),
        ({"x": 1.0}, {"y": 1.0}, {}, math.inf),
        ([1], [1, 2], {}, math.inf),
        ("a", "b", {}, math.inf),
        (True, 1, {}, math.inf),
        ({}, {}, {}, 0.0),
    ],
)
def test_differences(a: Any, b: Any, scales: dict[str, float], expected: float) -> None:
    assert max_relative_difference(a, b, scales) == pytest.approx(expected)
