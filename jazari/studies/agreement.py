"""The text of a study, and the digests that bind an approval to it and to the installed code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jazari.core.canonical import canonical_json, digest
from jazari.core.errors import JazariError
from jazari.core.identifiers import RecordRef, check_namespace
from jazari.studies.data.schema import MAX_ROWS, AgreedVariable, first_problem
from jazari.studies.errors import BadParameters, BadStudy
from jazari.studies.privacy.terms import PrivacyTerms
from jazari.studies.secure.rules import FEWEST, MOST_INSTITUTES

DEFAULT_FLOOR = 10
"""Fewest distinct subjects that a released cell may tell about."""

Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]

_GUARDED = (
    "agreement.py",
    "contract.py",
    "decisions.py",
    "differencing.py",
    "guard.py",
    "ledger.py",
    "memory.py",
    "messages.py",
    "notebook.py",
    "participant.py",
    "permits.py",
    "registered.py",
    "rounds.py",
    "data/csv_file.py",
    "data/identity.py",
    "data/loading.py",
    "data/mapped.py",
    "data/mapping.py",
    "data/parquet_file.py",
    "data/schema.py",
    "data/table.py",
    "data/toml_file.py",
    "flare/executor.py",
    "flare/firewall.py",
    "flare/gate.py",
    "flare/jobs.py",
    "privacy/budget.py",
    "privacy/calibration.py",
    "privacy/noise.py",
    "privacy/payment.py",
    "privacy/terms.py",
    "recipes/base.py",
    "recipes/cells.py",
    "recipes/own.py",
    "recipes/registry.py",
    "secure/fixed_point.py",
    "secure/member.py",
    "secure/participation.py",
    "secure/roster.py",
    "secure/rules.py",
    "secure/session.py",
    "secure/sharing.py",
    "secure/streams.py",
)
"""All that stands between the data and what leaves, whatever the recipe."""


class StudyText(BaseModel):
    """All that an institute approves. Changing anything makes another agreement.

    ``datasets`` maps each institute to the dataset record it would use, version-exact. ``floor`` is the
    fewest distinct subjects in a released cell (1 means off, for public data). ``contract`` holds the output
    contracts of each phase, as the recipe wrote them for these parameters. ``largest_rows``: no institute's table
    has more rows, as the cards of the data sets say. ``secure_aggregation``: the Root learns totals only; without
    it, each institute's sums.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    title: str = Field(min_length=1, max_length=300)
    purpose: str = Field(min_length=1, max_length=5000)
    proposer: str
    recipe: str = Field(min_length=1, max_length=60)
    recipe_digest: Digest
    parameters: dict[str, Any]
    variables: tuple[AgreedVariable, ...] = Field(min_length=1, max_length=200)
    datasets: dict[str, str] = Field(min_length=1, max_length=MOST_INSTITUTES)
    contract: tuple[dict[str, Any], ...] = ()
    floor: int = Field(default=DEFAULT_FLOOR, ge=1, le=1_000_000)
    largest_rows: int = Field(default=MAX_ROWS, ge=1, le=MAX_ROWS)
    secure_aggregation: bool = True
    minimum_institutes: int = Field(default=FEWEST, ge=1, le=MOST_INSTITUTES)
    max_rounds: int = Field(default=30, ge=1, le=1000)
    max_runs: int = Field(default=1, ge=1, le=1000)
    round_deadline_seconds: int = Field(default=600, ge=1, le=7 * 86_400)
    expires: Moment

    @field_validator("datasets")
    @classmethod
    def _references(cls, datasets: dict[str, str]) -> dict[str, str]:
        for namespace, reference in datasets.items():
            try:
                check_namespace(namespace)
                parsed = RecordRef.parse(reference)
            except JazariError as error:
                raise ValueError(str(error)) from error
            if parsed.namespace != namespace or parsed.type != "dataset":
                raise ValueError(f"{reference} is no dataset of {namespace}")
        return datasets

    @field_validator("expires")
    @classmethod
    def _date(cls, expires: str) -> str:
        moment(expires)
        return expires

    @model_validator(mode="after")
    def _sound(self) -> StudyText:
        names = [variable.name for variable in self.variables]
        if len(set(names)) != len(names):
            raise ValueError("a variable is listed twice")
        if self.minimum_institutes > len(self.datasets):
            raise ValueError("minimum_institutes is more than the institutes named")
        if self.secure_aggregation and self.minimum_institutes < FEWEST:
            raise ValueError(f"secure aggregation needs minimum_institutes of at least {FEWEST}")
        return self

    @property
    def institutes(self) -> tuple[str, ...]:
        """The institutes that are asked, sorted."""
        return tuple(sorted(self.datasets))

    @property
    def privacy(self) -> PrivacyTerms | None:
        """The privacy terms among the parameters, or None: then no noise is added. Raises ``BadParameters``."""
        terms = self.parameters.get("privacy")
        try:
            return None if terms is None else PrivacyTerms.model_validate_json(json.dumps(terms))
        except (ValidationError, TypeError, ValueError) as error:
            raise BadParameters(f"The privacy terms are not valid: {first_problem(error)}; correct them.") from error

    def named_variables(self) -> dict[str, AgreedVariable]:
        """The variables by name."""
        return {variable.name: variable for variable in self.variables}


def moment(text: str) -> datetime:
    """The date and time in a ``Moment``; raises ``ValueError`` when there is no such day."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def study_dict(text: StudyText) -> dict[str, Any]:
    """The JSON value of a study: what is published, and what the agreement digest covers."""
    return text.model_dump(mode="json")


def parse_study(value: Mapping[str, Any]) -> StudyText:
    """The study in a JSON value; raises ``BadStudy`` unless it is exactly what ``study_dict`` writes."""
    try:
        raw = canonical_json(dict(value))
        text = StudyText.model_validate_json(raw)
    except (JazariError, ValidationError, TypeError, ValueError) as error:
        raise BadStudy(f"The study is not valid: {first_problem(error)}; propose it again.") from error
    if canonical_json(study_dict(text)) != raw:
        raise BadStudy("The text of the study leaves out or adds fields: propose it again with this version.")
    return text


def agreement_digest(text: StudyText) -> str:
    """The digest that each institute signs: SHA-256 of the canonical JSON of the whole text."""
    return digest(study_dict(text))


@lru_cache
def recipe_digest(recipe: str) -> str:
    """The digest of the installed code that touches the data: recipe, guard, loaders, and the libraries' versions.

    Raises ``UnknownRecipe``.
    """
    from jazari.studies.recipes.registry import find_recipe

    package = resources.files("jazari.studies")
    found = find_recipe(recipe)
    own = (name if "/" in name else f"recipes/{name}" for name in found.sources)
    files = sorted({*_GUARDED, *own})
    libraries = {name: version(name) for name in ("numpy", *getattr(found, "libraries", ()))}
    return digest({"files": {name: _file_digest(package, name) for name in files}, **libraries})


def _file_digest(package: Any, name: str) -> str:
    return hashlib.sha256(package.joinpath(*name.split("/")).read_bytes()).hexdigest()
