"""A multilayer perceptron in numpy float64: forward, backward and stochastic gradient descent, written out.

All weights and biases are one vector: for each layer the matrix (inputs, outputs) by rows, then the biases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from jazari.studies.data.table import Codes, Floats

CHUNK = 512
"""Rows that are made dense at once: a batch may be all rows of a large table."""

LOSS_CAP = 100.0
"""Largest loss of one row that counts in the reported sum (the gradient is never cut)."""

Inputs = Callable[[Codes], Floats]
"""(rows, inputs) of the rows asked for."""


@dataclass(frozen=True)
class Network:
    """``sizes``: widths from inputs to outputs; ``activation`` of hidden layers; ``task`` decides the loss.

    Loss of a row: half the squared error, or the negative log-likelihood of its class (logistic or softmax).
    """

    sizes: tuple[int, ...]
    activation: str
    task: str

    def initial(self, seed: int) -> Floats:
        """Uniform within sqrt(6 / (inputs + outputs)) (Glorot and Bengio, AISTATS 2010), biases 0, from PCG64(seed).

        A network without hidden layers starts at 0, since its loss is convex.
        """
        source = np.random.Generator(np.random.PCG64(seed))
        parts: list[Floats] = []
        for before, after in pairwise(self.sizes):
            limit = np.sqrt(6 / (before + after)) if len(self.sizes) > 2 else 0.0
            parts += [source.uniform(-1, 1, before * after) * limit, np.zeros(after)]
        return np.concatenate(parts)

    def layers(self, weights: Floats) -> list[tuple[Floats, Floats]]:
        """Views of the (inputs, outputs) matrix and the biases of each layer."""
        found, start = [], 0
        for before, after in pairwise(self.sizes):
            middle, end = start + before * after, start + (before + 1) * after
            found.append((weights[start:middle].reshape(before, after), weights[middle:end]))
            start = end
        return found

    def forward(self, weights: Floats, inputs: Floats) -> list[Floats]:
        """The inputs of every layer, and last the (rows, outputs) of the network before any link function."""
        values, layers = [inputs], self.layers(weights)
        for place, (matrix, bias) in enumerate(layers):
            sums = values[-1] @ matrix + bias
            values.append(sums if place == len(layers) - 1 else self._bend(sums))
        return values

    def _bend(self, sums: Floats) -> Floats:
        return np.tanh(sums) if self.activation == "tanh" else np.maximum(sums, 0.0)

    def _slope(self, bent: Floats) -> Floats:
        """The derivative of the activation, from its value."""
        return 1 - bent**2 if self.activation == "tanh" else (bent > 0).astype(np.float64)

    def losses(self, outputs: Floats, targets: Floats) -> Floats:
        """The loss of each row. ``targets``: (rows, outputs), for several classes 1 at the class."""
        if self.task == "regression":
            return np.asarray(0.5 * ((outputs - targets) ** 2).sum(axis=1))
        if self.task == "binary":
            return np.asarray((np.logaddexp(0, outputs) - targets * outputs).sum(axis=1))
        top = outputs.max(axis=1)
        logs = top + np.log(np.exp(outputs - top[:, None]).sum(axis=1))
        return np.asarray(logs - (outputs * targets).sum(axis=1))

    def means(self, outputs: Floats) -> Floats:
        """What the outputs stand for: a value, the probability of the event, or one for each class."""
        if self.task == "regression":
            return outputs
        if self.task == "binary":
            return 0.5 * (1 + np.tanh(outputs / 2))
        raised = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def gradient(self, weights: Floats, inputs: Floats, targets: Floats) -> Floats:
        """The gradient of the sum of the rows' losses, ordered as the weights."""
        values, layers = self.forward(weights, inputs), self.layers(weights)
        # The loss of each task is the one whose slope is prediction minus target.
        slope, parts = self.means(values[-1]) - targets, []
        for place in range(len(layers) - 1, -1, -1):
            parts += [slope.sum(axis=0), (values[place].T @ slope).ravel()]
            if place:
                slope = (slope @ layers[place][0].T) * self._slope(values[place])
        return np.concatenate(parts[::-1])


@dataclass(frozen=True)
class Training:
    """How an institute trains in one round: ``epochs`` passes in batches (0: all rows), steps of ``rate``.

    ``mu`` pulls towards the weights that the round started from (Li et al., FedProx, MLSys 2020, equation 2).
    """

    epochs: int
    batch: int
    rate: float
    mu: float
    seed: int
    round: int

    def batches(self, rows: int) -> Iterator[Codes]:
        """Places among ``rows`` rows, a new order every epoch from PCG64([seed, round]), the same everywhere."""
        source = np.random.Generator(np.random.PCG64([self.seed, self.round]))
        for _ in range(self.epochs):
            if not self.batch or self.batch >= rows:
                yield np.arange(rows, dtype=np.int64)
                continue
            order = source.permutation(rows).astype(np.int64)
            yield from (order[start : start + self.batch] for start in range(0, rows, self.batch))


def train(network: Network, start: Floats, inputs: Inputs, targets: Floats, training: Training) -> Floats:
    """The weights after one round of local training."""
    weights = start.copy()
    for batch in training.batches(len(targets)):
        slope = np.zeros_like(weights)
        for rows in chunks(batch):
            slope += network.gradient(weights, inputs(rows), targets[rows])
        weights -= training.rate * (slope / len(batch) + training.mu * (weights - start))
    return weights


def total_loss(network: Network, weights: Floats, inputs: Inputs, targets: Floats) -> float:
    """The sum over the rows of their losses, each counted up to ``LOSS_CAP``."""
    sums = []
    for rows in chunks(np.arange(len(targets), dtype=np.int64)):
        losses = network.losses(network.forward(weights, inputs(rows))[-1], targets[rows])
        sums.append(float(np.clip(losses, 0.0, LOSS_CAP).sum()))
    return min(sum(sums), LOSS_CAP * len(targets))


def chunks(rows: Codes) -> Sequence[Codes]:
    """``rows`` in parts of at most ``CHUNK``."""
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
