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

    [[variables]]                  # only where the data sets do not agree; see docs/how-to/map-your-columns.md
    name = "soil_ph"
    kind = "numeric"
    unit = "pH"
    lower = 0
    upper = 14
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core.clock import timestamp
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef, check_name
from jazari.studies.agreement import DEFAULT_FLOOR, StudyText, parse_study, recipe_digest, study_dict
from jazari.studies.data.schema import MAX_ROWS, AgreedVariable, Schema, agree_variables, first_problem
from jazari.studies.data.toml_file import read_toml
from jazari.studies.errors import BadStudy
from jazari.studies.recipes.registry import find_recipe
from jazari.studies.secure.rules import FEWEST

LARGEST = 2**20
FEWEST_ROWS_TOLD = 1024


class Proposal(BaseModel):
    """A study as its proposer writes it; the rest of the text follows from the records and the installed code.

    ``minimum_institutes`` is by default as few as the way of adding up allows: three with secure aggregation, else two.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid")

    name: str
    title: str
    purpose: str
    recipe: str
    datasets: list[str] = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
    variables: tuple[AgreedVariable, ...] = Field(default=(), max_length=200)
    floor: int = DEFAULT_FLOOR
    secure_aggregation: bool = True
    minimum_institutes: int | None = None
    max_rounds: int = 30
    max_runs: int = 1
    round_deadline_seconds: int = 600
    expires_in_days: int = Field(default=90, ge=1, le=730)


def read_proposal(path: Path) -> Proposal:
    """The proposal in a TOML file; raises ``BadStudy`` naming the field."""
    return make_proposal(read_toml(path, LARGEST, BadStudy, "a proposal only names what is to be computed"))


def make_proposal(values: Mapping[str, Any]) -> Proposal:
    """The proposal in ``values``; raises ``BadStudy`` naming the field."""
    try:
        proposal = Proposal.model_validate(dict(values))
        check_name(proposal.name, "name of the study")
        _require_once(proposal.variables)
    except (ValidationError, JazariError) as error:
        raise BadStudy(f"The proposal is not valid: {first_problem(error)}; correct it.") from error
    return proposal


def _require_once(variables: Iterable[AgreedVariable]) -> None:
    names = [variable.name for variable in variables]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise BadStudy(f"it declares {twice[0]!r} twice")


def named_institutes(proposal: Proposal) -> dict[str, str]:
    """The data set that each institute would use, by institute; raises ``BadStudy`` for two of one institute."""
    return one_of_each(proposal.datasets)


def one_of_each(datasets: Iterable[str]) -> dict[str, str]:
    """``datasets`` by institute; raises ``BadStudy`` for two of one institute."""
    chosen: dict[str, str] = {}
    for reference in datasets:
        namespace = RecordRef.parse(reference).namespace
        if chosen.setdefault(namespace, reference) != reference:
            raise BadStudy(f"The proposal names two data sets of {namespace}: choose one.")
    return chosen


def largest_rows(cards: Iterable[Mapping[str, Any]]) -> int:
    """A power of two that no data set of these cards exceeds in rows; it does not tell the exact count.

    A card that withholds its number of rows has fewer than its floor.
    """
    most = max((card["floor"] if card["rows"] is None else card["rows"] for card in cards), default=MAX_ROWS)
    return int(min(MAX_ROWS, max(FEWEST_ROWS_TOLD, 1 << (most - 1).bit_length())))


def write_study(
    proposal: Proposal,
    proposer: str,
    schemas: Mapping[str, Schema],
    now: datetime,
    largest_rows: int = MAX_ROWS,
) -> StudyText:
    """The text that institutes are asked to approve. ``schemas`` are those of the named data sets, by institute.

    What the proposal declares about a variable stands, and an institute whose data differ maps its columns; the
    others must mean the same at all institutes. No table has more than ``largest_rows`` rows.
    Raises ``BadStudy``, ``BadParameters``, ``UnknownRecipe``, ``ColumnMissing`` or ``IncompatibleData``.
    """
    if proposal.secure_aggregation and len(schemas) < FEWEST:
        raise BadStudy(
            f"Secure aggregation hides sums among {FEWEST} institutes or more and the proposal names {len(schemas)}: "
            "name more, or set secure_aggregation = false and say so to the stewards."
        )
    recipe = find_recipe(proposal.recipe)
    variables = _meant(proposal.variables, schemas, recipe.variables(recipe.parse(proposal.parameters)))
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
        "largest_rows": largest_rows,
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


def _meant(
    declared: Iterable[AgreedVariable], schemas: Mapping[str, Schema], names: Iterable[str]
) -> list[AgreedVariable]:
    said = {variable.name: variable for variable in declared}
    wanted = list(dict.fromkeys(names))
    unused = [name for name in said if name not in wanted]
    if unused:
        raise BadStudy(f"The proposal declares {unused[0]!r}, which its parameters do not use: leave it out.")
    agreed = {v.name: v for v in agree_variables(schemas, [name for name in wanted if name not in said])}
    return [(said | agreed)[name] for name in wanted]


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
