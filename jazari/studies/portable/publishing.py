"""Models as records: made from a result and published, found, fetched, and judged by evaluations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from jazari.catalog.registry import check_form, explain
from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.canonical import canonical_json
from jazari.core.identifiers import RecordRef, check_name
from jazari.studies.agreement import StudyText
from jazari.studies.cards import ResultCard
from jazari.studies.data.toml_file import read_toml
from jazari.studies.errors import BadModel, BadStudy, ModelNotFound, NoModel, NotAsked, StudyNotFound
from jazari.studies.operations import Here
from jazari.studies.overview import Records, study_of
from jazari.studies.portable.card import ModelCard
from jazari.studies.portable.files import model_bytes, read_limited, read_model
from jazari.studies.portable.from_result import from_result
from jazari.studies.portable.model import PortableModel
from jazari.studies.portable.words import FILE_NAME, MEDIA_TYPE
from jazari.studies.recipes.evaluation_result import headlines
from jazari.trust.records import Draft, Record

LARGEST_ABOUT = 2**20


class AboutModel(BaseModel):
    """What the institute says about a model (TOML), beside what follows from the result; fields as on the card."""

    model_config = ConfigDict(defer_build=True, extra="forbid")

    title: dict[str, str]
    description: dict[str, str]
    intended_use: dict[str, str]
    limits: dict[str, str]
    licence: dict[str, Any]


def read_about(path: Path) -> AboutModel:
    """The description in a TOML file; raises ``BadStudy`` naming the field."""
    values = read_toml(path, LARGEST_ABOUT, BadStudy, "it only says in words what the model is")
    try:
        return AboutModel.model_validate(values)
    except ValidationError as error:
        raise BadStudy(f"{path} is not complete: {explain(error)}; correct it.") from error


def model_of_result(here: Here, result: str, response: str = "") -> tuple[StudyText, PortableModel]:
    """The study and the model of a published result; raises ``StudyNotFound``, ``NoModel`` or an error of trust."""
    study = study_of(here.records, _result_card(here.records, result).provenance.study)
    return study.text, from_result(study.text, _values(here, result), response)


def publish_model(here: Here, result: str, name: str, about: AboutModel, response: str = "") -> Record:
    """Make the file of the model in ``result`` and publish it with its card.

    The same again is the same record. Raises ``NotAsked`` for another institute's result, ``NoModel``, or
    ``CardRefused`` naming the field of the card.
    """
    check_name(name, "name of the model")
    if RecordRef.parse(result).namespace != here.namespace:
        raise NotAsked(f"{result} is another institute's: only its author publishes the model in it.")
    text, model = model_of_result(here, result, response)
    card = _card(model, about, result, _result_card(here.records, result).provenance.study, text.recipe)
    check_form("model", card)
    data = model_bytes(model)
    return _published(here, name, card, data) or _publish(here, name, card, data)


def add_evaluation(here: Here, reference: str, result: str) -> Record:
    """Publish the next version of a model's card with the figures of one more evaluation; the file stays.

    Raises ``ModelNotFound``, ``NotAsked``, or ``NoModel`` when the result does not evaluate this file. An evaluation
    that is on the card already leaves it as it is.
    """
    record = model_record(here.records, reference)
    if record.namespace != here.namespace:
        raise NotAsked(f"{reference} is {record.namespace}'s: only its author can publish it again.")
    newest = max(here.records.of("model", namespace=record.namespace, name=record.name), key=lambda r: r.version)
    values = _values(here, result)
    if values.get("sha256") != _file(newest)[0]:
        raise NoModel(f"{result} does not evaluate the file of {newest.ref}: name a result of the recipe evaluation.")
    card = ModelCard.model_validate_json(canonical_json(newest.card)).model_dump(mode="json")
    if any(known["result"] == result for known in card["evaluations"]):
        return newest
    card["evaluations"].append({"result": result, "groups": headlines(values)})
    return _publish(here, newest.name, card, verified_bytes(here, newest))


def model_record(records: Records, reference: str) -> Record:
    """The record of a model; raises ``ModelNotFound``."""
    record = records.get(reference)
    if record is None or record.type != "model":
        raise ModelNotFound(f"There is no model {reference[:140]!r} here: run `jazari sync`, then `jazari model list`.")
    return record


def verified_bytes(here: Here, record: Record) -> bytes:
    """The file of a model's record, hashed again; raises ``BadModel`` when it is not what was signed."""
    sha256, size = _file(record)
    data = read_limited(here.file(record, FILE_NAME))
    if (hashlib.sha256(data).hexdigest(), len(data)) != (sha256, size):
        raise BadModel(f"The file of {record.ref} on this disk is not what was signed: run `jazari sync`.")
    return data


