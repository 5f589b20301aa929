"""The noise that the guard adds: its distribution, its cost, and what is refused instead of sent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jazari.studies import guard
from jazari.studies.contract import Contract, Output
from jazari.studies.errors import BrokenContract
from jazari.studies.messages import Sums
from jazari.studies.privacy.calibration import calibrate, deviation, tail
from jazari.studies.privacy.noise import add_noise, check_cost
from jazari.studies.privacy.terms import PrivacyTerms

LAPLACE = PrivacyTerms(epsilon=1.0, max_rows_per_subject=2)
GAUSSIAN = PrivacyTerms(epsilon=1.0, delta=1e-6, mechanism="gaussian", max_rows_per_subject=2)
DRAWS = 20_000


def contract(terms: PrivacyTerms, cells: int = 3, **sensitivities: int) -> Contract:
    most = sensitivities or {"rows": 2}
    noise = calibrate(terms, most)
    room = {part.output: tail(terms.mechanism, part.scale) for part in noise.outputs}
    outputs = tuple(Output(name=n, shape=(cells,), dtype="int64", lower=-room[n], upper=1000 + room[n]) for n in most)
    evidence = tuple(Output(name=f"{n}.most", dtype="int64", lower=0, upper=d) for n, d in most.items())
    return Contract(phase="noisy", outputs=outputs, evidence=evidence, noise=noise)


def sums(cells: int = 3, **changes: Any) -> Sums:
    return {"rows": np.full(cells, 100), "rows.most": np.array(2), **changes}


def distribution(mechanism: str, scale: float, points: np.ndarray) -> np.ndarray:
    """P(noise <= k), from the definition of the distribution, not from OpenDP."""
    if mechanism == "laplace":
        p = math.exp(-1 / scale)
        return np.where(points >= 0, 1 - p ** (points + 1) / (1 + p), p ** (-points.astype(float)) / (1 + p))
    support = np.arange(-math.ceil(12 * scale), math.ceil(12 * scale) + 1)
    weights = np.exp(-(support**2) / (2 * scale**2))
    return np.asarray((np.cumsum(weights) / weights.sum())[points - support[0]])


@pytest.mark.parametrize("terms", [LAPLACE, GAUSSIAN], ids=["laplace", "gaussian"])
def test_noise_has_the_calibrated_distribution(terms: PrivacyTerms) -> None:
    asked = contract(terms, DRAWS, rows=2)
    drawn = guard.release(asked, sums(DRAWS), floor=10)["rows"] - 100
    scale = asked.noise.outputs[0].scale
    points = np.arange(-math.ceil(6 * scale), math.ceil(6 * scale) + 1)
    seen = np.searchsorted(np.sort(drawn), points, side="right") / DRAWS
    # By chance the largest gap (Kolmogorov-Smirnov) is above this once in 10^10 runs.
    assert np.abs(seen - distribution(terms.mechanism, scale, points)).max() < 0.025
    assert drawn.std() == pytest.approx(deviation(terms.mechanism, scale), rel=0.1)


def test_the_scale_is_what_the_terms_need_and_hardly_more() -> None:
    noise = calibrate(LAPLACE, {"rows": 2, "ph.sum": 131072})
    assert [part.scale for part in noise.outputs] == pytest.approx([2 * 2, 131072 * 2], rel=1e-5)
    assert all(part.scale > exact for part, exact in zip(noise.outputs, (4, 262144), strict=True))
    (gaussian,) = calibrate(GAUSSIAN, {"rows": 1}).outputs
    log = math.log(1e6)
    rho = 1 / (2 * gaussian.scale**2)
    assert rho + 2 * math.sqrt(rho * log) == pytest.approx(1.0, rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.001, 10.0),
    st.sampled_from([0.0, 1e-5, 1e-9]),
    st.lists(st.integers(1, 10**8), min_size=1, max_size=12),
)
def test_opendp_accounts_no_more_than_the_terms_for_any_terms(
    epsilon: float, delta: float, sensitivities: list[int]
) -> None:
    terms = PrivacyTerms(
        epsilon=epsilon, delta=delta, mechanism="gaussian" if delta else "laplace", max_rows_per_subject=1
    )
    check_cost(calibrate(terms, {f"o{place}": most for place, most in enumerate(sensitivities)}))


@pytest.mark.parametrize("terms", [LAPLACE, GAUSSIAN], ids=["laplace", "gaussian"])
def test_noise_that_is_too_small_is_refused(terms: PrivacyTerms) -> None:
    asked = contract(terms)
    (part,) = asked.noise.outputs
    quieter = asked.noise.model_copy(update={"outputs": (part.model_copy(update={"scale": part.scale * 0.8}),)})
    with pytest.raises(BrokenContract, match="costs epsilon"):
        guard.release(asked.model_copy(update={"noise": quieter}), sums(), floor=10)


def test_an_output_without_noise_is_refused() -> None:
    asked = contract(LAPLACE, rows=2, present=2)
    half = asked.noise.model_copy(update={"outputs": asked.noise.outputs[:1]})
    both = sums(present=np.full(3, 7), **{"present.most": np.array(1)})
    with pytest.raises(BrokenContract, match="does not cover"):
        guard.release(asked.model_copy(update={"noise": half}), both, floor=10)


def test_a_subject_that_weighs_more_than_the_noise_is_made_for_is_refused() -> None:
    asked = contract(LAPLACE)
    with pytest.raises(BrokenContract):
        guard.release(asked, sums(**{"rows.most": np.array(3)}), floor=10)
    loose = asked.model_copy(update={"evidence": (Output(name="rows.most", dtype="int64"),)})
    with pytest.raises(BrokenContract, match="one subject contributes"):
        guard.release(loose, sums(**{"rows.most": np.array(3)}), floor=10)
    without = asked.model_copy(update={"evidence": ()})
    with pytest.raises(BrokenContract, match="one subject contributes"):
        guard.release(without, {"rows": np.full(3, 100)}, floor=10)


def test_noise_is_for_whole_numbers_within_bounds() -> None:
    asked = contract(LAPLACE)
    (rows,) = asked.outputs
    for update in ({"dtype": "float64"}, {"lower": None}, {"upper": None}):
        with pytest.raises(BrokenContract, match="whole numbers within bounds"):
            add_noise(asked.noise, (rows.model_copy(update=update),), {"rows": np.full(3, 100)})


def test_what_leaves_stays_within_the_bounds_and_is_drawn_anew_each_time() -> None:
    asked = contract(LAPLACE, 2000)
    (rows,) = asked.outputs
    narrow = rows.model_copy(update={"lower": 98.0, "upper": 102.0})
    released = guard.release(asked.model_copy(update={"outputs": (narrow,)}), sums(2000), floor=10)["rows"]
    assert (released.min(), released.max()) == (98, 102)
    first, second = (guard.release(asked, sums(2000), floor=10)["rows"] for _ in range(2))
    assert not np.array_equal(first, second)
    assert first.dtype == np.int64
    asked.check({"rows": first})


@pytest.mark.parametrize(
    "values",
    [
        {"epsilon": 0.0},
        {"epsilon": -1.0},
        {"epsilon": 11.0},
        {"epsilon": math.inf},
        {"delta": 1e-6},
        {"mechanism": "gaussian"},
        {"mechanism": "gaussian", "delta": 0.01},
        {"mechanism": "none"},
        {"max_rows_per_subject": 0},
        {"unit": "row"},
    ],
)
def test_terms_that_protect_nobody_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PrivacyTerms.model_validate({"epsilon": 1.0, "max_rows_per_subject": 1, **values})
