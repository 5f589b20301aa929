"""Federated averaging of networks: FedAvg, FedProx and FedAdam, for a perceptron and a classifier of texts.

Round 1, the survey, sends counts and the moments by which variables are scaled. In each further round every
institute trains the network on its own rows for a while and sends how much it changed, times its rows
(McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017,
algorithm 1, with all institutes in every round). Only the sum over institutes enters the next network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel

from jazari.studies.contract import Contract, Output, Partition
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Floats, Table
from jazari.studies.errors import RunFailed
from jazari.studies.messages import Sums
from jazari.studies.recipes import fedavg_network, fedavg_torch
from jazari.studies.recipes.base import Plan, parse_parameters
from jazari.studies.recipes.cells import count_subjects
from jazari.studies.recipes.fedavg_about import describe
from jazari.studies.recipes.fedavg_design import FedavgParameters, NetDesign
from jazari.studies.recipes.fedavg_network import LOSS_CAP, total_loss
from jazari.studies.recipes.fedavg_result import build_result
from jazari.studies.recipes.fedavg_rows import LocalNet, Rows
from jazari.studies.recipes.fedavg_solve import (
    NetState,
    after_survey,
    after_training,
    encoded,
    network_of,
    response_scale,
    start,
    training_of,
)
from jazari.studies.saying import Sentence


class Fedavg:
    """The recipe ``fedavg``.

    Protected: no class, level of a predictor, level with a class, or bucket of words of fewer subjects than the
    floor enters training (see ``fedavg_rows``); an institute's change is never longer than ``clip``. Not
    protected: a network may still remember single rows, and no noise is added. What stands against that is that
    only the sum over institutes is seen, where sums are masked.
    """

    name: ClassVar[str] = "fedavg"
    title: ClassVar[str] = "Federated averaging of networks"
    sources: ClassVar[tuple[str, ...]] = (
        "fedavg.py", "fedavg_about.py", "fedavg_design.py", "fedavg_inputs.py", "fedavg_network.py",
        "fedavg_result.py", "fedavg_rows.py", "fedavg_solve.py", "fedavg_text.py", "fedavg_torch.py",
    )  # fmt: skip
    same_institutes: ClassVar[bool] = False
    Parameters: ClassVar[type[BaseModel]] = FedavgParameters

    def parse(self, values: Mapping[str, Any]) -> FedavgParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(FedavgParameters, values, self.name)

    def variables(self, parameters: FedavgParameters) -> tuple[str, ...]:
        """Predictors and response."""
        return (*parameters.predictors, parameters.response)

    def check(self, plan: Plan) -> None:
        """Predictors and response fit model and task, ranges are agreed, and the network is not too large."""
        NetDesign(plan).check()

    def contracts(self, parameters: FedavgParameters, variables: Mapping[str, AgreedVariable]) -> tuple[Contract, ...]:
        """``survey``, then ``train``; no bound depends on totals."""
        plan = Plan(parameters, variables)
        self.check(plan)
        design = NetDesign(plan)
        return (_survey_contract(design), _train_contract(design))

    def contract(self, state: NetState, plan: Plan) -> Contract:
        """That of the phase."""
        design = NetDesign(plan)
        return _survey_contract(design) if state.phase == "survey" else _train_contract(design)

    def initial_state(self, plan: Plan) -> NetState:
        """The network as its seed makes it."""
        return start(NetDesign(plan))

    def local(self, table: Table, state: NetState, plan: Plan) -> Sums:
        """Moments, or the change of the network by this institute's rows.

        Raises ``BelowFloor`` when this institute cannot take part, ``BackendMissing`` without the agreed PyTorch.
        """
        local = LocalNet(NetDesign(plan), table)
        rows = local.choose()
        sums = _evidence(local, rows)
        return sums | (_survey(local, rows) if state.phase == "survey" else _train(local, rows, state))

    def update(self, state: NetState, total: Sums, plan: Plan) -> NetState:
        """Scales after the survey, then the next network."""
        return after_survey(state, total) if state.phase == "survey" else after_training(NetDesign(plan), state, total)

    def result(self, state: NetState, plan: Plan) -> dict[str, Any]:
        """The network; also of a state that has more rounds before it."""
        return build_result(NetDesign(plan), state)

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves, and what protects it or does not."""
        return describe(NetDesign(plan), datasets)

    def scales(self, _plan: Plan) -> dict[str, float]:
        """Everything by 1: weights and inputs are standardised."""
        return {}


def _count(
    name: str, shape: tuple[int, ...] = (), subjects: str | None = "subjects", upper: float | None = None
) -> Output:
    return Output(name=name, shape=shape, dtype="int64", lower=0, upper=upper, subjects=subjects)


def _common() -> tuple[list[Output], list[Output], tuple[Partition, ...]]:
    """The counts of every round, and evidence that neither they nor what they leave out is small."""
    evidence = [_count("all.rows", subjects=None), _count("all.hidden", subjects=None),
                _count("smallest_cell", subjects="smallest_cell")]  # fmt: skip
    partitions = (Partition(parts=("rows",), whole="all.rows", hidden="all.hidden"),)
    return [_count("rows"), _count("subjects")], evidence, partitions


