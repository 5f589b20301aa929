"""The public half of federated averaging: from totals to the scales of the variables and the next network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from jazari.studies.data.table import Floats
from jazari.studies.messages import Sums
from jazari.studies.recipes.fedavg_design import FedavgParameters, NetDesign
from jazari.studies.recipes.fedavg_inputs import Encoded
from jazari.studies.recipes.fedavg_network import Network, Training

CONSTANT = 1e-12
"""Deviation, as a share of half the agreed range, below which a variable counts as constant and is not scaled."""


@dataclass(frozen=True)
class Told:
    """What one round of training said: mean loss before it, rows, institutes whose change was clipped."""

    round: int
    loss: float
    rows: int
    clipped: int


@dataclass(frozen=True)
class NetState:
    """``weights``: the network, as one vector; ``first`` and ``second`` are the server's moments for FedAdam.

    ``centre`` and ``scale`` are by numeric variable of the design, in its own unit. ``unused``: by output name,
    how many institutes contribute no row of a level or class that they could have.
    """

    phase: Literal["survey", "train"] = "survey"
    done: bool = False
    failure: str = ""
    rows: int = 0
    subjects: int = 0
    centre: Floats = field(default_factory=lambda: np.zeros(0))
    scale: Floats = field(default_factory=lambda: np.zeros(0))
    weights: Floats = field(default_factory=lambda: np.zeros(0))
    first: Floats = field(default_factory=lambda: np.zeros(0))
    second: Floats = field(default_factory=lambda: np.zeros(0))
    history: tuple[Told, ...] = ()
    unused: Sums = field(default_factory=dict)


def network_of(design: NetDesign) -> Network:
    """The network of a design."""
    return Network(design.sizes, design.parameters.activation, design.parameters.task)


def training_of(parameters: FedavgParameters, state: NetState) -> Training:
    """How the round that starts from ``state`` trains."""
    return Training(parameters.epochs, parameters.batch, parameters.learning_rate, parameters.mu, parameters.seed,
                    len(state.history) + 1)  # fmt: skip


def start(design: NetDesign) -> NetState:
    """The middle and half the width of each agreed range, and the network as the seed makes it."""
    lower = np.array([v.lower for v in design.numeric], dtype=np.float64)
    upper = np.array([v.upper for v in design.numeric], dtype=np.float64)
    weights = network_of(design).initial(design.parameters.seed)
    # v starts at tau^2, the least that Reddi et al. allow.
    second = np.full(weights.shape, design.parameters.tau**2)
    return NetState(centre=lower + (upper - lower) / 2, scale=(upper - lower) / 2, weights=weights,
                    first=np.zeros_like(weights), second=second)  # fmt: skip


def after_survey(state: NetState, total: Sums) -> NetState:
    """Centre and scale by the pooled mean and deviation, unless the agreed ranges are to be used."""
    surveyed = replace(state, phase="train", rows=int(total["rows"]), subjects=int(total["subjects"]),
                       unused={name: array for name, array in total.items() if name.endswith(".unused")})  # fmt: skip
    if surveyed.rows == 0:
        return replace(state, failure="No rows can be used for the network: ask for fewer or other variables.")
    if "sum" not in total:
        return surveyed
    present = np.maximum(total["present"], 1)
    mean = total["sum"] / present
    deviation = np.sqrt(np.maximum(total["squares"] / present - mean**2, 0.0))
    scale = np.where(deviation > CONSTANT, deviation, 1.0) * state.scale
    return replace(surveyed, centre=state.centre + mean * state.scale, scale=scale)


def after_training(design: NetDesign, state: NetState, total: Sums) -> NetState:
    """The mean change by rows, as a step (McMahan et al. 2017) or as the gradient of Adam (Reddi et al. 2021)."""
    rows = int(total["rows"])
    if rows == 0:
        return replace(state, failure="No rows were used in a round of training: ask for fewer or other variables.")
    change = total["update"] / rows
    told = Told(len(state.history) + 1, float(total["loss"]) / rows, rows, int(total["clipped"]))
    step, first, second = _step(design.parameters, state, change)
    weights = state.weights + step
    if not np.isfinite(weights).all():
        return replace(state, failure="The training runs away: propose it with a smaller learning rate or clip.")
    history = (*state.history, told)
    return replace(state, rows=rows, subjects=int(total["subjects"]), weights=weights, first=first, second=second,
                   history=history, done=len(history) >= design.parameters.rounds)  # fmt: skip


def _step(parameters: FedavgParameters, state: NetState, change: Floats) -> tuple[Floats, Floats, Floats]:
    """The server's step and moments; FedAdam as in Reddi et al., Adaptive Federated Optimization, algorithm 2."""
    rate = parameters.server_learning_rate
    if parameters.algorithm != "fedadam":
        return rate * change, state.first, state.second
    first = parameters.beta1 * state.first + (1 - parameters.beta1) * change
    second = parameters.beta2 * state.second + (1 - parameters.beta2) * change**2
    return rate * first / (np.sqrt(second) + parameters.tau), first, second


def encoded(design: NetDesign, state: NetState) -> tuple[Encoded, ...]:
    """How each predictor of a perceptron enters, with the scales of ``state``."""
    scales = {v.name: (float(c), float(s)) for v, c, s in zip(design.numeric, state.centre, state.scale, strict=True)}
    return tuple(
        Encoded(column.variable.name, len(column.variable.levels), column.indicator,
                *scales.get(column.variable.name, (0.0, 1.0)))
        for column in design.columns
    )  # fmt: skip


def response_scale(design: NetDesign, state: NetState) -> tuple[float, float]:
    """Centre and scale of the response of a regression; 0 and 1 for classes."""
    if design.parameters.task != "regression":
        return 0.0, 1.0
    return float(state.centre[-1]), float(state.scale[-1])
