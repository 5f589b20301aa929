"""Data sets of this institute: a file, its declaration, and the card that tells others about it. No row leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.catalog.cards.dataset import DEFAULT_FLOOR, DatasetCard, MockRows, missing_share
from jazari.catalog.mock import mock_csv
from jazari.catalog.registry import check_form, explain
from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors
from jazari.core.identifiers import RecordRef, check_name
from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import Schema, load_schema, parse_schema
from jazari.studies.data.table import Mask, Table
from jazari.studies.data.toml_file import read_toml
from jazari.studies.errors import BadSchema, BelowFloor, DataSetNotFound
from jazari.studies.models import DataSet
from jazari.studies.operations import Here
from jazari.trust.records import Draft, Record

LARGEST_ABOUT = 2**20
_DECLARED = ("name", "kind", "levels", "lower", "upper", "missing")


class About(BaseModel):
    """What the institute says about a data set (TOML), beside what its declaration and the data say.

    Every field is one of the dataset card; ``mock_rows`` asks for so many made-up rows to write code against.
    """

    model_config = ConfigDict(defer_build=True, extra="allow")

    title: dict[str, str]
    description: dict[str, str]
    terms: dict[str, str]
    licence: dict[str, Any]
    floor: int = DEFAULT_FLOOR
    mock_rows: int = Field(default=0, ge=0, le=1000)
    mock_seed: int = 1


def read_about(path: Path) -> About:
    """The description in a TOML file; raises ``BadSchema`` naming the field."""
    values = read_toml(path, LARGEST_ABOUT, BadSchema, "it only says in words what the data are")
    try:
        return About.model_validate(values)
    except ValidationError as error:
        raise BadSchema(f"{path} is not complete: {explain(error)}; correct it.") from error


def register(name: str, data: Path, declaration: Path, about: About) -> DataSet:
    """Read and check the whole file and keep it as the next version of ``name``; publishes nothing.

    Raises ``BadData`` naming row, column and rule, ``BelowFloor`` for too few subjects, or another
    ``StudyError``. The same file and words again give the version that is there.
    """
    check_name(name, "name of the data set")
    schema = load_schema(declaration)
    table = load_table(data, schema)
    card = write_card(schema, table, about)
    check_form("dataset", card)
    sha256 = file_digest(data)
    latest = DataSet.objects.filter(name=name).first()
    if latest and (latest.sha256, latest.card, latest.path) == (sha256, card, str(data.absolute())):
        return latest
    return DataSet.objects.create(
        name=name,
        version=latest.version + 1 if latest and latest.record else latest.version if latest else 1,
        path=str(data.absolute()),
        sha256=sha256,
        declaration=schema.model_dump(mode="json"),
        card=card,
        registered=clock.now(),
    )


def write_card(schema: Schema, table: Table, about: About) -> dict[str, Any]:
    """The dataset card of ``table``: what is declared, and counts that hide fewer subjects than the floor."""
    if table.subjects < about.floor:
        raise BelowFloor(
            f"The data hold {table.subjects} distinct subjects, fewer than the floor of {about.floor}: "
            "no study could ever use them, so they are not registered."
        )
    said = about.model_dump(mode="json", exclude={"mock_rows", "mock_seed"})
    card = said | {
        "variables": [_variable(variable.model_dump(mode="json")) for variable in schema.variables],
        "subject": list(schema.subject),
        "rows": table.rows,
        "subjects": table.subjects,
        "quality": [{"variable": name, "missing": share} for name, share in _shares(table, about.floor).items()],
    }
    if about.mock_rows:
        card["mock"] = MockRows(rows=about.mock_rows, seed=about.mock_seed).model_dump(mode="json")
    return card


def _variable(declared: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: declared[key] for key in _DECLARED}
    kept["unit"] = declared["unit"] or None
    text = declared["description"]
    kept["description"] = ({"en": text} if isinstance(text, str) else text) if text else None
    return kept


def _shares(table: Table, floor: int) -> dict[str, float | None]:
    missing = {name: np.isnan(column) for name, column in table.numeric.items()}
    missing |= {name: codes < 0 for name, codes in table.codes.items()}
    return {name: _share(table, mask, floor) for name, mask in missing.items()}


def _share(table: Table, missing: Mask, floor: int) -> float | None:
    subjects = (len(np.unique(table.subject[missing])), len(np.unique(table.subject[~missing])))
    return missing_share(int(missing.sum()), table.rows, floor, subjects=subjects)


def publish(here: Here, name: str) -> Record:
    """Publish the card of the last registered version of ``name``; the one that is published already is returned.

    Raises ``DataSetNotFound``.
    """
    data = DataSet.objects.filter(name=name).first()
    if data is None:
        raise DataSetNotFound(f"No data set {name!r} is registered here: run `jazari dataset register` first.")
    published = here.records.get(data.record) if data.record else None
    if published is not None:
        return published
    record = _publish_card(here, data)
    data.record, data.version = record.ref, record.version
    data.save(update_fields=["record", "version"])
    events.emit(AuditEvent(kind="studies.dataset-published", actor=here.namespace, subject=record.ref))
    return record


def _publish_card(here: Here, data: DataSet) -> Record:
    card = DatasetCard.model_validate_json(canonical_json(data.card))
    with TemporaryDirectory(prefix="jazari-card-") as folder:
        files: dict[str, Path] = {}
        if card.mock:
            files[card.mock.file] = Path(folder) / card.mock.file
            files[card.mock.file].write_bytes(mock_csv(card))
        (record,) = here.publish([Draft("dataset", data.name, data.card, files, dict.fromkeys(files, "text/csv"))])
    return record


def local_data_set(reference: str) -> DataSet:
    """The registered file that stands behind a published dataset record of this institute.

    Raises ``DataSetNotFound`` when it was never registered here, is gone, or no longer holds the bytes that
    were registered.
    """
    data = DataSet.objects.filter(record=reference).first()
    if data is None:
        name = RecordRef.parse(reference).name
        raise DataSetNotFound(f"{reference} stands for no file of this node: register {name!r} and publish it again.")
    path = Path(data.path)
    if not path.is_file():
        raise DataSetNotFound(f"The file {path} of {reference} is gone: put it back or publish a new version.")
    if file_digest(path) != data.sha256:
        raise DataSetNotFound(f"The file {path} of {reference} has changed since: register and publish a new version.")
    return data


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read in pieces."""
    with plain_os_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def declaration_of(data: DataSet) -> Schema:
    """How this institute reads the file: columns, codes and units."""
    return parse_schema(data.declaration)


def schema_of_card(card: Mapping[str, Any]) -> Schema:
    """What a published dataset card declares, as far as a study needs it; raises ``BadSchema``."""
    variables = [
        {key: variable[key] for key in _DECLARED} | {"unit": variable["unit"] or ""} for variable in card["variables"]
    ]
    return parse_schema({"variables": variables, "subject": card["subject"]}, "The data set's card")
