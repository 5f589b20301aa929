"""The model card: what a model is for, what it was made from, and how it was judged. The model is a file beside it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from jazari.catalog.cards.base import Card, Reference
from jazari.catalog.cards.dataset import Licence
from jazari.catalog.registry import CardContext
from jazari.catalog.texts import Line, Text, Title
from jazari.core.canonical import canonical_json
from jazari.core.identifiers import RecordRef
from jazari.studies.agreement import StudyText, parse_study
from jazari.studies.cards import Provenance, ResultCard
from jazari.studies.errors import BadStudyRecord
from jazari.studies.portable.words import FILE_NAME, MAX_FILE_BYTES, InputKind, ModelKind, Task
from jazari.trust.records import Record

MOST_LEVELS = 1000


class ModelInput(Card):
    """One column that the model reads."""

    name: Line = Field(description="The name of the column.")
    kind: InputKind = Field(description="`numeric`, `category` or `text`.")
    unit: Line | None = Field(default=None, description="The unit of a number.")
    levels: list[Line] = Field(default_factory=list, max_length=MOST_LEVELS, description="The values of a category.")
    lower: float | None = Field(default=None, description="Smallest value in the data that it was made from.")
    upper: float | None = Field(default=None, description="Largest value in the data that it was made from.")


class ModelOutput(Card):
    """What the model predicts."""

    response: Line = Field(description="The variable that is predicted.")
    unit: Line | None = Field(default=None, description="The unit of a predicted number.")
    classes: list[Line] = Field(
        default_factory=list, max_length=MOST_LEVELS, description="What a classifier tells apart; each gets a score."
    )


class ModelProvenance(Card):
    """What the model was made from. Whoever has the result makes the same bytes from it again."""

    result: Reference = Field(description="The result that holds the model.")
    study: Reference = Field(description="Its study.")
    recipe: Line = Field(description="The recipe that trained it.")


class GroupFigures(Card):
    """The main figures of an evaluation for all rows or one group."""

    by: dict[Line, Line] = Field(default_factory=dict, description="The group: variable and level; empty: all rows.")
    rows: int = Field(ge=1, description="How many rows were judged.")
    figures: dict[Line, float] = Field(description="The figures by name, e.g. `accuracy`, `auc`, `r_squared`.")


class ModelEvaluation(Card):
    """One evaluation over institutes' data; the whole is in its result."""

    result: Reference = Field(description="The result of a study with the recipe `evaluation`.")
    groups: list[GroupFigures] = Field(min_length=1, max_length=1000, description="All rows first, then groups.")


class ModelCard(Card):
    """A model that anybody may fetch and apply: `jazari model predict`."""

    title: Title = Field(description="Its name.")
    description: Text = Field(description="What it predicts, from what, and how it came about.")
    task: Task = Field(description="`regression`, `binary` or `multiclass`.")
    kind: ModelKind = Field(description="How it computes: `linear`, `trees`, `network` or `bag-of-words`.")
    inputs: list[ModelInput] = Field(min_length=1, max_length=2000, description="The columns that it reads.")
    output: ModelOutput = Field(description="What it predicts.")
    intended_use: Text = Field(description="For whom and for what it is good.")
    limits: Text = Field(description="Where it must not be used, and what it cannot do.")
    licence: Licence = Field(description="Under what terms it may be used.")
    provenance: ModelProvenance = Field(description="What it was made from.")
    evaluations: list[ModelEvaluation] = Field(
        default_factory=list, max_length=100, description="How it was judged on institutes' data, oldest first."
    )
    file: Literal["model.safetensors"] = Field(default="model.safetensors", description="The model in the record.")

    @model_validator(mode="after")
    def _each_once(self) -> ModelCard:
        named = [evaluation.result for evaluation in self.evaluations]
        if len(set(named)) != len(named):
            raise ValueError("an evaluation is listed twice")
        return self


def check_model(record: Record, context: CardContext) -> None:
    """A model has a file, comes from a result of the same institute, and is judged only by evaluations of that file."""
    card = ModelCard.model_validate_json(canonical_json(record.card))
    file = record.file(FILE_NAME)
    if file is None or file.size > MAX_FILE_BYTES:
        raise _refused(record, f"the file {FILE_NAME} is missing or too large")
    source = card.provenance.result
    if RecordRef.parse(source).namespace != record.namespace:
        raise _refused(record, f"the result {source} is another institute's")
    study = _study_of(record, source, context)
    if _provenance(record, source, context).study != card.provenance.study or study.recipe != card.provenance.recipe:
        raise _refused(record, "its provenance is not that of its result")
    for evaluation in card.evaluations:
        judged = _study_of(record, evaluation.result, context)
        if judged.recipe != "evaluation" or judged.parameters.get("sha256") != file.sha256:
            raise _refused(record, f"{evaluation.result} is no evaluation of this file")


def _study_of(record: Record, result: str, context: CardContext) -> StudyText:
    reference = _provenance(record, result, context).study
    study = context.find(reference)
    if study is None:
        raise _refused(record, f"there is no study {reference}")
    return parse_study(study.card)


def _provenance(record: Record, result: str, context: CardContext) -> Provenance:
    found = context.find(result)
    if found is None or found.type != "result":
        raise _refused(record, f"there is no result {result}")
    return ResultCard.model_validate(found.card).provenance


def _refused(record: Record, problem: str) -> BadStudyRecord:
    return BadStudyRecord(f"{record.ref} is refused: {problem}; correct it and publish again.")
