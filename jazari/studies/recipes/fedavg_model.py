"""Predictions of a published network, from its result alone, in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jazari.studies.data.table import Floats, Mask
from jazari.studies.recipes.fedavg_inputs import Encoded, absent, encode
from jazari.studies.recipes.fedavg_network import Network, chunks
from jazari.studies.recipes.fedavg_text import bags


def predict(result: Mapping[str, Any], columns: Mapping[str, Any]) -> Floats:
    """What the network of ``result`` says about rows.

    ``columns`` maps each predictor to its values: numbers (NaN where missing) in the variable's unit, codes of a
    category as indexes into the result's levels (-1 where missing), texts as a list of str ("" where missing).

    The answer is (rows,) in the unit of the response for a regression, else (rows, classes): the probability of
    each class in the order of ``result["response"]["classes"]``. A row that lacks a predictor is NaN, unless the
    network was trained with missing values replaced. Raises ``KeyError`` for an absent column.
    """
    network, weights = network_of_result(result)
    made = _bag_inputs if result["model"] == "text" else _table_inputs
    inputs, missing = made(result, columns)
    outputs = network.means(network.forward(weights, inputs)[-1])
    outputs[missing] = np.nan
    if result["task"] == "regression":
        response = result["response"]
        return np.asarray(outputs[:, 0] * response["scale"] + response["centre"])
    return np.hstack([1 - outputs, outputs]) if result["task"] == "binary" else outputs


def network_of_result(result: Mapping[str, Any]) -> tuple[Network, Floats]:
    """The network of a result and its weights as one vector."""
    layers = [(np.array(layer["weights"]), np.array(layer["biases"])) for layer in result["layers"]]
    sizes = (layers[0][0].shape[0], *(len(biases) for _, biases in layers))
    weights = np.concatenate([part.ravel() for layer in layers for part in layer]).astype(np.float64)
    return Network(sizes, result["activation"], result["task"]), weights


def _table_inputs(result: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[Floats, Mask]:
    told = result["inputs"]
    encoded = [Encoded(p["name"], len(p["levels"]), p["indicator"], p["centre"], p["scale"])
               for p in told["predictors"]]  # fmt: skip
    inputs = encode(encoded, columns)
    missing = np.zeros(len(inputs), dtype=np.bool_)
    if told["missing"] == "leave_out":
        for column in encoded:
            missing |= absent(column, columns[column.name])
    return inputs, missing


def _bag_inputs(result: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[Floats, Mask]:
    told = result["inputs"]
    texts = [(name, columns[name]) for name in told["texts"]]
    held = bags(texts, told["buckets"], told["ngrams"])
    # A bucket that no institute could use in training has weights 0 and must not shorten the others.
    kept = (np.array(result["layers"][0]["weights"]) != 0).any(axis=1)
    parts = [held.take(rows, kept) for rows in chunks(np.arange(held.rows, dtype=np.int64))]
    missing = np.zeros(held.rows, dtype=np.bool_)
    if told["missing"] == "leave_out":
        for _, column in texts:
            missing |= np.array([text == "" for text in column], dtype=np.bool_)
    return np.vstack(parts) if parts else np.zeros((0, held.buckets)), missing
