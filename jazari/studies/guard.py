"""The institute's own gate: what may leave, and what may come in. Pure decisions, no files and no data.

The guard does not trust the recipe: it takes the recipe's sums and evidence and checks by itself that every
released cell stands for enough distinct subjects and that nothing smaller follows by subtraction.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jazari.studies.contract import NOTHING, ROUNDING, Contract, Partition, broadcast, check_arrays
from jazari.studies.errors import AlteredTotal, BelowFloor, BrokenContract, Saturated
from jazari.studies.messages import Array, Sums
from jazari.studies.privacy.noise import add_noise, check_bounded

SUBJECTS_PER_PARAMETER = 3
"""Fewest subjects for each number that is estimated from them: a model as large as the data gives the rows away."""


def release(contract: Contract, sums: Mapping[str, Array], floor: int) -> Sums:
    """The outputs among ``sums``, once they keep the contract and the floor; the evidence stays here.

    Where the contract declares noise, every call draws it anew: what it returns is stored, and sent again as it is.
    Raises ``BrokenContract``, ``BelowFloor`` or ``Saturated``.
    """
    everything = (*contract.outputs, *contract.evidence)
    check_arrays(everything, sums)
    for output in everything:
        if output.subjects is not None:
            _check_floor(output.name, output.subjects, sums, floor)
    for partition in contract.partitions:
        _check_partition(partition, sums, floor)
    if contract.parameters and floor > 1:
        _check_saturation(contract, sums)
    outputs = {output.name: sums[output.name] for output in contract.outputs}
    if contract.noise is None:
        return outputs
    check_bounded(contract.noise, sums)
    return add_noise(contract.noise, contract.outputs, outputs)


def check_masked(contract: Contract, words: Mapping[str, Array]) -> None:
    """Raise ``BrokenContract`` unless ``words`` are the contract's outputs under a mask: names, shapes, uint64.

    Their values say nothing; what they stand for went through ``release`` before.
    """
    if set(words) != contract.names():
        odd = sorted(set(words) ^ contract.names())[0]
        raise BrokenContract(f"The masked sums hold or lack {odd!r} against the contract: {NOTHING}")
    for output in contract.outputs:
        array = words[output.name]
        if not isinstance(array, np.ndarray) or array.dtype != np.uint64 or array.shape != output.shape:
            raise BrokenContract(f"{output.name!r} is not masked in the form of the contract: {NOTHING}")


def _check_floor(name: str, counted: str, sums: Mapping[str, Array], floor: int) -> None:
    if counted not in sums:
        raise BrokenContract(f"{name!r} comes without its number of subjects: nothing was sent.")
    array = sums[name]
    subjects = np.broadcast_to(broadcast(sums[counted], array.ndim), array.shape)
    if ((subjects > 0) & (subjects < floor)).any():
        raise BelowFloor(
            f"A cell of {name!r} tells about fewer than {floor} distinct subjects: "
            "nothing was sent, ask for larger groups."
        )
    if ((subjects == 0) & (array != 0)).any():
        raise BelowFloor(f"A cell of {name!r} holds a value with no subject behind it: nothing was sent.")


def _check_saturation(contract: Contract, sums: Mapping[str, Array]) -> None:
    if contract.estimated_from not in sums:
        raise BrokenContract("The contract declares parameters but no number of subjects: nothing was sent.")
    subjects = int(sums[contract.estimated_from].min(initial=np.iinfo(np.int64).max))
    if subjects < SUBJECTS_PER_PARAMETER * contract.parameters:
        raise Saturated(
            f"{contract.parameters} numbers are estimated and need at least {SUBJECTS_PER_PARAMETER} subjects each: "
            "nothing was sent, use a smaller model."
        )


def _check_partition(partition: Partition, sums: Mapping[str, Array], floor: int) -> None:
    whole, hidden = sums[partition.whole], sums[partition.hidden]
    remainder = whole - sum(_summed(sums[name], whole.ndim) for name in partition.parts)
    if (remainder < 0).any():
        raise BrokenContract(f"The parts of {partition.whole!r} are more than the whole: nothing was sent.")
    if ((remainder > 0) & (hidden < floor)).any():
        raise BelowFloor(
            f"What is left out of {partition.whole!r} could be derived and is about fewer than "
            f"{floor} distinct subjects: nothing was sent, ask for larger groups."
        )


def _summed(array: Array, dimensions: int) -> Array:
    return np.asarray(array.sum(axis=tuple(range(dimensions, array.ndim))))


def accept_total(contract: Contract, total: Mapping[str, Array], own: Mapping[str, Array], institutes: int) -> None:
    """Raise unless ``total`` can be the sum over so many institutes of which ``own`` is one part.

    A total that keeps no room for this institute's own counts, or does not equal them when it is alone, was
    made up: ``AlteredTotal``. One that breaks the contract is refused as ``BrokenContract``.
    """
    contract.check(total, institutes)
    for output in contract.outputs:
        mine, all_ = own[output.name], total[output.name]
        if institutes == 1 and not np.array_equal(mine, all_):
            raise _altered(output.name, "is not this institute's own sum although it is alone")
        slack = ROUNDING * np.abs(mine) if output.dtype == "float64" else 0
        if output.lower is not None and output.lower >= 0 and (all_ < mine - slack).any():
            raise _altered(output.name, "is smaller than this institute's own part")


def _altered(name: str, problem: str) -> AlteredTotal:
    return AlteredTotal(f"The total of {name!r} {problem}: nothing more is computed, tell the board.")
