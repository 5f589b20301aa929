"""What a researcher writes (TOML) and how it becomes the text of a study.

::

    name = "soil-gaps"
    title = "Where soil measurements are missing"
    purpose = "Plan where to sample next."
    recipe = "statistics"
    datasets = ["rabat/dataset/soil@1", "fes/dataset/soil@1", "agadir/dataset/soil@1"]

    [parameters]
    variables = ["soil_ph"]
    by = ["crop"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core.clock import timestamp
from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors
from jazari.core.identifiers import RecordRef, check_name
from jazari.studies.agreement import DEFAULT_FLOOR, StudyText, parse_study, recipe_digest, study_dict
from jazari.studies.data.schema import Schema, agree_variables, first_problem
from jazari.studies.errors import BadStudy
from jazari.studies.recipes.registry import find_recipe
from jazari.studies.secure.rules import FEWEST

LARGEST = 2**20


class Proposal(BaseModel):
    """A study as its proposer writes it; the rest of the text follows from the records and the installed code.

    ``minimum_institutes`` is by default as few as the way of adding up allows: three with secure aggregation, else two.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    title: str
    purpose: str
    recipe: str
    datasets: list[str] = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
    floor: int = DEFAULT_FLOOR
    secure_aggregation: bool = True
    minimum_institutes: int | None = None
    max_rounds: int = 30
    max_runs: int = 1
    round_deadline_seconds: int = 600
    expires_in_days: int = Field(default=90, ge=1, le=730)


def read_proposal(path: Path) -> Proposal:
    """The proposal in a TOML file; raises ``BadStudy`` naming the field."""
    with plain_os_errors(path), path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise BadStudy(f"{path} is larger than 1 MiB: a proposal only names what is to be computed.")
    try:
        return make_proposal(tomllib.loads(raw.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadStudy(f"{path} is not valid TOML: {error}; correct it.") from error


def make_proposal(values: Mapping[str, Any]) -> Proposal:
    """The proposal in ``values``; raises ``BadStudy`` naming the field."""
    try:
        proposal = Proposal.model_validate(dict(values))
        check_name(proposal.name, "name of the study")
    except (ValidationError, JazariError) as error:
        raise BadStudy(f"The proposal is not valid: {first_problem(error)}; correct it.") from error
    return proposal


def named_institutes(proposal: Proposal) -> dict[str, str]:
    """The data set that each institute would use, by institute; raises ``BadStudy`` for two of one institute."""
    chosen: dict[str, str] = {}
    for reference in proposal.datasets:
        namespace = RecordRef.parse(reference).namespace
        if chosen.setdefault(namespace, reference) != reference:
            raise BadStudy(f"The proposal names two data sets of {namespace}: choose one.")
    return chosen


def write_study(proposal: Proposal, proposer: str, schemas: Mapping[str, Schema], now: datetime) -> StudyText:
    """The text that institutes are asked to approve. ``schemas`` are those of the named data sets, by institute.

    Raises ``BadStudy``, ``BadParameters``, ``UnknownRecipe``, ``ColumnMissing`` or ``IncompatibleData``.
    """
    recipe = find_recipe(proposal.recipe)
    variables = agree_variables(schemas, recipe.variables(recipe.parse(proposal.parameters)))
    text = {
        "title": proposal.title,
        "purpose": proposal.purpose,
        "proposer": proposer,
        "recipe": proposal.recipe,
        "recipe_digest": recipe_digest(proposal.recipe),
        "parameters": proposal.parameters,
        "variables": [variable.model_dump(mode="json") for variable in variables],
        "datasets": named_institutes(proposal),
        "contract": [],
        "floor": proposal.floor,
        "secure_aggregation": proposal.secure_aggregation,
        "minimum_institutes": _minimum(proposal),
        "max_rounds": proposal.max_rounds,
        "max_runs": proposal.max_runs,
        "round_deadline_seconds": proposal.round_deadline_seconds,
        "expires": timestamp(now + timedelta(days=proposal.expires_in_days)),
    }
    return with_contract(text)


def _minimum(proposal: Proposal) -> int:
    if proposal.minimum_institutes is not None:
        return proposal.minimum_institutes
    return FEWEST if proposal.secure_aggregation else 2


def with_contract(text: dict[str, Any]) -> StudyText:
    """The study of ``text`` with the output contracts that its recipe writes for its parameters."""
    draft = _valid(text)
    recipe = find_recipe(draft.recipe)
    if draft.secure_aggregation:
        _check_ranges(draft)
    phases = recipe.contracts(recipe.parse(draft.parameters), draft.named_variables())
    contract = [phase.model_dump(mode="json") for phase in phases]
    return parse_study(study_dict(_valid(study_dict(draft) | {"contract": contract})))


def _check_ranges(draft: StudyText) -> None:
    """Masked sums are fixed-point numbers, which need to know how large they can become."""
    open_ = [v.name for v in draft.variables if v.kind == "numeric" and (v.lower is None or v.upper is None)]
    if open_:
        raise BadStudy(
            f"Secure aggregation needs the range of {open_[0]!r}, which the data sets do not agree on: let them "
            "declare its lower and upper value, or set secure_aggregation = false and say so to the stewards."
        )


def _valid(text: dict[str, Any]) -> StudyText:
    try:
        return StudyText.model_validate(text)
    except ValidationError as error:
        raise BadStudy(f"The proposal is not valid: {first_problem(error)}; correct it.") from error
