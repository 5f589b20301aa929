"""Rounds and bytes until the score of all rows in one place: exact Newton steps beside federated averaging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import heart_data, heart_disease, in_process
from benchmarks.base import Finding, Options, Outcome
from benchmarks.heart_data import FLAMBY_SEED, HOSPITALS, Floats, Rows
from benchmarks.network import network

if TYPE_CHECKING:
    from jazari.studies.data.table import Table

SEEDS = (FLAMBY_SEED, 40, 41)
ROUNDS = 100
CLOSE = 1e-3
KEPT = "accuracy, kept"
SCORES = ("accuracy", "log loss", "optimum")
"""On the test rows: as many right as by the pooled optimum; its log loss plus ``CLOSE`` or less; on the training
rows: its log loss, which is the least there is, plus ``CLOSE`` or less."""
TARGETS = ("accuracy", KEPT, "log loss", "optimum")
"""``KEPT``: from when on the accuracy is reached after every round to the last."""
NEVER = float("inf")
AVERAGED = {"model": "mlp", "task": "binary", "response": "disease", "predictors": list(heart_data.COLUMNS),
            "rounds": ROUNDS, "clip": 100.0, "seed": 42}  # fmt: skip
"""A network without hidden layers: the same model as the logistic regression."""
ADAM = {"algorithm": "fedadam", "tau": 0.01}
SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("FedSGD", {"epochs": 1, "batch": 0, "learning_rate": 1.0}),
    ("FedSGD", {"epochs": 1, "batch": 0, "learning_rate": 3.0}),
    ("FedAvg", {"epochs": 1, "batch": 16, "learning_rate": 0.05}),
    ("FedAvg", {"epochs": 5, "batch": 0, "learning_rate": 1.0}),
    ("FedAvg", {"epochs": 5, "batch": 16, "learning_rate": 0.05}),
    ("FedProx", {"epochs": 1, "batch": 16, "learning_rate": 0.05, "algorithm": "fedprox", "mu": 0.1}),
    ("FedProx", {"epochs": 5, "batch": 0, "learning_rate": 1.0, "algorithm": "fedprox", "mu": 0.1}),
    ("FedAdam", {"epochs": 1, "batch": 0, "learning_rate": 1.0, "server_learning_rate": 0.05} | ADAM),
    ("FedAdam", {"epochs": 1, "batch": 0, "learning_rate": 1.0, "server_learning_rate": 0.2} | ADAM),
    ("FedAdam", {"epochs": 1, "batch": 16, "learning_rate": 0.05, "server_learning_rate": 0.05} | ADAM),
)
"""FedSGD is FedAvg with one step of all rows in a round, which is gradient descent (McMahan et al., section 2)."""
NEWTON = "glm (exact Newton)"


@dataclass(frozen=True)
class Split:
    """One split's tables, and what the pooled optimum scores: the least that counts as reached."""

    seed: int
    tables: dict[str, Table]
    train: Rows
    test: Rows
    right: int
    test_loss: float
    train_loss: float


@dataclass(frozen=True)
class Reached:
    """``rounds``: by target, how many rounds it took on one split (infinite: never); ``sent``: bytes of one institute's
    sums after each round.
    """

    method: str
    setting: dict[str, Any]
    seed: int
    rounds: dict[str, float]
    sent: list[float]


def run(options: Options) -> Outcome:
    """Each method on each split, and what the network adds to the bytes."""
    if not (options.heart_data / "processed.cleveland.data").is_file():
        return Outcome(skipped=f"{options.heart_data} does not hold the hospitals' files: name it with --heart-data.")
    hospitals = heart_data.load(options.heart_data)
    rounds, settings = (3, SETTINGS[:1]) if options.smoke else (ROUNDS, SETTINGS)
    splits = [_split(hospitals, seed) for seed in SEEDS[: 1 if options.smoke else None]]
    found = [_newton(split) for split in splits]
    found += [_averaged(split, name, setting, rounds) for name, setting in settings for split in splits]
    return _outcome(found, _beyond_sums(hospitals, found[0]), rounds)


