"""A logistic regression over four hospitals through the whole network, beside the pooled optimum and FLamby's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import heart_data, studying
from benchmarks.base import Finding, Options, Outcome, median, spread
from benchmarks.heart_data import FLAMBY_SEED, HOSPITALS, PUBLISHED, SEEDS, Floats, Rows
from benchmarks.network import Network, network

MOST_ROUNDS = 10
LARGEST_DIFFERENCE = 1e-6
PROPOSER = "cleveland"
PREDICTORS = list(heart_data.COLUMNS)
PARAMETERS = {"family": "binomial", "responses": ["disease"], "predictors": PREDICTORS}
ABOUT = {
    "title": "Heart disease, processed, complete rows",
    "terms": "Public data: any study, with or without a floor.",
    "licence": "CC-BY-4.0",
}


@dataclass(frozen=True)
class Fit:
    """One split. ``difference``: the largest of a coefficient from the pooled optimum, in the column's own unit or
    per standard deviation of it, whichever is larger; ``right`` of ``tested`` rows are classified right.
    """

    seed: int
    path: str
    rounds: int
    seconds: float
    difference: float
    right: int
    pooled_right: int
    tested: int

    @property
    def accuracy(self) -> float:
        """The share of test rows classified right."""
        return self.right / self.tested


def run(options: Options) -> Outcome:
    """FLamby's split and the seeds around it."""
    if not (options.heart_data / "processed.cleveland.data").is_file():
        return Outcome(skipped=f"{options.heart_data} does not hold the hospitals' files: name it with --heart-data.")
    hospitals = heart_data.load(options.heart_data)
    seeds = [FLAMBY_SEED, *(seed for seed in SEEDS if seed != FLAMBY_SEED)][: 2 if options.smoke else None]
    through = seeds[: 1 if options.smoke else max(options.flare_seeds, 1)]
    with network(HOSPITALS) as made:
        fits = [_deployed(made, hospitals, seed) for seed in through]
    fits += [_in_process(hospitals, seed) for seed in seeds if seed not in through]
    return _outcome(fits)


def _deployed(made: Network, hospitals: dict[str, Rows], seed: int) -> Fit:
    """Every step by command: data sets, study, four approvals, run, result."""
    train, _ = heart_data.split(hospitals, seed)
    name = f"heart-{seed}"
    files = {hospital: rows.to_csv() for hospital, rows in train.items()}
    datasets = studying.offer(made, name, files, heart_data.schema(), ABOUT)
    study = studying.propose(
        made, PROPOSER, name, "glm", datasets, parameters=PARAMETERS, floor=1, minimum_institutes=4,
        max_rounds=MOST_ROUNDS, round_deadline_seconds=60,
    )  # fmt: skip
    studying.approve(made, study, list(HOSPITALS), PROPOSER)
    facts = studying.run(made, PROPOSER, study)
    told = made.run("study", "result", facts["result"], home=made.home(PROPOSER))
    card = told["card"]
    return _fit(hospitals, seed, "network", told["values"], card["rounds"], card["seconds"])


def _in_process(hospitals: dict[str, Rows], seed: int) -> Fit:
    """The same recipe, guard, contract and messages, without processes or permits."""
    from jazari.core import clock
    from jazari.studies.data.loading import load_table
    from jazari.studies.data.schema import parse_schema
    from jazari.studies.proposals import make_proposal, write_study
    from jazari.studies.simulate import simulate

    train, _ = heart_data.split(hospitals, seed)
    schema = parse_schema(heart_data.schema(), "The hospitals' schema")
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        files = {name: Path(folder) / f"{name}.csv" for name in train}
        for name, path in files.items():
            path.write_text(train[name].to_csv(), encoding="utf-8")
        tables = {name: load_table(path, schema) for name, path in files.items()}
    proposal = make_proposal({
        "name": "heart", "title": "Heart", "purpose": "A benchmark.", "recipe": "glm", "parameters": PARAMETERS,
        "datasets": [f"{name}/dataset/heart@1" for name in train], "floor": 1, "max_rounds": MOST_ROUNDS,
    })  # fmt: skip
    text = write_study(proposal, PROPOSER, dict.fromkeys(train, schema), clock.now())
    simulated = simulate(text, tables)
    return _fit(hospitals, seed, "one process", simulated.result, simulated.rounds, 0.0)


