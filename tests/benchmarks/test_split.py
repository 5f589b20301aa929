"""The heart data are split as FLamby splits them: figures of scikit-learn 1.9.1 and of the data's README."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import heart_data
from benchmarks.base import HEART_DATA
from benchmarks.split import train_and_test

LABELS = np.array([0.0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0])
# What its train_test_split gives for 12 rows, 66 % and 34 %, random state 43: without strata, and with LABELS.
UNSTRATIFIED = ([3, 10, 2, 5, 1, 0, 4], [11, 6, 7, 8, 9])
STRATIFIED = ([1, 10, 5, 9, 11, 6, 4], [3, 7, 8, 0, 2])


def test_without_strata_the_rows_are_those_of_scikit_learn() -> None:
    train, test = train_and_test(LABELS, 43, stratified=False)
    assert train.tolist() == UNSTRATIFIED[0]
    assert test.tolist() == UNSTRATIFIED[1]


def test_with_strata_the_rows_are_those_of_scikit_learn() -> None:
    train, test = train_and_test(LABELS, 43, stratified=True)
    assert train.tolist() == STRATIFIED[0]
    assert test.tolist() == STRATIFIED[1]


@pytest.mark.skipif(not HEART_DATA.is_dir(), reason=f"{HEART_DATA} does not hold the hospitals' files")
def test_the_pooled_optimum_classifies_as_published() -> None:
    hospitals = heart_data.load(HEART_DATA)
    assert [len(rows.ill) for rows in hospitals.values()] == [303, 261, 46, 130]
    train, test = (heart_data.pooled(part) for part in heart_data.split(hospitals, heart_data.FLAMBY_SEED))
    assert (len(train.ill), len(test.ill)) == (486, 254)
    assert heart_data.right(test, heart_data.pooled_optimum(train)) == 201


@pytest.mark.skipif(not HEART_DATA.is_dir(), reason=f"{HEART_DATA} does not hold the hospitals' files")
def test_the_pooled_optimum_over_all_seeds_is_as_published() -> None:
    hospitals = heart_data.load(HEART_DATA)
    shares = []
    for seed in heart_data.SEEDS:
        train, test = (heart_data.pooled(part) for part in heart_data.split(hospitals, seed))
        shares.append(heart_data.right(test, heart_data.pooled_optimum(train)) / len(test.ill))
    assert [round(float(value), 3) for value in (np.mean(shares), min(shares), max(shares))] == [0.801, 0.768, 0.827]
