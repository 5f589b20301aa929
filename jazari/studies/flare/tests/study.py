"""A real study for engine tests: data files, steward keys, signed approvals and permits, in engine homes."""

from __future__ import annotations

import hashlib
import random
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from jazari.core import clock
from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import StudyText, agreement_digest, study_dict
from jazari.studies.data.schema import Schema, parse_schema
from jazari.studies.decisions import ApprovalCard, Choice, Statement
from jazari.studies.engine import RunOrder
from jazari.studies.flare.tests.network import EngineNetwork
from jazari.studies.permits import Permit, write_permit, write_stewards
from jazari.studies.proposals import make_proposal, write_study
from jazari.studies.secure.rules import FEWEST
from jazari.studies.secure.session import open_session
from jazari.trust.keys import Signer, generate_key, load_signer, public_key, read_public_key, sign_bytes

PEOPLE = "people"
SENTINEL_TEXT = "Zineb-of-Tafraout"
SENTINEL_NUMBER = 137.03599917
SCHEMA = {
    "subject": ["person"],
    "variables": [
        {"name": "person", "kind": "identifier"},
        {"name": "note", "kind": "text"},
        {"name": "age", "kind": "numeric", "lower": 0, "upper": 200},
        {"name": "dose", "kind": "numeric", "lower": 0, "upper": 10},
        {"name": "ill", "kind": "numeric", "lower": 0, "upper": 1},
    ],
}
MODEL = {"family": "binomial", "responses": ["ill"], "predictors": ["age", "dose"]}
AGREED = clock.now()
"""When the studies of a test were written: the same words at another moment are another agreement."""
LINEAR = {"family": "gaussian", "responses": ["dose"], "predictors": ["age"]}


def schema(wide: int = 0) -> Schema:
    """What the test data declare about themselves; with ``wide``, so many numeric columns more."""
    more = [{"name": name, "kind": "numeric", "lower": 0, "upper": 1} for name in columns(wide)]
    return parse_schema({**SCHEMA, "variables": [*SCHEMA["variables"], *more]}, "The test schema")


def columns(wide: int) -> list[str]:
    """The names of the columns that make the data wide."""
    return [f"x{number:03}" for number in range(wide)]


@lru_cache
def rows(seed: str, number: int = 400) -> tuple[tuple[str, str, float, float, int], ...]:
    """An institute's rows, by its name; the first row holds the sentinels. Rare cases make Newton work."""
    source = random.Random(seed)
    made = [(f"{seed}-1-{SENTINEL_TEXT}", f"seen by {SENTINEL_TEXT}", SENTINEL_NUMBER, 1.5, 1)]
    for person in range(2, number + 1):
        age, dose = round(source.gauss(50, 15) % 100, 3), round(source.random() * 10, 4)
        ill = int(source.random() < 0.02 + 0.6 * (dose > 7) * (age > 45))
        made.append((f"{seed}-{person}", "", age, dose, ill))
    return tuple(made)


def write_data(folder: Path, name: str, wide: int = 0, data_set: str = PEOPLE) -> Path:
    """The institute's data file; another data set is about other people."""
    path, seed = folder / f"{data_set}{wide or ''}.csv", name if data_set == PEOPLE else f"{name}-{data_set}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        source = random.Random(name)
        lines = [
            ",".join(map(str, [*row, *(round(source.random(), 4) for _ in range(wide))]))
            for row in rows(seed, 4 * wide or 400)
        ]
        path.write_text(",".join(["person,note,age,dose,ill", *columns(wide)]) + "\n" + "\n".join(lines) + "\n")
    return path


def study_text(
    institutes: tuple[str, ...], deadline: int = 60, wide: int = 0, data_set: str = PEOPLE, **changes: object
) -> StudyText:
    """A logistic regression over all ``institutes``: six rounds or more; or components of so many ``wide`` columns."""
    if wide:
        changes |= {"recipe": "pca", "parameters": {"variables": columns(wide), "components": 2}}
    values = {
        "name": "doses",
        "title": "Doses and illness",
        "purpose": "To test engines.",
        "recipe": "glm",
        "parameters": MODEL,
        "datasets": [f"{name}/dataset/{data_set}@1" for name in institutes],
        "secure_aggregation": len(institutes) >= FEWEST,
        "minimum_institutes": FEWEST if len(institutes) >= FEWEST else 1,
        "round_deadline_seconds": deadline,
        "max_runs": 100,
    }
    return write_study(
        make_proposal({**values, **changes}), institutes[0], dict.fromkeys(institutes, schema(wide)), AGREED
    )


def prepare(
    network: EngineNetwork,
    run: str,
    institutes: list[str] | None = None,
    approving: list[str] | None = None,
    deadline: int = 60,
    wide: int = 0,
    **changes: object,
) -> RunOrder:
    """An order for ``run`` and the permits of those who approve (all by default)."""
    named = tuple(sorted(institutes or network.names))
    text = study_text(named, deadline, wide, **changes)
    for name in named if approving is None else approving:
        permit(network, name, run, text, named, wide)
    return RunOrder(
        run=run,
        agreement=agreement_digest(text),
        study=study_dict(text),
        participants=named,
        max_rounds=text.max_rounds,
        round_deadline_seconds=deadline,
    )


def publisher(network: EngineNetwork, name: str) -> Signer:
    """The signer of an institute's publishing key."""
    key = network.home(name) / "publishing.pem"
    if not key.exists():
        generate_key(key, None)
    return load_signer(key)


def permit(
    network: EngineNetwork, name: str, run: str, text: StudyText, participants: tuple[str, ...], wide: int = 0
) -> None:
    """What the institute's worker writes once its steward approved and the run is recorded."""
    home, engine = network.home(name), network.engine_folder(name)
    key = home / "steward.pem"
    if not key.exists():
        generate_key(key, None)
    public = read_public_key(home / "steward.pem.pub")
    write_stewards(engine, [public])
    data = write_data(home / "data", name, wide, RecordRef.parse(text.datasets[name]).name)
    statement = Statement(
        study=f"{participants[0]}/study/doses@1",
        agreement=agreement_digest(text),
        institute=name,
        choice=Choice.APPROVE,
        number=1,
        moment=clock.timestamp(),
    )
    approval = ApprovalCard(
        statement=statement, steward_key=public, signature=sign_bytes(load_signer(key), statement.signed_bytes())
    )
    write_permit(
        engine,
        Permit(
            run=run,
            run_record=f"{participants[0]}/run/{run}@1",
            agreement=agreement_digest(text),
            study=study_dict(text),
            participants=participants,
            namespace=name,
            dataset=text.datasets[name],
            data_path=str(data),
            data_sha256=hashlib.sha256(data.read_bytes()).hexdigest(),
            data_schema=schema(wide).model_dump(mode="json"),
            approval=approval,
            not_after=clock.timestamp(clock.now() + timedelta(days=1)),
            certificate=open_session(engine, run, name).certificate(publisher(network, name)),
            publishing_keys={n: [public_key(publisher(network, n))] for n in participants},
        ),
    )