def _fit(
    hospitals: dict[str, Rows], seed: int, path: str, values: Mapping[str, Any], rounds: int, seconds: float
) -> Fit:
    train, test = heart_data.split(hospitals, seed)
    optimum, tested = heart_data.pooled_optimum(heart_data.pooled(train)), heart_data.pooled(test)
    found, design = _coefficients(values), heart_data.pooled(train).design()
    # In the units of the columns, and for columns of deviation 1, whichever is larger.
    units = np.maximum(design.std(axis=0), 1.0)
    return Fit(
        seed=seed,
        path=path,
        rounds=rounds,
        seconds=seconds,
        difference=float((np.abs(found - optimum) * units).max()),
        right=heart_data.right(tested, found),
        pooled_right=heart_data.right(tested, optimum),
        tested=len(tested.ill),
    )


def _coefficients(values: Mapping[str, Any]) -> Floats:
    told = {entry["term"]: entry["estimate"] for entry in values["responses"]["disease"]["coefficients"]}
    return np.array([told[term] for term in heart_data.terms()])


def _outcome(fits: list[Fit]) -> Outcome:
    own = fits[0]
    largest, most = max(fit.difference for fit in fits), max(fit.rounds for fit in fits)
    same = all(fit.right == fit.pooled_right for fit in fits)
    accuracies = [fit.accuracy for fit in fits]
    deployed = [fit for fit in fits if fit.path == "network"]
    return Outcome(
        measured={"fits": [vars(fit) | {"accuracy": fit.accuracy} for fit in fits]},
        findings=[
            Finding("rounds, most of all splits", str(most), f"at most {MOST_ROUNDS}", most <= MOST_ROUNDS),
            Finding(
                "coefficients, largest difference from the pooled optimum", f"{largest:.1e}",
                f"at most {LARGEST_DIFFERENCE:g}", largest <= LARGEST_DIFFERENCE,
            ),
            Finding("test rows classified as by the pooled optimum, every split", "all" if same else "not all", "all",
                    same),
            Finding("accuracy on FLamby's split", f"{own.accuracy:.3f} ({own.right} of {own.tested})"),
            Finding(f"accuracy over {len(fits)} splits, mean (range)",
                    f"{np.mean(accuracies):.3f} ({min(accuracies):.3f} to {max(accuracies):.3f})"),
            Finding("seconds of a run in the engine, median (range)", f"{spread(fit.seconds for fit in deployed)} s"),
            Finding("median rounds", f"{median(fit.rounds for fit in fits):g}"),
        ],
        tables=[_beside(own), _splits(fits)],
        notes=[
            f"{len(deployed)} splits ran through the whole network (four institutes, every step by command, FLARE over "
            f"mTLS), {len(fits) - len(deployed)} in one process with the same recipe, guard and messages.",
            "The studies say that the floor is off and the cards that the data are public: one hospital has a single "
            "negative case, which the default floor would refuse.",
            "The optimum is computed apart, by Newton's method on the rows of all hospitals in one place. A single "
            "accuracy says little: compare with the pooled optimum of the same split.",
            "Data: Janosi, Steinbrunn, Pfisterer, Detrano (1988), Heart Disease, UCI, CC BY 4.0.",
        ],
    )  # fmt: skip


def _beside(own: Fit) -> tuple[str, list[str], list[list[str]]]:
    published = [[f"FLamby: {what}", accuracy] for what, accuracy in PUBLISHED]
    ours = [
        ["pooled optimum, computed here", f"{own.pooled_right / own.tested:.3f}"],
        [f"**Jazari, {own.rounds} rounds, no row leaves**", f"**{own.accuracy:.3f}**"],
    ]
    return "Accuracy on FLamby's split (486 training and 254 test rows)", ["method", "accuracy"], published + ours


def _splits(fits: list[Fit]) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [str(fit.seed), fit.path, str(fit.rounds), f"{fit.difference:.1e}", f"{fit.accuracy:.3f}",
         f"{fit.pooled_right / fit.tested:.3f}"]
        for fit in sorted(fits, key=lambda fit: fit.seed)
    ]  # fmt: skip
    return "Each split", ["seed", "through", "rounds", "largest difference", "accuracy", "pooled optimum"], rows