def _split(hospitals: dict[str, Rows], seed: int) -> Split:
    train, test = heart_data.split(hospitals, seed)
    tables = in_process.tables({name: rows.to_csv() for name, rows in train.items()}, heart_data.schema())
    together, tested = heart_data.pooled(train), heart_data.pooled(test)
    optimum = heart_data.pooled_optimum(together)
    return Split(
        seed=seed,
        tables=tables,
        train=together,
        test=tested,
        right=heart_data.right(tested, optimum),
        test_loss=_log_loss(tested, tested.design() @ optimum),
        train_loss=_log_loss(together, together.design() @ optimum),
    )


def _newton(split: Split) -> Reached:
    """Its coefficients exist at the end of the run, so every target costs the whole run."""
    from jazari.studies.simulate import simulate

    text = in_process.study("glm", heart_disease.PARAMETERS, split.tables, floor=1)
    told = simulate(text, split.tables)
    beta = heart_disease.coefficients(told.result)
    reached = _reached(split, split.test.design() @ beta, split.train.design() @ beta)
    rounds = first_rounds([dict.fromkeys(SCORES, False)] * (told.rounds - 1) + [reached])
    total = max(told.bytes_out.values())
    return Reached(NEWTON, {}, split.seed, rounds, [total * step / told.rounds for step in range(1, told.rounds + 1)])


def _averaged(split: Split, name: str, setting: dict[str, Any], rounds: int) -> Reached:
    """Scored after every round; the first, which scales the columns, counts too."""
    from jazari.studies.simulate import results_by_round, simulate

    asked = AVERAGED | setting | {"rounds": rounds}
    text = in_process.study("fedavg", asked, split.tables, floor=1, max_rounds=rounds + 1)
    told = simulate(text, split.tables)
    steps = list(results_by_round(text, told))
    reached = [_reached(split, _linear(result, split.test), _linear(result, split.train)) for result, _ in steps]
    return Reached(name, setting, split.seed, first_rounds(reached), [sent / len(split.tables) for _, sent in steps])


def first_rounds(reached: list[dict[str, bool]]) -> dict[str, float]:
    """The round that first reaches each target, from what each round reaches."""
    first = {score: next((n for n, each in enumerate(reached, 1) if each[score]), NEVER) for score in SCORES}
    missed = max((n for n, each in enumerate(reached, 1) if not each["accuracy"]), default=0)
    return first | {KEPT: missed + 1 if missed < len(reached) else NEVER}


def _linear(result: Mapping[str, Any], rows: Rows) -> Floats:
    """The log-odds that a published network gives to rows."""
    from jazari.studies.recipes.fedavg_model import predict

    columns = dict(zip(heart_data.COLUMNS, rows.values.T, strict=True))
    for name, levels in heart_data.CATEGORIES.items():
        columns[name] = np.searchsorted(np.array(levels, dtype=float), columns[name])
    share = np.clip(predict(result, columns)[:, 1], 1e-300, 1 - 1e-16)
    return np.asarray(np.log(share) - np.log1p(-share))


def _log_loss(rows: Rows, linear: Floats) -> float:
    """Minus the mean log-likelihood."""
    return float(np.logaddexp(0, np.where(rows.ill == 1, -linear, linear)).mean())


def _reached(split: Split, test: Floats, train: Floats) -> dict[str, bool]:
    right = int(((test > 0) == (split.test.ill == 1)).sum())
    return {
        "accuracy": right >= split.right,
        "log loss": _log_loss(split.test, test) <= split.test_loss + CLOSE,
        "optimum": _log_loss(split.train, train) <= split.train_loss + CLOSE,
    }


def _beyond_sums(hospitals: dict[str, Rows], newton: Reached) -> float:
    """Bytes that an institute sends in a round beyond its sums, as the Root counted them in a run of the network."""
    with network(HOSPITALS) as made:
        fit = heart_disease.deployed(made, hospitals, newton.seed)
    return (fit.sent - newton.sent[-1]) / fit.rounds


