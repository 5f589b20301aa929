"""An attacker who knows who is in which group and wants one person's value. Used by ``test_attacker``.

One institute answers through its real ``Participant``: permits, guard, memory and files are those of a run. The
attacker writes studies (all are approved, the worst case), registers nothing but sees versions of the data come
and go, and keeps every sum that leaves as an equation: which persons, with which of their values, add up to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jazari.core import clock
from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import Schema, agree_variables, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.messages import Message, Sums, decode, encode
from jazari.studies.recipes.glm_design import Design, LocalDesign
from jazari.studies.recipes.registry import find_recipe, plan_of
from jazari.studies.tests.builders import Site, random_table

PERSON = "p7"
FLOOR = 10
INSTITUTES = ("agadir", "fes", "rabat", "taza")
GROUPS = {"district": ["north", "south", "west"], "sex": ["f", "m"], "smoker": ["no", "yes"]}
SCHEMA: dict[str, Any] = {
    "subject": ["person"],
    "variables": [
        {"name": "person", "kind": "identifier"},
        *({"name": name, "kind": "category", "levels": levels} for name, levels in GROUPS.items()),
        {"name": "glucose", "kind": "numeric", "lower": 0, "upper": 30},
        {"name": "age", "kind": "numeric", "lower": 0, "upper": 110},
    ],
}
Row = dict[str, Any]


def people(count: int = 160, seed: int = 1) -> list[Row]:
    """Persons p0, p1 ...; ``PERSON`` has a value far from all others."""
    source = np.random.default_rng(seed)
    rows = [
        {
            "person": f"p{number}",
            **{name: levels[int(source.integers(len(levels)))] for name, levels in GROUPS.items()},
            "glucose": round(float(source.normal(6, 1)), 3),
            "age": int(source.integers(20, 90)),
        }
        for number in range(count)
    ]
    rows[int(PERSON[1:])]["glucose"] = 21.375
    return rows


def versions(rows: list[Row]) -> dict[str, list[Row]]:
    """What the data set may look like in later versions."""
    others = [row for row in rows if row["person"] != PERSON]
    (person,) = (row for row in rows if row["person"] == PERSON)
    more = [row | {"person": f"n{row['person']}"} for row in people(40, 2)]
    return {
        "first": rows,
        "without": others,
        "corrected": [*others, person | {"glucose": 20.5}],
        "missing": [*others, person | {"glucose": ""}],
        "moved": [*others, person | {"district": "north" if person["district"] != "north" else "south"}],
        "two more": rows + more[:2],
        "many more": rows + more,
        "many more without": others + more,
    }


@dataclass
class Equation:
    """``total`` is the sum of the glucose of ``members``: (person, version of the value)."""

    members: frozenset[tuple[str, float]]
    total: float


@dataclass(frozen=True)
class Ask:
    """One question: of which version, in which recipe, by what, with which bins, of whom."""

    version: str = "first"
    recipe: str = "statistics"
    by: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    predictors: tuple[str, ...] = ()
    institutes: tuple[str, ...] = INSTITUTES
    variables: tuple[str, ...] = ("glucose",)

    def parameters(self) -> dict[str, Any]:
        """As a study writes them."""
        if self.recipe == "glm":
            return {"family": "gaussian", "responses": ["glucose"], "predictors": list(self.predictors)}
        chosen = {"variables": list(self.variables), "by": list(self.by), "spread": False}
        return chosen | ({"histograms": {"glucose": list(self.edges)}} if self.edges else {})


@dataclass
class Attack:
    """The institute under attack and all that was learnt. ``refusals`` counts the codes that came back."""

    folder: Path
    equations: list[Equation] = field(default_factory=list)
    below: list[tuple[str, float, int]] = field(default_factory=list)
    answered: int = 0
    asked: int = 0
    refusals: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.site = Site(self.folder / "fes", "fes", random_table(1, 20))
        self.participant = self.site.participant()
        self.schema: Schema = parse_schema(SCHEMA)
        self.files = {name: self._write(name, rows) for name, rows in versions(people()).items()}
        self.tables = {name: load_table(path, self.schema) for name, path in self.files.items()}
        self.rows = versions(people())

    def _write(self, name: str, rows: list[Row]) -> Path:
        path = self.folder / "fes" / f"{name.replace(' ', '-')}.csv"
        lines = [",".join(str(row[v["name"]]) for v in SCHEMA["variables"]) for row in rows]
        path.write_text("\n".join([",".join(v["name"] for v in SCHEMA["variables"]), *lines]) + "\n")
        return path

    def ask(self, ask: Ask) -> bool:
        """Whether an answer came; what it says is kept."""
        self.asked += 1
        study, run = self._study(ask), f"r-{self.asked}"
        path = self.files[ask.version]
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.site.permit(
            study, run, ask.institutes,
            data_path=str(path), data_sha256=sha256, data_schema=self.schema.model_dump(mode="json"),
        )  # fmt: skip
        answer = decode(self.participant.respond(run, encode(Message("request", run, 1))))
        if answer.kind != "answer":
            assert not answer.arrays
            self.refusals[answer.text] = self.refusals.get(answer.text, 0) + 1
            return False
        self.answered += 1
        self._learn(ask, study, answer.arrays)
        return True

    def _study(self, ask: Ask) -> StudyText:
        recipe = find_recipe(ask.recipe)
        parameters = recipe.parse(ask.parameters())
        variables = agree_variables(dict.fromkeys(INSTITUTES, self.schema), recipe.variables(parameters))
        contracts = recipe.contracts(parameters, {v.name: v for v in variables})
        return StudyText(
            title=f"Question {self.asked}",
            purpose="To learn about one person.",
            proposer="rabat",
            recipe=ask.recipe,
            recipe_digest=recipe_digest(ask.recipe),
            parameters=json.loads(json.dumps(ask.parameters())),
            variables=variables,
            datasets={name: f"{name}/dataset/clinic@1" for name in INSTITUTES},
            contract=tuple(contract.model_dump(mode="json") for contract in contracts),
            floor=FLOOR,
            secure_aggregation=False,  # the attacker sees single sums: the rules must hold without masks
            minimum_institutes=1,
            expires=clock.timestamp(clock.now() + timedelta(days=30)),
        )

    def _learn(self, ask: Ask, study: StudyText, sums: Sums) -> None:
        table, rows = self.tables[ask.version], self.rows[ask.version]
        if ask.recipe == "glm":
            self._learn_model(study, table, rows, sums)
        elif "glucose" in ask.variables:
            self._learn_groups(ask, rows, sums)

    def _learn_model(self, study: StudyText, table: Table, rows: list[Row], sums: Sums) -> None:
        _, plan = plan_of(study, 1)
        used = LocalDesign(Design(plan), table).choose().used
        members = frozenset((row["person"], row["glucose"]) for row, use in zip(rows, used, strict=True) if use)
        middle = 15.0  # of the agreed range: moments are taken around it
        self.equations.append(Equation(members, float(sums["sum"][-1]) + middle * len(members)))

    def _learn_groups(self, ask: Ask, rows: list[Row], sums: Sums) -> None:
        sizes = [len(GROUPS[name]) + 1 for name in ask.by]
        for index in np.ndindex(*sizes):
            place = int(np.ravel_multi_index(index, sizes)) if sizes else 0
            labels = [(*GROUPS[name], None)[i] for name, i in zip(ask.by, index, strict=True)]
            inside = [
                row for row in rows
                if all(row[n] == label for n, label in zip(ask.by, labels, strict=True)) and row["glucose"] != ""
            ]  # fmt: skip
            if sums["glucose.used"][place]:
                members = frozenset((row["person"], row["glucose"]) for row in inside)
                self.equations.append(Equation(members, float(sums["glucose.sum"][place])))
            if ask.edges and not ask.by and not sums["glucose.cells.left_out"].any():
                counts = np.cumsum(sums["glucose.cells"][place])
                self.below += [(ask.version, edge, int(n)) for edge, n in zip(ask.edges, counts, strict=False)]

    def subtract(self) -> list[tuple[frozenset[tuple[str, float]], float]]:
        """Every pair of sums subtracted, where one group holds the other and is larger by fewer than the floor."""
        found = []
        for one in self.equations:
            for other in self.equations:
                apart = one.members - other.members
                if other.members < one.members and len({person for person, _ in apart}) < FLOOR:
                    found.append((apart, one.total - other.total))
        return found

    def small_counts(self) -> list[tuple[str, float, float, int]]:
        """Two edges in one version between which 1 to 9 persons are known to lie."""
        return [
            (version, low, high, after - before)
            for version, low, before in self.below
            for other, high, after in self.below
            if version == other and low < high and 0 < after - before < FLOOR
        ]

    def estimate(self) -> float:
        """The person's value of the first version by least squares, starting from the mean of all."""
        columns = sorted({member for equation in self.equations for member in equation.members})
        place = {member: index for index, member in enumerate(columns)}
        matrix = np.zeros((len(self.equations), len(columns)))
        for row, equation in enumerate(self.equations):
            matrix[row, [place[member] for member in equation.members]] = 1.0
        totals: npt.NDArray[np.float64] = np.array([equation.total for equation in self.equations])
        mean = totals[0] / matrix[0].sum()
        target = next(index for (person, value), index in place.items() if (person, value) == (PERSON, 21.375))
        solution = np.linalg.lstsq(matrix, totals - matrix.sum(axis=1) * mean, rcond=1e-9)[0]
        return float(mean + solution[target])


