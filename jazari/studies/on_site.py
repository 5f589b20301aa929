"""Trying a study on this institute's own data before its steward decides. Nothing leaves and nothing is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jazari.core.errors import JazariError
from jazari.studies.agreement import StudyText, agreement_digest, recipe_digest
from jazari.studies.contract import Contract
from jazari.studies.data.loading import load_table
from jazari.studies.data.mapped import account
from jazari.studies.data.mapping import (
    ColumnMapping,
    as_studied,
    check_mapping,
    fits,
    mapped_schema,
    mapping_digest,
    require_all_mapped,
)
from jazari.studies.data.schema import Schema, texts_among
from jazari.studies.data.table import Table
from jazari.studies.datasets import declaration_of, local_data_set, schema_of_card
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import NotAsked, RecipeChanged
from jazari.studies.guard import release
from jazari.studies.inputs import fetch_inputs
from jazari.studies.mappings import stored_mapping
from jazari.studies.memory import Memory, question_of
from jazari.studies.messages import Sums
from jazari.studies.operations import Here
from jazari.studies.overview import study_of
from jazari.studies.privacy.payment import Payments
from jazari.studies.recipes.base import divisions_of
from jazari.studies.recipes.registry import plan_of
from jazari.studies.registered import studied
from jazari.studies.saying import Sentence, worded


def check(here: Here, reference: str) -> dict[str, Any]:
    """What this institute's first message would hold, in words and numbers of cells, and which rule would refuse.

    ``refused`` is empty or the sentence that a run would end with here. ``variables`` says of each variable of the
    study which column it comes from, how it is converted, and how many rows are usable or why they are not; exact
    counts, for this institute's eyes. ``cost`` says what a study with privacy terms would spend; checking it spends
    nothing. Raises ``StudyNotFound`` or ``NotAsked``.
    """
    study = study_of(here.records, reference)
    if here.namespace not in study.text.institutes:
        raise NotAsked(f"{reference} does not ask {here.namespace}: there is nothing to check here.")
    facts: dict[str, Any] = {"study": reference, "agreement": study.agreement, "refused": "", "outputs": []}
    facts |= {"variables": [], "mapping": None, "cost": _cost(here, study.text) or ""}
    try:
        mapping = stored_mapping(here.engine_folder, study.agreement)
        facts["mapping"] = mapping_digest(mapping)
        table = _own_table(here, study.text, mapping)
        facts["rows"], facts["subjects"] = table.rows, table.subjects
        facts["variables"] = account(table, mapping, study.text.variables)
        inputs = fetch_inputs(here, study.text)
        contract, sums = _first_message(here, study.text, studied(table, study.text, mapping), inputs)
        facts["outputs"] = [_describe(output.name, sums) for output in contract.outputs]
    except JazariError as error:
        facts["refused"], facts["code"] = str(error), error.code
    return facts | {"disclosures": disclosures(here, study.text)}


def disclosures(here: Here, text: StudyText) -> list[Sentence]:
    """Plain sentences on what would leave the institutes of a study; the ones on own groups name the institute."""
    schemas, mapping_theirs = {}, []
    for institute, reference in text.datasets.items():
        record = here.records.get(reference)
        if record is None:
            continue
        schemas[institute] = schema_of_card(record.card)
        if institute == here.namespace:
            schemas[institute] = _own_schema(here, text, schemas[institute])
        elif not _fits(schemas[institute], text):
            schemas[institute] = as_studied(text.variables)
            mapping_theirs.append(institute)
    return [*disclosures_of(text, schemas), *(_of_mapped(institute) for institute in mapping_theirs)]


def _of_mapped(institute: str) -> Sentence:
    return worded(
        "{institute} maps its own columns to the study, so it is not known here which levels it has: a level that it "
        "lacks may be one institute's own figures.",
        institute=institute,
    )


def _fits(schema: Schema, text: StudyText) -> bool:
    return all(fits(schema, variable) for variable in text.variables)


def _own_schema(here: Here, text: StudyText, schema: Schema) -> Schema:
    """What this institute's table would declare; every level where nothing says how it is mapped."""
    try:
        mapping = stored_mapping(here.engine_folder, agreement_digest(text))
        check_mapping(mapping, schema, text.variables)
    except JazariError:
        return schema if _fits(schema, text) else as_studied(text.variables)
    return schema if mapping is None else mapped_schema(mapping, schema, text.variables)


def own_disclosures(here: Here, reference: str) -> list[Sentence]:
    """The sentences that name this institute: figures that are its own, whatever the floor."""
    sentences = disclosures(here, study_of(here.records, reference).text)
    return [sentence for sentence in sentences if sentence.startswith(f"Only {here.namespace} ")]


def notes(here: Here, reference: str) -> list[Sentence]:
    """What a steward should read again before approving: own figures, and what the study would spend."""
    cost = _cost(here, study_of(here.records, reference).text)
    return [*own_disclosures(here, reference), *([cost] if cost is not None else [])]


def _cost(here: Here, text: StudyText) -> Sentence | None:
    reference = text.datasets.get(here.namespace)
    return Payments(here.engine_folder).cost(text, reference) if reference else None


def _own_table(here: Here, text: StudyText, mapping: ColumnMapping | None) -> Table:
    if recipe_digest(text.recipe) != text.recipe_digest:
        raise RecipeChanged(f"The installed code of {text.recipe!r} is not the one of the study: update this node.")
    Payments(here.engine_folder).check(text, text.datasets[here.namespace])
    data = local_data_set(text.datasets[here.namespace])
    schema = declaration_of(data)
    if mapping is None:
        require_all_mapped(mapping, schema, text.variables)
    check_mapping(mapping, schema, text.variables)
    return load_table(Path(data.path), schema, texts_among(text.variables), Memory(here.engine_folder).key_for_now())


def _first_message(here: Here, text: StudyText, table: Table, inputs: Path) -> tuple[Contract, Sums]:
    recipe, plan = plan_of(text, len(text.institutes), inputs)
    state = recipe.initial_state(plan)
    contract = recipe.contract(state, plan)
    released = release(contract, recipe.local(table, state, plan), text.floor)
    if contract.noise is None:
        question = question_of(text, here.namespace, "check", 1, text.institutes)
        Memory(here.engine_folder).check(question, table, divisions_of(recipe, table, state, plan))
    return contract, released


def _describe(name: str, sums: Sums) -> dict[str, Any]:
    array = sums[name]
    return {
        "output": name,
        "shape": list(array.shape),
        "type": str(array.dtype),
        "values": int(np.count_nonzero(array)),
    }
