"""Trying a study on this institute's own data before its steward decides. Nothing leaves and nothing is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jazari.core.errors import JazariError
from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.contract import Contract
from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import check_agreed
from jazari.studies.datasets import declaration_of, local_data_set, schema_of_card
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import NotAsked, RecipeChanged
from jazari.studies.guard import release
from jazari.studies.memory import Memory, question_of
from jazari.studies.messages import Sums
from jazari.studies.operations import Here
from jazari.studies.overview import study_of
from jazari.studies.recipes.base import divisions_of
from jazari.studies.recipes.registry import plan_of


def check(here: Here, reference: str) -> dict[str, Any]:
    """What this institute's first message would hold, in words and numbers of cells, and which rule would refuse.

    ``refused`` is empty or the sentence that a run would end with here. Raises ``StudyNotFound`` or
    ``NotAsked``.
    """
    study = study_of(here.records, reference)
    if here.namespace not in study.text.institutes:
        raise NotAsked(f"{reference} does not ask {here.namespace}: there is nothing to check here.")
    facts: dict[str, Any] = {"study": reference, "agreement": study.agreement, "refused": "", "outputs": []}
    facts["disclosures"] = disclosures(here, study.text)
    try:
        contract, sums, subjects = _first_message(here, study.text)
        facts["subjects"] = subjects
        facts["outputs"] = [_describe(output.name, sums) for output in contract.outputs]
    except JazariError as error:
        facts["refused"], facts["code"] = str(error), error.code
    return facts


def disclosures(here: Here, text: StudyText) -> list[str]:
    """Plain sentences on what would leave the institutes of a study; the ones on own groups name the institute."""
    schemas = {}
    for institute, reference in text.datasets.items():
        record = here.records.get(reference)
        if record is not None:
            schemas[institute] = schema_of_card(record.card)
    return disclosures_of(text, schemas)


def own_disclosures(here: Here, reference: str) -> list[str]:
    """The sentences that name this institute: figures that are its own, whatever the floor."""
    sentences = disclosures(here, study_of(here.records, reference).text)
    return [sentence for sentence in sentences if sentence.startswith(f"Only {here.namespace} ")]


def _first_message(here: Here, text: StudyText) -> tuple[Contract, Sums, int]:
    if recipe_digest(text.recipe) != text.recipe_digest:
        raise RecipeChanged(f"The installed code of {text.recipe!r} is not the one of the study: update this node.")
    data = local_data_set(text.datasets[here.namespace])
    schema = declaration_of(data)
    check_agreed(schema, text.variables)
    memory = Memory(here.engine_folder)
    table = load_table(Path(data.path), schema, memory.key_for_now())
    recipe, plan = plan_of(text, len(text.institutes))
    state = recipe.initial_state(plan)
    contract = recipe.contract(state, plan)
    released = release(contract, recipe.local(table, state, plan), text.floor)
    question = question_of(text, here.namespace, "check", 1, text.institutes)
    memory.check(question, table, divisions_of(recipe, table, state, plan))
    return contract, released, table.subjects


def _describe(name: str, sums: Sums) -> dict[str, Any]:
    array = sums[name]
    return {
        "output": name,
        "shape": list(array.shape),
        "type": str(array.dtype),
        "values": int(np.count_nonzero(array)),
    }
