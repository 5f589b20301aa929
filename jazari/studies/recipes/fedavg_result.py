"""The result of federated averaging: the whole network, how its inputs are made, and how training went."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from jazari.studies.recipes.fedavg_design import NetDesign
from jazari.studies.recipes.fedavg_network import LOSS_CAP
from jazari.studies.recipes.fedavg_solve import NetState, encoded, network_of, response_scale


def build_result(design: NetDesign, state: NetState) -> dict[str, Any]:
    """Plain JSON from which ``fedavg_model.predict`` needs nothing else."""
    parameters = design.parameters
    return {
        "model": parameters.model,
        "task": parameters.task,
        "algorithm": parameters.algorithm,
        "response": _response(design, state),
        "inputs": _texts(design) if parameters.model == "text" else _predictors(design, state),
        "activation": parameters.activation,
        "layers": _layers(design, state),
        "parameters": design.size,
        "rows": state.rows,
        "subjects": state.subjects,
        "rounds": len(state.history),
        "loss_cap": LOSS_CAP,
        "history": [asdict(told) for told in state.history],
        "unused": _unused(design, state),
    }


def _response(design: NetDesign, state: NetState) -> dict[str, Any]:
    centre, scale = response_scale(design, state)
    return {"name": design.response.name, "unit": design.response.unit, "classes": list(design.classes),
            "centre": centre, "scale": scale}  # fmt: skip


def _predictors(design: NetDesign, state: NetState) -> dict[str, Any]:
    predictors = [
        {"name": column.name, "levels": list(design.plan.variable(column.name).levels),
         "unit": design.plan.variable(column.name).unit, "centre": column.centre, "scale": column.scale,
         "indicator": column.indicator}
        for column in encoded(design, state)
    ]  # fmt: skip
    return {"predictors": predictors, "missing": design.parameters.missing}


def _texts(design: NetDesign) -> dict[str, Any]:
    parameters = design.parameters
    return {"texts": list(parameters.predictors), "buckets": parameters.buckets, "ngrams": parameters.ngrams,
            "missing": parameters.missing}  # fmt: skip


def _layers(design: NetDesign, state: NetState) -> list[dict[str, Any]]:
    layers = network_of(design).layers(state.weights)
    return [{"weights": matrix.tolist(), "biases": bias.tolist()} for matrix, bias in layers]


def _unused(design: NetDesign, state: NetState) -> dict[str, dict[str, int]]:
    """For each category and the classes: how many institutes could have a level and contribute no row of it."""
    named = {f"levels.{v.name}.unused": (v.name, v.levels) for v in design.categories}
    named["classes.unused"] = (design.response.name, design.classes)
    return {
        name: dict(zip(levels, (int(n) for n in state.unused[output]), strict=True))
        for output, (name, levels) in named.items()
        if output in state.unused
    }
