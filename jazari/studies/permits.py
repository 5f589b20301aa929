"""Permits: what an institute's own worker wrote down so that a run may touch its data. Default deny.

``engine/stewards.json`` pins the steward's public keys of this institute; ``engine/permits/<run>.json`` is
one ``Permit``. The engine's processes read both and trust nothing in a permit that they can check themselves.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors, write_private
from jazari.studies.agreement import (
    Digest,
    Moment,
    StudyText,
    agreement_digest,
    moment,
    parse_study,
    recipe_digest,
)
from jazari.studies.data.mapping import ColumnMapping, mapping_digest, parse_mapping
from jazari.studies.data.schema import Schema, first_problem, parse_schema
from jazari.studies.decisions import ApprovalCard, Choice
from jazari.studies.errors import BadPermit, NoPermit, PermitExpired, RecipeChanged
from jazari.studies.messages import check_run_id
from jazari.studies.secure.session import Certificate
from jazari.trust.errors import TrustError
from jazari.trust.keys import verify_bytes

MAX_PERMIT_BYTES = 4 * 2**20


class Permit(BaseModel):
    """That this institute lets one run of one agreement use one of its data sets until ``not_after``.

    ``data_sha256`` is that of the file which was registered as the version that the study names. For secure
    aggregation: ``certificate`` holds this institute's keys of the run, and ``publishing_keys`` those by which the
    signed directory knows each participant.
    ``mapping`` is the one that the approval names by digest, or None.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    run: str
    run_record: str
    agreement: Digest
    study: dict[str, Any]
    participants: tuple[str, ...]
    namespace: str
    dataset: str
    data_path: str
    data_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    data_schema: dict[str, Any]
    mapping: dict[str, Any] | None = None
    approval: ApprovalCard
    not_after: Moment
    certificate: Certificate | None = None
    publishing_keys: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)

    def schema_of_data(self) -> Schema:
        """The schema of the data file; raises ``BadSchema``."""
        return parse_schema(self.data_schema, "The schema in the permit")

    def column_mapping(self) -> ColumnMapping | None:
        """How the data become the study's variables; None when they are them already. Raises ``BadMapping``."""
        return None if self.mapping is None else parse_mapping(self.mapping, "The mapping in the permit")

    def study_text(self) -> StudyText:
        """The study; raises ``BadStudy``."""
        return parse_study(self.study)


def permit_path(engine_folder: Path, run: str) -> Path:
    """Where the permit of ``run`` lies."""
    return engine_folder / "permits" / f"{check_run_id(run)}.json"


def write_permit(engine_folder: Path, permit: Permit) -> Path:
    """Put a permit in place, whole or not at all."""
    path = permit_path(engine_folder, permit.run)
    write_private(path, canonical_json(permit.model_dump(mode="json")))
    return path


def withdraw_permit(engine_folder: Path, run: str) -> None:
    """Take a permit away (approval withdrawn, institute revoked); harmless when there is none."""
    with plain_os_errors(engine_folder):
        permit_path(engine_folder, run).unlink(missing_ok=True)


def write_stewards(engine_folder: Path, public_keys: list[dict[str, Any]]) -> None:
    """Pin the public keys (TUF form) whose decisions this institute's engine accepts."""
    write_private(engine_folder / "stewards.json", canonical_json(public_keys))


def load_permit(engine_folder: Path, run: str) -> Permit:
    """The permit of ``run``; raises ``NoPermit``, or ``BadPermit`` when it cannot be read as one."""
    path = permit_path(engine_folder, run)
    raw = _read(path)
    if raw is None:
        raise NoPermit(f"This institute has no permit for run {run}: its steward must approve first.")
    try:
        return Permit.model_validate_json(raw)
    except (ValidationError, ValueError, RecursionError) as error:
        raise BadPermit(
            f"The permit {path} is not valid: {first_problem(error)}; remove it and let the worker write it again."
        ) from error


def permit_bytes(engine_folder: Path, run: str) -> tuple[bytes | None, bytes | None]:
    """The bytes that a run's permission rests on: its permit and the steward's pinned keys.

    While they are the same, so is what ``check_permit`` says, but for the time.
    """
    return _read(permit_path(engine_folder, run)), _read(engine_folder / "stewards.json")


def check_permit(permit: Permit, engine_folder: Path, run: str, namespace: str) -> StudyText:
    """The study that ``permit`` allows ``namespace`` to compute as ``run`` now; raises what forbids it."""
    _require(permit.run == run, "it is for another run")
    _require(permit.namespace == namespace, "it is for another institute")
    study = parse_study(permit.study)
    _require(agreement_digest(study) == permit.agreement, "the text of the study was changed after approval")
    _check_approval(permit, engine_folder)
    _check_participants(permit, study)
    _require(study.datasets.get(namespace) == permit.dataset, "it is for another data set")
    check_time(permit, study)
    if recipe_digest(study.recipe) != study.recipe_digest:
        raise RecipeChanged(
            f"The installed code of {study.recipe!r} is not the code that was approved: "
            "install the approved version or approve a new study."
        )
    return study


def check_time(permit: Permit, study: StudyText) -> None:
    """Raise ``PermitExpired`` when the permit or the study is past its date."""
    last = min(permit.not_after, study.expires)
    if clock.now() >= _moment(last):
        raise PermitExpired(f"The permission for run {permit.run} ended on {last}: propose the study again.")


def _moment(text: str) -> Any:
    try:
        return moment(text)
    except ValueError as error:
        raise BadPermit(f"The permit names no valid date ({text}): let the worker write it again.") from error


def _check_approval(permit: Permit, engine_folder: Path) -> None:
    statement = permit.approval.statement
    _require(statement.choice is Choice.APPROVE, "its steward did not approve")
    _require(statement.agreement == permit.agreement, "its steward decided on another study")
    _require(statement.institute == permit.namespace, "another institute's steward decided")
    mapped = mapping_digest(permit.column_mapping())
    _require(mapped == statement.mapping, "the mapping of its columns is not the one that was approved")
    _require(permit.approval.steward_key in _pinned_keys(engine_folder), "the key is not its steward's")
    try:
        verify_bytes(permit.approval.steward_key, statement.signed_bytes(), permit.approval.signature)
    except TrustError as error:
        raise BadPermit("The steward's signature does not fit the decision: approve the study again.") from error


def _check_participants(permit: Permit, study: StudyText) -> None:
    participants = permit.participants
    _require(list(participants) == sorted(set(participants)), "its list of institutes is not in order")
    _require(set(participants) <= set(study.institutes), "an institute is not named in the study")
    _require(permit.namespace in participants, "this institute is not in the run")
    _require(len(participants) >= study.minimum_institutes, "fewer institutes take part than agreed")


def _pinned_keys(engine_folder: Path) -> list[dict[str, Any]]:
    raw = _read(engine_folder / "stewards.json")
    try:
        keys = json.loads(raw) if raw is not None else []
    except (ValueError, RecursionError):
        keys = []
    _require(isinstance(keys, list) and bool(keys), "this institute has not pinned its steward's key")
    return list(keys)


def _read(path: Path) -> bytes | None:
    with plain_os_errors(path):
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_PERMIT_BYTES + 1)
        except FileNotFoundError:
            return None
    _require(len(raw) <= MAX_PERMIT_BYTES, f"{path.name} is too large")
    return raw


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise BadPermit(
            f"The permit does not allow this: {problem}; nothing was computed, ask this institute's steward."
        )