def script(attack: Attack, questions: int, seed: int = 5) -> Iterator[Ask]:
    """Questions, each chosen by what came of the ones before."""
    source = np.random.default_rng(seed)
    low, high, last = 0.5, 6.0, False
    yield Ask()
    yield from (Ask(edges=(5.0, edge)) for edge in (6.0, 6.02, 6.1, 6.2, 20.0, 21.0, 21.3, 21.4))
    for version in ("without", "corrected", "missing", "two more", "moved", "many more", "many more without"):
        yield Ask(version)
    for by in ((), ("district",), ("sex",), ("smoker",), ("district", "sex"), ("sex", "smoker")):
        for version in ("first", "without", "moved", "missing"):
            yield Ask(version, by=by)
    before = attack.answered
    for number in range(questions):
        last, before = attack.answered > before, attack.answered
        if number % 3 == 0:  # bins that close in on the person's value
            low, high = (low, (low + high) / 2) if last else ((low + high) / 2, high)
            if high - low < 0.01:
                low, high = float(source.uniform(0.5, 20)), float(source.uniform(5.5, 29.5))
                low, high = min(low, high), max(low, high) + 0.1
            yield Ask(_version(source), edges=(round(low, 3), round(high, 3)))
        elif number % 3 == 1:
            yield Ask(_version(source), "glm", predictors=_some(source, (*GROUPS, "age"), 1, 4))
        else:
            by = _some(source, tuple(GROUPS), 0, 2)
            variables = ("glucose",) if source.random() < 0.7 else ("glucose", "age")
            yield Ask(_version(source), by=by, variables=variables, institutes=_institutes(source))


def _version(source: np.random.Generator) -> str:
    return str(source.choice(["first", "first", "without", "corrected", "missing", "moved", "two more", "many more"]))


def _some(source: np.random.Generator, names: tuple[str, ...], fewest: int, most: int) -> tuple[str, ...]:
    size = int(source.integers(fewest, most + 1))
    return tuple(sorted(str(name) for name in source.choice(names, size, replace=False)))


def _institutes(source: np.random.Generator) -> tuple[str, ...]:
    others = [name for name in INSTITUTES if name != "fes" and source.random() < 0.8]
    return tuple(sorted([*others, "fes"]))


def play(attack: Attack, questions: int, watch: Callable[[Ask, bool], None] | None = None) -> Attack:
    """Ask ``questions`` in all."""
    for ask in script(attack, questions):
        if attack.asked >= questions:
            break
        answered = attack.ask(ask)
        if watch is not None:
            watch(ask, answered)
    return attack
