"""p-values against scipy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from jazari.studies.recipes.distributions import incomplete_beta, normal_p_value, student_p_value


@given(st.floats(-30, 30))
def test_normal(statistic: float) -> None:
    assert normal_p_value(statistic) == pytest.approx(2 * stats.norm.sf(abs(statistic)), rel=1e-10, abs=1e-300)


@given(st.floats(-50, 50), st.integers(1, 200_000))
def test_student(statistic: float, freedom: int) -> None:
    assert student_p_value(statistic, freedom) == pytest.approx(
        2 * stats.t.sf(abs(statistic), freedom), rel=1e-8, abs=1e-290
    )


@given(st.floats(0.1, 500), st.floats(0.1, 500), st.floats(0, 1))
def test_incomplete_beta(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-12)
