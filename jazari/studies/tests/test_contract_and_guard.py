"""The contract on every message, and the guard's own look at floors and differences."""

from __future__ import annotations

import numpy as np
import pytest

from jazari.studies.contract import Contract, Output, Partition
from jazari.studies.errors import AlteredTotal, BelowFloor, BrokenContract, Saturated
from jazari.studies.guard import accept_total, release
from jazari.studies.messages import Array, Sums

CONTRACT = Contract(
    phase="counts",
    outputs=(
        Output(name="rows", shape=(2,), dtype="int64", lower=0, subjects="subjects"),
        Output(name="sum", shape=(2,), lower=0, upper=14, per="rows", subjects="subjects"),
        Output(name="flag", dtype="int64", lower=0, upper=1),
    ),
    evidence=(
        Output(name="subjects", shape=(2,), dtype="int64", lower=0),
        Output(name="whole", dtype="int64", lower=0),
        Output(name="hidden", dtype="int64", lower=0),
    ),
    partitions=(Partition(parts=("rows",), whole="whole", hidden="hidden"),),
)


def sums(**changes: Array) -> Sums:
    good: Sums = {
        "rows": np.array([20, 30]),
        "sum": np.array([100.0, 200.0]),
        "flag": np.array(1),
        "subjects": np.array([12, 30]),
        "whole": np.array(50),
        "hidden": np.array(0),
    }
    return good | changes


def outputs(**changes: Array) -> Sums:
    return {name: array for name, array in sums(**changes).items() if name in CONTRACT.names()}


def test_only_the_outputs_are_released() -> None:
    assert set(release(CONTRACT, sums(), 10)) == {"rows", "sum", "flag"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"extra": np.zeros(2)}, "extra"),
        ({"rows": np.array([20.0, 30.0])}, "type"),
        ({"rows": np.array([20, 30, 0])}, "shape"),
        ({"rows": np.array([-1, 30])}, "below"),
        ({"sum": np.array([np.nan, 200.0])}, "finite"),
        ({"sum": np.array([np.inf, 200.0])}, "finite"),
        ({"sum": np.array([281.0, 200.0])}, "above"),
        ({"sum": np.array([-0.1, 200.0])}, "below"),
        ({"flag": np.array(2)}, "above"),
        ({"rows": np.array([2**60, 30])}, "exact integers"),
        ({"whole": np.array(49)}, "more than the whole"),
    ],
)
def test_a_message_beyond_the_contract_is_refused(changes: Sums, problem: str) -> None:
    with pytest.raises(BrokenContract, match=problem):
        release(CONTRACT, sums(**changes), 10)


def test_a_missing_output_is_refused() -> None:
    incomplete = sums()
    del incomplete["sum"]
    with pytest.raises(BrokenContract, match="sum"):
        release(CONTRACT, incomplete, 10)


def test_the_floor_counts_subjects_not_rows() -> None:
    few = {"subjects": np.array([9, 30])}
    with pytest.raises(BelowFloor, match="fewer than 10"):
        release(CONTRACT, sums(**few), 10)
    assert release(CONTRACT, sums(**few), 9)


def test_a_value_without_subjects_is_refused() -> None:
    with pytest.raises(BelowFloor, match="no subject"):
        release(CONTRACT, sums(subjects=np.array([0, 30])), 10)


def test_a_small_remainder_that_follows_by_subtraction_is_refused() -> None:
    with pytest.raises(BelowFloor, match="derived"):
        release(CONTRACT, sums(whole=np.array(53), hidden=np.array(3)), 10)
    assert release(CONTRACT, sums(whole=np.array(63), hidden=np.array(13)), 10)


def test_a_floor_of_one_is_off() -> None:
    assert release(CONTRACT, sums(subjects=np.array([1, 1]), whole=np.array(51), hidden=np.array(1)), 1)


def test_evidence_about_subjects_must_come_along() -> None:
    bare = CONTRACT.model_copy(update={"evidence": (), "partitions": ()})
    with pytest.raises(BrokenContract, match="number of subjects"):
        release(bare, outputs(), 10)


def test_a_total_must_have_room_for_the_own_part() -> None:
    accept_total(CONTRACT, outputs(rows=np.array([40, 60]), flag=np.array(2)), outputs(), 2)
    with pytest.raises(AlteredTotal, match="smaller"):
        accept_total(CONTRACT, outputs(rows=np.array([19, 60])), outputs(), 2)
    with pytest.raises(AlteredTotal, match="smaller"):
        accept_total(CONTRACT, outputs(rows=np.array([40, 60]), sum=np.array([99.0, 200.0])), outputs(), 2)


def test_alone_the_total_is_the_own_part() -> None:
    accept_total(CONTRACT, outputs(), outputs(), 1)
    with pytest.raises(AlteredTotal, match="alone"):
        accept_total(CONTRACT, outputs(rows=np.array([21, 30])), outputs(), 1)


@pytest.mark.parametrize("changes", [{"state": np.zeros(1)}, {"sum": np.array([np.nan, 1.0])}, {"flag": np.array(3)}])
def test_a_total_keeps_the_contract_too(changes: Sums) -> None:
    with pytest.raises(BrokenContract):
        accept_total(CONTRACT, outputs(rows=np.array([40, 60])) | changes, outputs(), 2)


def test_bounds_of_flags_grow_with_the_institutes_and_those_per_row_do_not() -> None:
    CONTRACT.check(outputs(flag=np.array(5)), institutes=5)
    with pytest.raises(BrokenContract):
        CONTRACT.check(outputs(sum=np.array([500.0, 200.0])), institutes=5)


def test_an_empty_contract_has_zeros() -> None:
    zeros = CONTRACT.zeros()
    CONTRACT.check(zeros)
    assert zeros["rows"].tolist() == [0, 0]


@pytest.mark.parametrize(("parameters", "refused"), [(0, False), (4, False), (5, True)])
def test_more_numbers_than_a_third_of_the_subjects_are_refused(parameters: int, refused: bool) -> None:
    """The smallest count of subjects decides: 12 here."""
    contract = CONTRACT.model_copy(update={"parameters": parameters})
    if refused:
        with pytest.raises(Saturated, match="5 numbers"):
            release(contract, sums(), 10)
    else:
        release(contract, sums(), 10)
    release(contract, sums(), 1)


def test_parameters_without_a_number_of_subjects_are_refused() -> None:
    contract = CONTRACT.model_copy(update={"parameters": 1, "estimated_from": "nothing"})
    with pytest.raises(BrokenContract, match="no number of subjects"):
        release(contract, sums(), 10)