def verified_model(here: Here, reference: str) -> PortableModel:
    """The model of a signed record. Nothing of the file is read before its hash is that of the record."""
    return read_model(verified_bytes(here, model_record(here.records, reference)), reference)


def proposed_parameters(record: Record) -> dict[str, Any]:
    """What a study with the recipe ``evaluation`` says of this model, to be completed with groups and bins."""
    card = record.card
    parameters = {
        "model": record.ref,
        "sha256": _file(record)[0],
        "task": card["task"],
        "inputs": [one["name"] for one in card["inputs"]],
        "response": card["output"]["response"],
    }
    classes = card["output"]["classes"]
    if card["task"] == "multiclass":
        parameters["classes"] = classes
    if card["task"] == "binary" and classes != ["0", "1"]:
        parameters["positive"] = classes[1]
    return parameters


def _card(model: PortableModel, about: AboutModel, result: str, study: str, recipe: str) -> dict[str, Any]:
    inputs = [vars(one) | {"levels": list(one.levels), "unit": one.unit or None} for one in model.inputs]
    return about.model_dump(mode="json") | {
        "task": model.task,
        "kind": model.kind,
        "inputs": inputs,
        "output": {"response": model.response, "unit": model.unit or None, "classes": list(model.classes)},
        "provenance": {"result": result, "study": study, "recipe": recipe},
        "evaluations": [],
        "file": FILE_NAME,
    }


def _published(here: Here, name: str, card: dict[str, Any], data: bytes) -> Record | None:
    """The newest version under ``name``, if it says the same but for its evaluations."""
    versions = here.records.of("model", namespace=here.namespace, name=name)
    newest = max(versions, key=lambda record: record.version, default=None)
    if newest is None or _file(newest)[0] != hashlib.sha256(data).hexdigest():
        return None
    return newest if _said(newest.card) == _said(card) else None


def _said(card: dict[str, Any]) -> bytes:
    """A card without its evaluations, written in one way whatever was left out."""
    return canonical_json(ModelCard.model_validate_json(canonical_json(card | {"evaluations": []})).model_dump())


def _publish(here: Here, name: str, card: dict[str, Any], data: bytes) -> Record:
    with TemporaryDirectory(prefix="jazari-model-") as folder:
        file = Path(folder) / FILE_NAME
        file.write_bytes(data)
        (record,) = here.publish([Draft("model", name, card, {FILE_NAME: file}, {FILE_NAME: MEDIA_TYPE})])
    detail = {"result": card["provenance"]["result"], "evaluations": len(card["evaluations"])}
    events.emit(AuditEvent(kind="studies.model-published", actor=here.namespace, subject=record.ref, detail=detail))
    return record


def _file(record: Record) -> tuple[str, int]:
    file = record.file(FILE_NAME)
    if file is None:
        raise ModelNotFound(f"{record.ref} has no file {FILE_NAME}: ask {record.namespace} to publish it again.")
    return file.sha256, file.size


def _result_card(records: Records, reference: str) -> ResultCard:
    record = records.get(reference)
    if record is None or record.type != "result":
        raise StudyNotFound(f"There is no result {reference[:140]!r} here: run `jazari sync` and look again.")
    return ResultCard.model_validate(record.card)


def _values(here: Here, reference: str) -> dict[str, Any]:
    _result_card(here.records, reference)
    record = here.records.get(reference)
    if record is None:  # withdrawn from the index between two looks
        raise StudyNotFound(f"There is no result {reference[:140]!r} here: run `jazari sync` and look again.")
    values: dict[str, Any] = json.loads(here.file(record, "result.json").read_bytes())
    return values
