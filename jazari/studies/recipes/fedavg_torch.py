"""The same local training by PyTorch's autograd, in float64 on the processor. Imported only where asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import Any

import numpy as np

from jazari.studies.data.table import Floats
from jazari.studies.errors import BackendMissing
from jazari.studies.recipes.fedavg_network import Inputs, Network, Training, chunks


def require_torch(agreed: str) -> Any:
    """The module ``torch`` in the ``agreed`` version (but for its build); raises ``BackendMissing``."""
    try:
        found = version("torch").split("+")[0]
    except PackageNotFoundError as error:
        raise BackendMissing(
            "The study trains with PyTorch, which is absent here: install the extra: pip install 'jazari[torch]'."
        ) from error
    if found != agreed:
        raise BackendMissing(f"The study trains with PyTorch {agreed} and {found} is installed: install {agreed}.")
    return import_module("torch")


def train(network: Network, start: Floats, inputs: Inputs, targets: Floats, training: Training, agreed: str) -> Floats:
    """As ``fedavg_network.train``, equal to it but for rounding. Raises ``BackendMissing``."""
    torch = require_torch(agreed)
    with _one_thread(torch):
        first = torch.from_numpy(start.copy())
        weights = first.clone().requires_grad_(True)
        for batch in training.batches(len(targets)):
            weights.grad = None
            for rows in chunks(batch):
                data, goal = torch.from_numpy(inputs(rows)), torch.from_numpy(targets[rows])
                (_loss(torch, network, _outputs(torch, network, weights, data), goal) / len(batch)).backward()
            with torch.no_grad():
                weights -= training.rate * (weights.grad + training.mu * (weights - first))
        return np.array(weights.detach().numpy(), dtype=np.float64)


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Sums in one order, so that a round that is computed again has the same bytes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _outputs(torch: Any, network: Network, weights: Any, inputs: Any) -> Any:
    sizes, start, values = network.sizes, 0, inputs
    bend = torch.tanh if network.activation == "tanh" else torch.relu
    for place, (before, after) in enumerate(pairwise(sizes)):
        middle, end = start + before * after, start + (before + 1) * after
        values = values @ weights[start:middle].reshape(before, after) + weights[middle:end]
        values = values if place == len(sizes) - 2 else bend(values)
        start = end
    return values


def _loss(torch: Any, network: Network, outputs: Any, targets: Any) -> Any:
    functions = torch.nn.functional
    if network.task == "regression":
        return 0.5 * functions.mse_loss(outputs, targets, reduction="sum")
    if network.task == "binary":
        return functions.binary_cross_entropy_with_logits(outputs, targets, reduction="sum")
    return functions.cross_entropy(outputs, targets, reduction="sum")
