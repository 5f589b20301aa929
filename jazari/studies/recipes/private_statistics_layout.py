"""What a private statistics study asks for, and the contract that declares its noise."""

from __future__ import annotations

from jazari.studies.contract import EXACT_INTEGERS, Contract, Output
from jazari.studies.data.schema import AgreedVariable
from jazari.studies.errors import BadParameters
from jazari.studies.privacy.calibration import calibrate, tail
from jazari.studies.privacy.terms import PrivacyTerms
from jazari.studies.recipes.base import Plan
from jazari.studies.recipes.statistics_layout import DescribedParameters, Layout
from jazari.studies.secure.rules import MOST_INSTITUTES

STEPS = 2**16
"""Half the range of a numeric variable is so many steps of the grid on which its sum is taken."""
MAX_FIGURES = 20_000


class PrivateStatisticsParameters(DescribedParameters):
    """As ``statistics``: what to describe, by what, with which bins; and ``privacy``, what it may spend."""

    privacy: PrivacyTerms


def bounds(variable: AgreedVariable) -> tuple[float, float]:
    """The declared range of a numeric variable; raises ``BadParameters`` without one."""
    if variable.lower is None or variable.upper is None:
        raise BadParameters(
            f"{variable.name!r} has no declared range, and noise is made for one: declare its lower and upper."
        )
    return variable.lower, variable.upper


def grid(variable: AgreedVariable) -> tuple[float, float]:
    """Middle of the range and length of a step: a value x counts as the whole number nearest (x - middle) / step."""
    lower, upper = bounds(variable)
    return lower + (upper - lower) / 2, (upper - lower) / 2 / STEPS


def sensitivities(layout: Layout) -> dict[str, int]:
    """By output, the most that the rows of one subject can change it: rows times what one row adds to one cell."""
    rows = layout.plan.parameters.privacy.max_rows_per_subject
    most = {"rows": rows}
    for variable in layout.studied:
        if variable.kind == "numeric":
            most |= {f"{variable.name}.present": rows, f"{variable.name}.sum": rows * STEPS}
        if layout.cells(variable):
            most[f"{variable.name}.cells"] = rows
    return most


def shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """The shape of each output. Every agreed group and cell is in it, whatever the data hold."""
    found: dict[str, tuple[int, ...]] = dict.fromkeys(sensitivities(layout), (layout.groups,))
    cells = {f"{v.name}.cells": (layout.groups, layout.cells(v)) for v in layout.studied if layout.cells(v)}
    return found | cells


def private_contract(layout: Layout) -> Contract:
    """The one round: whole numbers with noise, and the most that a subject contributes to each as evidence."""
    plan = layout.plan
    most = sensitivities(layout)
    noise = calibrate(plan.parameters.privacy, most)
    shape = shapes(layout)
    room = {part.output: tail(noise.terms.mechanism, part.scale) for part in noise.outputs}
    outputs = tuple(_output(name, shape[name], plan, room[name]) for name in most)
    evidence = tuple(
        Output(name=f"{name}.most", dtype="int64", lower=0, upper=float(weight)) for name, weight in most.items()
    )
    return Contract(phase="noisy", outputs=outputs, evidence=evidence, noise=noise)


def _output(name: str, shape: tuple[int, ...], plan: Plan, room: int) -> Output:
    is_sum = name.endswith(".sum")
    upper = plan.largest_rows * (STEPS if is_sum else 1) + room
    if upper * MOST_INSTITUTES > EXACT_INTEGERS:
        raise BadParameters(
            f"The noise on {name!r} would be too large for exact sums: ask for fewer figures, "
            "fewer rows of each subject, or a larger epsilon."
        )
    return Output(name=name, shape=shape, dtype="int64", lower=float(-upper if is_sum else -room), upper=float(upper))