def _outcome(found: list[Reached], beyond: float, rounds: int) -> Outcome:
    methods = _grouped(found)
    (_, newton), *averaged = methods
    averages = {name: [runs for told, runs in averaged if told == name] for name, _ in averaged}
    return Outcome(
        measured={
            "beyond_sums_bytes_a_round": beyond,
            "runs": [asdict(each) | {"rounds": {t: _or_none(r) for t, r in each.rounds.items()}} for each in found],
        },
        findings=[
            Finding("glm, rounds of the whole run, median", f"{median(each.rounds['optimum'] for each in newton):g}"),
            Finding("glm, splits that reach all targets", f"{_complete(newton)} of {len(newton)}", "all",
                    _complete(newton) == len(newton)),
            *(Finding(f"to the {target}: {name}{', best setting' if name != NEWTON else ''}",
                      _cost(min(tried, key=lambda runs: _middle(runs, target)), target, beyond, rounds))
              for target in TARGETS for name, tried in ({NEWTON: [newton]} | averages).items()),
        ],
        tables=[_settings(methods, beyond, rounds)],
        notes=[
            f"Medians over {len(newton)} splits of the four hospitals (seeds {_listed(newton)}; FLamby's is "
            f"{FLAMBY_SEED}). A method that has not reached a target after {rounds} rounds of training on half of them "
            "or more is said not to. Bytes are what one institute sends to the Root.",
            "accuracy: at least as many test rows right as by the pooled optimum, for the first time; kept: and after "
            f"every later round. log loss: on the test rows, at most {CLOSE:g} above the pooled optimum's. optimum: on "
            f"the training rows, at most {CLOSE:g} above the least there is. A method may pass the accuracy once by "
            "chance, and the best setting is chosen by the test rows, both in favour of averaging; glm has a model "
            "only at its end and pays for its whole run.",
            "All by the recipes of this system in one process, totals rounded as secure aggregation rounds them; "
            "averaging trains a network without hidden layers, which is the same model. FedSGD is FedAvg with one step "
            "of all rows a round, which is gradient descent. The first round of averaging only scales the columns, and "
            "counts.",
            f"To an institute's sums {beyond:,.0f} bytes a round are added, which secure aggregation takes among four: "
            "measured as what the Root received in a run of glm through the network, less the sums. "
            "It does not depend on how many numbers are summed.",
        ],
    )  # fmt: skip


def _grouped(found: list[Reached]) -> list[tuple[str, list[Reached]]]:
    """The runs of each method and setting, one for each split, in order."""
    made: dict[str, list[Reached]] = {}
    for each in found:
        made.setdefault(f"{each.method} {each.setting}", []).append(each)
    return [(runs[0].method, runs) for runs in made.values()]


def _middle(runs: list[Reached], target: str) -> float:
    return float(median(each.rounds[target] for each in runs))


def _complete(runs: list[Reached]) -> int:
    return sum(max(each.rounds.values()) < NEVER for each in runs)


def _cost(runs: list[Reached], target: str, beyond: float, rounds: int) -> str:
    """``8 rounds, 23.4 kB``, or that it is not reached."""
    middle = _middle(runs, target)
    if middle == NEVER:
        return f"not within {rounds} rounds"
    sent = median(each.sent[int(each.rounds[target]) - 1] if each.rounds[target] < NEVER else NEVER for each in runs)
    return f"{middle:g} rounds, {(sent + beyond * middle) / 1000:.1f} kB"


def _settings(
    methods: list[tuple[str, list[Reached]]], beyond: float, rounds: int
) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [name, _said(runs[0].setting),
         *(f"{_cost(runs, target, beyond, rounds)} ({sum(each.rounds[target] < NEVER for each in runs)} of {len(runs)})"
           for target in TARGETS)]
        for name, runs in methods
    ]  # fmt: skip
    header = ["method", "setting", *TARGETS]
    return "Rounds and bytes of one institute to each target, median (splits that reach it)", header, rows


def _said(setting: Mapping[str, Any]) -> str:
    if not setting:
        return "none to choose"
    epochs, batch = setting["epochs"], setting["batch"]
    plural = "" if epochs == 1 else "s"
    work = f"{epochs} epoch{plural} in batches of {batch}" if batch else f"{epochs} step{plural} of all rows"
    names = {"learning_rate": "rate", "mu": "mu", "server_learning_rate": "server's rate", "tau": "tau"}
    return ", ".join([work, *(f"{names[name]} {setting[name]:g}" for name in names if name in setting)])


def _or_none(rounds: float) -> int | None:
    return None if rounds == NEVER else int(rounds)


def _listed(runs: list[Reached]) -> str:
    return ", ".join(str(each.seed) for each in runs)