def _survey_contract(design: NetDesign) -> Contract:
    outputs, evidence, partitions = _common()
    if design.parameters.scaling == "moments" and design.numeric:
        shape = (len(design.numeric),)
        evidence.append(_count("present.subjects", shape, "present.subjects"))
        outputs += [
            _count("present", shape, "present.subjects"),
            Output(name="sum", shape=shape, lower=-1.0, upper=1.0, per="present", subjects="present.subjects"),
            Output(name="squares", shape=shape, lower=0.0, upper=1.0, per="present", subjects="present.subjects"),
        ]
    outputs += [_count(f"levels.{v.name}.unused", (len(v.levels),), None, 1) for v in design.categories]
    if design.classes:
        outputs.append(_count("classes.unused", (len(design.classes),), None, 1))
    return Contract(phase="survey", outputs=tuple(outputs), evidence=tuple(evidence), partitions=partitions)


def _train_contract(design: NetDesign) -> Contract:
    outputs, evidence, partitions = _common()
    clip = design.parameters.clip
    outputs += [
        _count("clipped", (), None, 1),
        Output(name="loss", lower=0.0, upper=LOSS_CAP, per="rows", subjects="subjects"),
        Output(name="update", shape=(design.size,), lower=-clip, upper=clip, per="rows", subjects="subjects"),
    ]
    return Contract(phase="train", outputs=tuple(outputs), evidence=tuple(evidence), partitions=partitions)


def _evidence(local: LocalNet, rows: Rows) -> Sums:
    return {
        "rows": np.array(int(rows.used.sum())),
        "subjects": np.array(count_subjects(local.table.subject[rows.used])),
        "all.rows": np.array(local.table.rows),
        "all.hidden": np.array(rows.left_behind),
        "smallest_cell": np.array(rows.smallest),
    }


def _survey(local: LocalNet, rows: Rows) -> Sums:
    design = local.design
    sums = {f"levels.{v.name}.unused": _unused(local, v.name, local.codes[v.name][rows.used], v.levels)
            for v in design.categories}  # fmt: skip
    if design.classes:
        used = np.bincount(local.classes[rows.used], minlength=len(design.classes)) > 0
        sums["classes.unused"] = (_possible(local) & ~used).astype(np.int64)
    if design.parameters.scaling == "moments" and design.numeric:
        sums |= _moments(local, rows)
    return sums


def _unused(local: LocalNet, name: str, codes: Any, levels: tuple[str, ...]) -> Any:
    """1 for each level that the institute declares and no used row has, be it absent or rare: both look the same."""
    declared = np.isin(levels, local.table.schema.variable(name).levels)
    used = np.bincount(codes[codes >= 0], minlength=len(levels)) > 0
    return (declared & ~used).astype(np.int64)


def _possible(local: LocalNet) -> Any:
    """Classes that the institute could have."""
    design, response = local.design, local.design.response
    if design.parameters.task == "binary":
        return np.ones(2, dtype=np.bool_)
    return np.isin(response.levels, local.table.schema.variable(response.name).levels)


def _moments(local: LocalNet, rows: Rows) -> Sums:
    """Counts, sums and squares of present values, measured from the middle of the range in half its width."""
    middle = start(local.design)
    made: dict[str, list[Any]] = {"present": [], "present.subjects": [], "sum": [], "squares": []}
    for variable, centre, half in zip(local.design.numeric, middle.centre, middle.scale, strict=True):
        values = local.numbers[variable.name]
        present = rows.used & ~np.isnan(values)
        scaled = np.clip((values[present] - centre) / half, -1.0, 1.0)
        made["present"].append(int(present.sum()))
        made["present.subjects"].append(count_subjects(local.table.subject[present]))
        made["sum"].append(float(scaled.sum()))
        made["squares"].append(float(scaled @ scaled))
    return {name: np.array(values, dtype=np.float64 if name in ("sum", "squares") else np.int64)
            for name, values in made.items()}  # fmt: skip


def _train(local: LocalNet, rows: Rows, state: NetState) -> Sums:
    design = local.design
    network, training = network_of(design), training_of(design.parameters, state)
    inputs = local.inputs(rows, encoded(design, state))
    targets = local.targets(rows, *response_scale(design, state))
    with np.errstate(all="ignore"):
        if design.parameters.backend == "torch":
            agreed = str(design.parameters.torch_version)
            trained = fedavg_torch.train(network, state.weights, inputs, targets, training, agreed)
        else:
            trained = fedavg_network.train(network, state.weights, inputs, targets, training)
        loss = total_loss(network, state.weights, inputs, targets)
    change, clipped = clip(trained - state.weights, design.parameters.clip)
    return {"clipped": np.array(int(clipped)), "loss": np.array(loss), "update": change * int(rows.used.sum())}


def clip(change: Floats, limit: float) -> tuple[Floats, bool]:
    """``change`` made no longer than ``limit``, and whether it was longer. Raises ``RunFailed`` if not finite."""
    if not np.isfinite(change).all():
        raise RunFailed("The training ran away on the data here: propose it with a smaller learning rate.")
    length = float(np.sqrt((change**2).sum()))
    if length <= limit:
        return change, False
    return np.clip(change * (limit / length), -limit, limit), True
