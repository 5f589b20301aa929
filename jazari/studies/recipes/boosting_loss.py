"""Losses of boosting: value, gradient and hessian at the margins that the trees so far add up to, and bounds.

Formulas as in XGBoost (``reg:squarederror``, ``binary:logistic``, ``multi:softprob``), whose hessian of several
classes is twice the diagonal, an upper bound of the full one.
"""

from __future__ import annotations

import math

import numpy as np

from jazari.studies.data.table import Floats

LARGEST_HESSIAN = {"regression": 1.0, "binary": 0.25, "multiclass": 0.5}


def probabilities(task: str, margins: Floats) -> Floats:
    """What ``margins`` (rows, outputs) predict: the numbers themselves, or probabilities of the classes."""
    if task == "regression":
        return margins
    if task == "binary":
        return np.asarray(0.5 * (1 + np.tanh(margins / 2)))
    shares = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def gradients(task: str, margins: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Gradient and hessian of each row's loss, both (rows, outputs)."""
    predicted = probabilities(task, margins)
    if task == "regression":
        return predicted - targets, np.ones_like(targets)
    factor = 2.0 if task == "multiclass" else 1.0
    return predicted - targets, factor * predicted * (1 - predicted)


def losses(task: str, margins: Floats, targets: Floats) -> Floats:
    """Each row's loss: half the squared error, or minus the logarithm of the probability of its class."""
    if task == "regression":
        return np.asarray((margins[:, 0] - targets[:, 0]) ** 2 / 2)
    if task == "binary":
        return np.asarray(np.logaddexp(0, margins[:, 0]) - margins[:, 0] * targets[:, 0])
    top = margins.max(axis=1)
    return np.asarray(np.log(np.exp(margins - top[:, None]).sum(axis=1)) + top - (margins * targets).sum(axis=1))


def start(task: str, shares: Floats) -> Floats:
    """The margins before any tree, from the means (outputs,) of the targets, which lie between 0 and 1."""
    if task == "regression":
        return shares
    return np.asarray(np.log(shares / (1 - shares)) if task == "binary" else np.log(shares))


def gradient_bounds(task: str, low: float, high: float) -> tuple[float, float]:
    """Between what a row's gradient lies while margins lie between ``low`` and ``high``."""
    return (low - 1.0, high) if task == "regression" else (-1.0, 1.0)


def largest_loss(task: str, low: float, high: float, outputs: int) -> float:
    """What no row's loss exceeds while margins lie between ``low`` and ``high``."""
    if task == "regression":
        return max(high, 1.0 - low, 0.0) ** 2 / 2
    if task == "binary":
        return max(high, -low, 0.0) + math.log(2)
    return (high - low) + math.log(outputs)
