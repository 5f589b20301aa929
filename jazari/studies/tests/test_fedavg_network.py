"""The network by itself: its gradient, its order of rows, and the same training by PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jazari.studies.errors import BackendMissing
from jazari.studies.recipes import fedavg_network, fedavg_torch
from jazari.studies.recipes.fedavg_network import CHUNK, Network, Training, chunks, total_loss, train
from jazari.studies.simulate import simulate
from jazari.studies.tests.builders import make_study, random_table

NETWORKS = [
    Network(sizes, activation, task)
    for task, outputs in (("regression", 1), ("binary", 1), ("multiclass", 3))
    for activation in ("tanh", "relu")
    for sizes in ((4, outputs), (4, 5, outputs), (4, 5, 3, outputs))
]
EACH = pytest.mark.parametrize("network", NETWORKS, ids=lambda n: f"{n.task}-{n.activation}-{len(n.sizes) - 2}")


def rows_for(network: Network, rows: int = 12, seed: int = 3) -> tuple[Any, Any, Any]:
    """Weights, inputs and targets."""
    source = np.random.default_rng(seed)
    weights = network.initial(seed) + source.normal(0, 0.3, network.initial(seed).shape)
    inputs = source.normal(0, 1, (rows, network.sizes[0]))
    if network.task == "regression":
        return weights, inputs, source.normal(0, 1, (rows, 1))
    if network.task == "binary":
        return weights, inputs, source.integers(0, 2, (rows, 1)).astype(float)
    return weights, inputs, np.eye(3)[source.integers(0, 3, rows)]


@EACH
def test_the_gradient_is_the_slope_of_the_loss(network: Network) -> None:
    weights, inputs, targets = rows_for(network)
    gradient, step = network.gradient(weights, inputs, targets), 1e-6

    def loss(at: Any) -> float:
        return float(network.losses(network.forward(at, inputs)[-1], targets).sum())

    for place in range(weights.size):
        move = np.zeros_like(weights)
        move[place] = step
        slope = (loss(weights + move) - loss(weights - move)) / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_losses_by_hand() -> None:
    assert Network((1, 1), "tanh", "regression").losses(np.array([[3.0]]), np.array([[1.0]])) == pytest.approx([2.0])
    binary = Network((1, 1), "tanh", "binary").losses(np.array([[0.0], [800.0]]), np.array([[1.0], [0.0]]))
    assert binary == pytest.approx([np.log(2), 800.0])
    several = Network((1, 3), "tanh", "multiclass").losses(np.array([[0.0, 0.0, 900.0]]), np.array([[1.0, 0.0, 0.0]]))
    assert several == pytest.approx([900.0])


def test_the_first_network_follows_from_its_seed() -> None:
    network = Network((40, 30, 2), "tanh", "multiclass")
    weights = network.initial(1)
    assert (weights == network.initial(1)).all()
    assert (weights != network.initial(2)).any()
    (first, bias), _ = network.layers(weights)
    assert np.abs(first).max() <= np.sqrt(6 / 70) < 1.05 * np.abs(first).max()
    assert not bias.any()
    assert not Network((40, 2), "tanh", "multiclass").initial(1).any()


def test_every_row_once_an_epoch_in_an_order_of_seed_and_round() -> None:
    training = Training(epochs=3, batch=4, rate=0.1, mu=0, seed=1, round=2)
    batches = list(training.batches(10))
    assert [len(batch) for batch in batches] == [4, 4, 2] * 3
    for epoch in range(3):
        assert sorted(np.concatenate(batches[3 * epoch : 3 * epoch + 3])) == list(range(10))
    assert not np.array_equal(np.concatenate(batches[:3]), np.concatenate(batches[3:6]))
    again = np.concatenate(list(training.batches(10)))
    assert (again == np.concatenate(batches)).all()
    other = Training(epochs=3, batch=4, rate=0.1, mu=0, seed=1, round=3)
    assert not np.array_equal(np.concatenate(list(other.batches(10))), again)


def test_a_large_batch_in_parts_is_the_same_step() -> None:
    network = NETWORKS[4]
    weights, inputs, targets = rows_for(network, rows=CHUNK * 2 + 7)
    assert [len(part) for part in chunks(np.arange(CHUNK * 2 + 7))] == [CHUNK, CHUNK, 7]
    training = Training(epochs=1, batch=0, rate=0.5, mu=0, seed=1, round=1)
    after = train(network, weights, lambda rows: inputs[rows], targets, training)
    expected = weights - 0.5 * network.gradient(weights, inputs, targets) / len(inputs)
    np.testing.assert_allclose(after, expected, rtol=1e-12)
    whole = network.losses(network.forward(weights, inputs)[-1], targets).sum()
    assert total_loss(network, weights, lambda rows: inputs[rows], targets) == pytest.approx(whole)


@EACH
@pytest.mark.parametrize("mu", [0.0, 0.7])
def test_pytorch_trains_to_the_same_weights(network: Network, mu: float) -> None:
    torch = pytest.importorskip("torch")
    agreed = torch.__version__.split("+")[0]
    weights, inputs, targets = rows_for(network, rows=50)
    training = Training(epochs=3, batch=16, rate=0.1, mu=mu, seed=1, round=1)
    threads = torch.get_num_threads()
    ours = fedavg_network.train(network, weights, lambda rows: inputs[rows], targets, training)
    theirs = fedavg_torch.train(network, weights, lambda rows: inputs[rows], targets, training, agreed)
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-9)
    again = fedavg_torch.train(network, weights, lambda rows: inputs[rows], targets, training, agreed)
    assert again.tobytes() == theirs.tobytes()
    assert not np.allclose(ours, weights)
    assert torch.get_num_threads() == threads


def _study(version: str) -> Any:
    asked = {"model": "mlp", "task": "multiclass", "response": "crop", "predictors": ["ph", "yield_"], "layers": [4],
             "rounds": 5, "seed": 2}  # fmt: skip
    torch_ = {"backend": "torch", "torch_version": version}
    return make_study("fedavg", asked | torch_, ["fes", "rabat"]), make_study("fedavg", asked, ["fes", "rabat"])


def test_a_study_on_pytorch_has_the_result_of_numpy() -> None:
    torch = pytest.importorskip("torch")
    data = {"fes": random_table(1), "rabat": random_table(2)}
    ours, theirs = (simulate(study, data).result for study in _study(torch.__version__.split("+")[0]))
    for one, other in zip(ours["layers"], theirs["layers"], strict=True):
        np.testing.assert_allclose(one["weights"], other["weights"], rtol=1e-9, atol=1e-9)


def test_another_version_of_pytorch_or_none_is_refused() -> None:
    with pytest.raises(BackendMissing, match="install") as refused:
        simulate(_study("0.0.1")[0], {"fes": random_table(1), "rabat": random_table(2)})
    assert refused.value.code == "studies.backend-missing"


def test_without_pytorch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(BackendMissing, match=r"pip install 'jazari\[torch\]'"):
        fedavg_torch.require_torch("2.13.0")
