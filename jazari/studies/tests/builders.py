"""Tables, studies, permits and institutes for the tests of the pure parts. Real keys, files and signatures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from jazari.core import clock
from jazari.studies.agreement import StudyText, agreement_digest, recipe_digest, study_dict
from jazari.studies.coordinator import Coordinator
from jazari.studies.data.schema import Schema, agree_variables, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.decisions import ApprovalCard, Choice, Statement
from jazari.studies.engine import RunOrder
from jazari.studies.participant import Participant
from jazari.studies.permits import Permit, write_permit, write_stewards
from jazari.studies.recipes.registry import find_recipe
from jazari.studies.secure.rules import FEWEST
from jazari.studies.secure.session import open_session
from jazari.trust.keys import PublicKeyFile, Signer, generate_key, load_signer, sign_bytes

CROPS = ("barley", "maize", "wheat")
SCHEMA: dict[str, Any] = {
    "subject": ["site"],
    "variables": [
        {"name": "site", "kind": "identifier"},
        {"name": "crop", "kind": "category", "levels": list(CROPS)},
        {"name": "ph", "kind": "numeric", "unit": "pH", "lower": 0, "upper": 14},
        {"name": "yield_", "column": "yield", "kind": "numeric", "lower": -1000, "upper": 1000},
        {"name": "ill", "kind": "numeric", "lower": 0, "upper": 1},
    ],
}
STATISTICS = {"variables": ["ph", "crop"], "histograms": {"ph": [4, 5, 6, 7, 8, 9]}, "quantiles": [0.5]}
LINEAR = {"family": "gaussian", "responses": ["yield_"], "predictors": ["ph", "crop"]}
LOGISTIC = {"family": "binomial", "responses": ["ill"], "predictors": ["ph", "crop"]}


def schema(**changes: Any) -> Schema:
    """The schema of the test data."""
    return parse_schema(SCHEMA | changes)


def make_table(
    crop: Sequence[int], ph: Sequence[float], yields: Sequence[float], ill: Sequence[float], site: Sequence[int]
) -> Table:
    """A table of the test schema; -1 and NaN are missing."""
    _, subject = np.unique(np.asarray(site), return_inverse=True)
    numeric = {
        "ph": np.array(ph, dtype=float),
        "yield_": np.array(yields, dtype=float),
        "ill": np.array(ill, dtype=float),
    }
    return Table(
        schema(), len(crop), subject.astype(np.int64), int(subject.max()) + 1, numeric,
        {"crop": np.array(crop, dtype=np.int64)},
    )  # fmt: skip


def random_table(seed: int, rows: int = 200, rows_per_site: int = 1, missing: float = 0.1) -> Table:
    """A table with a linear and a logistic signal; everything follows from ``seed``."""
    source = np.random.default_rng(seed)
    crop = source.integers(0, 3, rows)
    ph = source.normal(6.5, 1.0, rows).clip(0, 14).round(3)
    yields = 3 * ph - 5 * (crop == 2) + source.normal(0, 2, rows)
    ill = (source.random(rows) < 1 / (1 + np.exp(-(ph - 6.5) + 0.5 * (crop == 1)))).astype(float)
    ph[source.random(rows) < missing] = np.nan
    return make_table(
        crop.tolist(), ph.tolist(), yields.tolist(), ill.tolist(), (np.arange(rows) // rows_per_site).tolist()
    )


def make_study(recipe: str, parameters: dict[str, Any], institutes: Sequence[str], **changes: Any) -> StudyText:
    """A study over the test schema; with secure aggregation where there are institutes enough."""
    found = find_recipe(recipe)
    parsed = found.parse(parameters)
    variables = agree_variables(dict.fromkeys(institutes, schema()), found.variables(parsed))
    values: dict[str, Any] = {
        "title": "A study",
        "purpose": "To test.",
        "proposer": sorted(institutes)[0],
        "recipe": recipe,
        "recipe_digest": recipe_digest(recipe),
        "parameters": json.loads(json.dumps(parameters)),
        "variables": variables,
        "datasets": {name: f"{name}/dataset/soil@1" for name in institutes},
        "secure_aggregation": len(institutes) >= FEWEST,
        "largest_rows": 2**13,
        "expires": clock.timestamp(clock.now() + timedelta(days=30)),
        **changes,
    }
    values.setdefault("minimum_institutes", FEWEST if values["secure_aggregation"] else 1)
    values["contract"] = [c.model_dump(mode="json") for c in found.contracts(parsed, {v.name: v for v in variables})]
    return StudyText(**values)


def write_csv(path: Path, table: Table) -> Path:
    """The rows of a test table as an institute's file."""
    crops = [*CROPS, ""]
    cells = zip(table.subject, table.codes["crop"], *table.numeric.values(), strict=True)
    lines = [
        f"s{site},{crops[crop]}," + ",".join("" if np.isnan(n) else repr(float(n)) for n in numbers)
        for site, crop, *numbers in cells
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("site,crop,ph,yield,ill\n" + "\n".join(lines) + "\n")
    return path


def make_order(
    study: StudyText, run: str = "r-1", deadline: float = 60.0, institutes: Sequence[str] | None = None
) -> RunOrder:
    """An order of ``study``."""
    return RunOrder(
        run=run,
        agreement=agreement_digest(study),
        study=study_dict(study),
        participants=tuple(sorted(institutes or study.institutes)),
        max_rounds=study.max_rounds,
        round_deadline_seconds=deadline,
    )


@dataclass
class Site:
    """An institute with a home folder, a steward's key and a data file."""

    home: Path
    namespace: str
    table: Table
    key: PublicKeyFile = field(init=False)
    publishing_keys: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Those of all institutes, as the directory names them: shared by all sites of a test."""

    def __post_init__(self) -> None:
        self.key = generate_key(self.home / "steward.pem", None)
        self.publishing_keys[self.namespace] = [generate_key(self.home / "publishing.pem", None).key]
        write_stewards(self.engine, [self.key.key])
        self.data = write_csv(self.home / "soil.csv", self.table)

    @property
    def publisher(self) -> Signer:
        """The signer of its publishing key."""
        return load_signer(self.home / "publishing.pem")

    @property
    def engine(self) -> Path:
        """The ``engine/`` folder."""
        return self.home / "engine"

    def participant(self) -> Participant:
        """A new process' view of the folder."""
        return Participant(self.engine, self.namespace)

    def approval(self, agreement: str, **changes: Any) -> ApprovalCard:
        """The steward's signed decision."""
        statement = Statement(**{
            "study": "fes/study/test@1", "agreement": agreement, "institute": self.namespace,
            "choice": Choice.APPROVE, "number": 1, "moment": clock.timestamp(), **changes,
        })  # fmt: skip
        signature = sign_bytes(load_signer(self.home / "steward.pem"), statement.signed_bytes())
        return ApprovalCard(statement=statement, steward_key=self.key.key, signature=signature)

    def permit(
        self, text: StudyText, run: str = "r-1", institutes: Sequence[str] | None = None, **changes: Any
    ) -> Permit:
        """A permit as the worker writes it, with ``changes``; written to the engine folder."""
        agreement = agreement_digest(text)
        values: dict[str, Any] = {
            "run": run,
            "run_record": f"fes/run/{run}@1",
            "agreement": agreement,
            "study": study_dict(text),
            "participants": tuple(sorted(institutes or text.institutes)),
            "namespace": self.namespace,
            "dataset": text.datasets.get(self.namespace, "none"),
            "data_path": str(self.data),
            "data_sha256": hashlib.sha256(self.data.read_bytes()).hexdigest(),
            "data_schema": schema().model_dump(mode="json"),
            "approval": self.approval(agreement),
            "certificate": open_session(self.engine, run, self.namespace).certificate(self.publisher),
            "publishing_keys": self.publishing_keys,
            "not_after": clock.timestamp(clock.now() + timedelta(days=1)),
            **changes,
        }
        permit = Permit(**values)
        write_permit(self.engine, permit)
        return permit


def make_sites(folder: Path, names: Sequence[str] = ("fes", "rabat"), rows: int = 200) -> dict[str, Site]:
    """Institutes with data of their own."""
    keys: dict[str, list[dict[str, Any]]] = {}
    return {
        name: Site(folder / name, name, random_table(place, rows), publishing_keys=keys)
        for place, name in enumerate(names)
    }


def drive(coordinator: Coordinator, participants: Mapping[str, Participant]) -> None:
    """Rounds until the run has ended and all confirmed."""
    while pending := coordinator.pending():
        for name in pending:
            request = coordinator.request(name)
            coordinator.receive(name, participants[name].respond(coordinator.order.run, request))


def spooled(site: Site) -> list[dict[str, Any]]:
    """The audit events that a site's engine wrote, in order of writing."""
    return [json.loads(path.read_bytes()) for path in sorted((site.engine / "spool").glob("*.json"))]
