"""Boosted trees on the four hospitals and Cox models on made-up patients: federated beside all rows in one place."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks import heart_data, in_process
from benchmarks.base import Finding, Options, Outcome

if TYPE_CHECKING:
    from jazari.studies.data.table import Table

LARGEST_DIFFERENCE = 1e-6
SEED = 20
PATIENTS = {"north": 400, "east": 300, "south": 250, "west": 350}
STAGES = ("early", "middle", "late")
GRID = [0, 30, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720, 900, 1095]
"""Days, over three years."""
EDGES = {
    "age": [40, 45, 50, 55, 60, 65], "sex": [0.5], "trestbps": [110, 120, 130, 140, 150, 160],
    "chol": [1, 180, 210, 240, 270, 300], "fbs": [0.5], "thalach": [100, 115, 130, 145, 160, 175], "exang": [0.5],
    "oldpeak": [0.1, 0.6, 1.1, 1.6, 2.1, 3.1],
}  # fmt: skip
SPLIT = ("feature", "threshold", "level", "missing", "left", "right", "rows", "left_out")
"""What makes a node of a tree; the rest are sums that are rounded."""


@dataclass(frozen=True)
class Case:
    """One study. ``response``: what trees predict; ``institutes``: who takes part (all by default)."""

    recipe: str
    title: str
    parameters: Mapping[str, Any]
    floor: int
    institutes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """``difference``: the largest over all numbers of the result, relative to the pooled number or, where that is
    small, to its scale (see ``jazari.studies.pooled``); ``estimates``: the same over leaf values or coefficients,
    as they stand. ``trees``: how many, and ``same_trees`` whether every split is the pooled one.
    """

    case: Case
    institutes: int
    rows: int
    rounds: int
    difference: float
    estimates: float
    trees: int = 0
    same_trees: bool = True
    leaves: int = field(default=0)


def run(options: Options) -> Outcome:
    """Three ensembles of trees, and a Cox model with each kind of ties."""
    if not (options.heart_data / "processed.cleveland.data").is_file():
        return Outcome(skipped=f"{options.heart_data} does not hold the hospitals' files: name it with --heart-data.")
    rows = heart_data.load(options.heart_data)
    hearts = in_process.tables({name: each.to_csv() for name, each in rows.items()}, heart_data.schema())
    patients = in_process.tables({name: _patients(name) for name in PATIENTS}, _schema())
    found = [_compare(case, hearts) for case in boosting_cases(2 if options.smoke else 20)]
    found += [_compare(case, patients) for case in cox_cases()]
    return _outcome(found)


def boosting_cases(trees: int) -> list[Case]:
    """A class without and with the default floor, and a number."""
    edges = dict(EDGES)
    without = {"edges": {name: given for name, given in edges.items() if name != "thalach"}}
    shape = {"trees": trees, "depth": 3}
    ill = {"task": "binary", "response": "disease", "predictors": list(heart_data.COLUMNS), "edges": edges} | shape
    rate = {"task": "regression", "response": "thalach",
            "predictors": [name for name in heart_data.COLUMNS if name != "thalach"]} | without | shape  # fmt: skip
    return [
        Case("boosting", "disease, no floor", ill, 1),
        # One hospital has a single negative case, which the default floor refuses.
        Case("boosting", "disease, floor 10", ill, 10, ("cleveland", "hungary", "long-beach")),
        Case("boosting", "highest heart rate, floor 10", rate, 10),
    ]


def cox_cases() -> list[Case]:
    """Both ways to count those who die in the same interval."""
    asked = {"duration": "days", "event": "dead", "predictors": ["age", "treated", "stage"], "grid": GRID}
    return [Case("cox", f"ties as {ties}, floor 10", asked | {"ties": ties}, 10) for ties in ("breslow", "efron")]


def _patients(institute: str) -> str:
    """Made-up patients of one institute, as CSV; all follows from its name and ``SEED``.

    Days to death are exponential with log hazard ratios 0.03 a year of age, -0.5 treated, 0.6 late; half are seen for
    less than 400 days or so. Institutes differ in age and in how many come late.
    """
    source = random.Random(f"{SEED} {institute}")
    place = sorted(PATIENTS).index(institute)
    lines = ["patient,stage,age,treated,days,dead"]
    for number in range(PATIENTS[institute]):
        age = round(min(max(source.gauss(56 + 3 * place, 11), 1), 109), 1)
        stage = source.choices(STAGES, (3, 3, 1 + place))[0]
        treated = int(source.random() < 0.5)
        hazard = 0.0015 * 2.718281828459045 ** (0.03 * (age - 60) - 0.5 * treated + 0.6 * (stage == "late"))
        death, seen = source.expovariate(hazard), source.expovariate(1 / 600)
        lines.append(f"{number},{stage},{age},{treated},{min(death, seen, 4999):.2f},{int(death <= seen)}")
    return "\n".join(lines) + "\n"


def _schema() -> dict[str, Any]:
    ranges = {"age": (0, 110), "treated": (0, 1), "days": (0, 5000), "dead": (0, 1)}
    numbers = [{"name": name, "kind": "numeric", "lower": low, "upper": high} for name, (low, high) in ranges.items()]
    stage = {"name": "stage", "kind": "category", "levels": list(STAGES)}
    return {"subject": ["patient"], "variables": [{"name": "patient", "kind": "identifier"}, stage, *numbers]}


def _compare(case: Case, data: Mapping[str, Table]) -> Compared:
    from jazari.studies.pooled import declared_scales, max_relative_difference, pooled
    from jazari.studies.simulate import simulate

    chosen = {name: data[name] for name in case.institutes or data}
    text = in_process.study(case.recipe, case.parameters, chosen, floor=case.floor, max_rounds=200)
    told = simulate(text, chosen)
    reference = pooled(text, chosen)
    boosted = case.recipe == "boosting"
    ours, theirs = ((_leaves if boosted else _coefficients)(result) for result in (told.result, reference))
    return Compared(
        case=case,
        institutes=len(chosen),
        rows=told.result["rows"],
        rounds=told.rounds,
        difference=max_relative_difference(told.result, reference, declared_scales(text)),
        estimates=max(abs(a - b) for a, b in zip(ours, theirs, strict=True)),
        trees=sum(len(trees) for trees in told.result["trees"]) if boosted else 0,
        same_trees=not boosted or splits(told.result) == splits(reference),
        leaves=len(ours) if boosted else 0,
    )


def _nodes(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [node for trees in result["trees"] for tree in trees for node in tree]


def splits(result: Mapping[str, Any]) -> list[list[list[dict[str, Any]]]]:
    """Every tree without the sums: which splits, where to, and of how many rows."""
    return [[[{key: node[key] for key in SPLIT if key in node} for node in tree] for tree in trees]
            for trees in result["trees"]]  # fmt: skip


def _leaves(result: Mapping[str, Any]) -> list[float]:
    return [node["value"] for node in _nodes(result) if "value" in node]


def _coefficients(result: Mapping[str, Any]) -> list[float]:
    return [entry["estimate"] for entry in result["coefficients"]]


def _outcome(found: list[Compared]) -> Outcome:
    boosted = [each for each in found if each.case.recipe == "boosting"]
    survived = [each for each in found if each.case.recipe == "cox"]
    same = all(each.same_trees for each in boosted)
    trees, leaves = (sum(getattr(each, name) for each in boosted) for name in ("trees", "leaves"))
    return Outcome(
        measured={"studies": [vars(each) | {"case": vars(each.case)} for each in found]},
        findings=[
            Finding("boosting, trees that split as the pooled ones", f"{'all' if same else 'not all'} of {trees}",
                    "all", same),
            _near(f"boosting, {leaves} leaf values, largest difference", boosted, "estimates"),
            _near("boosting, all numbers of the result, largest relative difference", boosted, "difference"),
            *(_near(f"cox, {each.case.parameters['ties']}, coefficients, largest difference", [each], "estimates")
              for each in survived),
            _near("cox, all numbers of the result, largest relative difference", survived, "difference"),
        ],
        tables=[_studies(found)],
        notes=[
            "In one process with the recipes, guard and contracts of a run, totals rounded as secure aggregation rounds"
            " them. The pooled side holds all rows in one place, under the same bins or grid and the same floor; it is "
            "written apart from the recipes.",
            "Trees: the four hospitals' complete rows, training and test together; one hospital has a single negative "
            "case, so under a floor it has no part in the trees of the disease. Leaf values are on the scale of "
            "log-odds, or beats per minute.",
            f"Survival: {sum(PATIENTS.values())} made-up patients of {len(PATIENTS)} institutes (generator and seed in "
            "`benchmarks/heart_recipes.py`): the heart data hold no durations.",
            "A relative difference is by the pooled number or, where that is smaller, by its scale: 1, the response's "
            "unit, or for a coefficient its standard error.",
        ],
    )  # fmt: skip


def _near(measure: str, found: list[Compared], which: str) -> Finding:
    largest = max(getattr(each, which) for each in found)
    return Finding(measure, f"{largest:.1e}", f"at most {LARGEST_DIFFERENCE:g}", largest <= LARGEST_DIFFERENCE)


def _studies(found: list[Compared]) -> tuple[str, list[str], list[list[str]]]:
    rows = [
        [each.case.recipe, each.case.title, str(each.institutes), str(each.rows), str(each.rounds),
         f"{each.estimates:.1e}", f"{each.difference:.1e}"]
        for each in found
    ]  # fmt: skip
    header = ["recipe", "study", "institutes", "rows", "rounds", "leaves or coefficients", "all numbers"]
    return "Each study, largest difference from the pooled result", header, rows
