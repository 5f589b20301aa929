"""A logistic regression over four hospitals through the whole network, beside the pooled optimum and FLamby's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import heart_data, in_process, studying
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
    per standard deviation of it, whichever is larger; ``right`` of ``tested`` rows are classified right. ``masked``:
    the Root learned totals only. ``sent``: bytes from one institute to the Root, the most of the four, with all that
    secure aggregation adds; 0 in one process.
    """

    seed: int
    path: str
    rounds: int
    seconds: float
    difference: float
    right: int
    pooled_right: int
    tested: int
    masked: bool
    sent: int

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
        fits = [deployed(made, hospitals, seed) for seed in through]
    fits += [_in_process(hospitals, seed) for seed in seeds if seed not in through]
    return _outcome(fits)


def deployed(made: Network, hospitals: dict[str, Rows], seed: int) -> Fit:
    """Every step by command: data sets, study, four approvals, run, result."""
    train, _ = heart_data.split(hospitals, seed)
    name = f"heart-{seed}"
    files = {hospital: rows.to_csv() for hospital, rows in train.items()}
    datasets = studying.offer(made, name, files, heart_data.schema(), ABOUT)
    study = studying.propose(
        made, PROPOSER, name, "glm", datasets, parameters=PARAMETERS, floor=1, secure_aggregation=True,
        minimum_institutes=4, max_rounds=MOST_ROUNDS, round_deadline_seconds=60,
    )  # fmt: skip
    studying.approve(made, study, list(HOSPITALS), PROPOSER)
    facts = studying.run(made, PROPOSER, study)
    told = made.run("study", "result", facts["result"], home=made.home(PROPOSER))
    card = told["card"]
    sent = max(card["bytes_received"].values())
    return _fit(
        hospitals, seed, "network", told["values"], card["rounds"], seconds=card["seconds"], sent=sent,
        masked=card["secure_aggregation"],
    )  # fmt: skip


def _in_process(hospitals: dict[str, Rows], seed: int) -> Fit:
    """The same recipe, guard, contract and rounding, without processes or permits."""
    from jazari.studies.simulate import simulate

    train, _ = heart_data.split(hospitals, seed)
    tables = in_process.tables({name: rows.to_csv() for name, rows in train.items()}, heart_data.schema())
    text = in_process.study("glm", PARAMETERS, tables, floor=1, max_rounds=MOST_ROUNDS)
    simulated = simulate(text, tables)
    return _fit(
        hospitals, seed, "one process", simulated.result, simulated.rounds, seconds=0.0, sent=0,
        masked=text.secure_aggregation,
    )  # fmt: skip


def _fit(hospitals: dict[str, Rows], seed: int, path: str, values: Mapping[str, Any], rounds: int, **more: Any) -> Fit:
    train, test = heart_data.split(hospitals, seed)
    optimum, tested = heart_data.pooled_optimum(heart_data.pooled(train)), heart_data.pooled(test)
    found, design = coefficients(values), heart_data.pooled(train).design()
    # In the units of the columns, and for columns of deviation 1, whichever is larger.
    units = np.maximum(design.std(axis=0), 1.0)
    return Fit(
        seed=seed,
        path=path,
        rounds=rounds,
        difference=float((np.abs(found - optimum) * units).max()),
        right=heart_data.right(tested, found),
        pooled_right=heart_data.right(tested, optimum),
        tested=len(tested.ill),
        **more,
    )


def coefficients(values: Mapping[str, Any]) -> Floats:
    """The coefficients of a result of ``glm``, ordered as ``heart_data.terms()``."""
    told = {entry["term"]: entry["estimate"] for entry in values["responses"]["disease"]["coefficients"]}
    return np.array([told[term] for term in heart_data.terms()])


def _outcome(fits: list[Fit]) -> Outcome:
    own = fits[0]
    largest, most = max(fit.difference for fit in fits), max(fit.rounds for fit in fits)
    same = all(fit.right == fit.pooled_right for fit in fits)
    accuracies = [fit.accuracy for fit in fits]
    deployed, masked = [fit for fit in fits if fit.path == "network"], sum(fit.masked for fit in fits)
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
            Finding("splits whose sums were added up by secure aggregation", f"{masked} of {len(fits)}", "all",
                    masked == len(fits)),
            Finding("accuracy on FLamby's split", f"{own.accuracy:.3f} ({own.right} of {own.tested})"),
            Finding(f"accuracy over {len(fits)} splits, mean (range)",
                    f"{np.mean(accuracies):.3f} ({min(accuracies):.3f} to {max(accuracies):.3f})"),
            Finding("seconds of a run in the engine, median (range)", f"{spread(fit.seconds for fit in deployed)} s"),
            Finding("bytes that an institute sends in a run, the most", f"{max(fit.sent for fit in deployed):,}"),
            Finding("median rounds", f"{median(fit.rounds for fit in fits):g}"),
        ],
        tables=[_beside(own), _splits(fits)],
        notes=[
            f"{len(deployed)} splits ran through the whole network (four institutes, every step by command, FLARE over "
            f"mTLS), {len(fits) - len(deployed)} in one process with the same recipe and guard, totals rounded as "
            "secure aggregation rounds them.",
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
