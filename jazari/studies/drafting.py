"""A proposal that somebody writes step by step: what is kept of it, and the fields that a recipe asks for.

The rules are those of ``proposals`` and of each recipe's own parameter model; here is only what a form needs of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.studies.errors import BadStudy
from jazari.studies.models import StudyDraft
from jazari.studies.overview import Records
from jazari.studies.saying import Sentence, figure, worded
from jazari.trust.records import Record

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from jazari.studies.data.schema import AgreedVariable

Problem = JazariError | str
"""An error, or a sentence: a page says a ``Sentence`` in its reader's language, and any other as the English it is."""
_LIMITS = {
    "greater_than_equal": "ge",
    "less_than_equal": "le",
    "greater_than": "gt",
    "less_than": "lt",
    "too_short": "min_length",
    "too_long": "max_length",
}
"""Pydantic's kinds of problems with a number or a list, and where each tells the limit."""
LARGEST_DRAFT = 200_000
KEPT = timedelta(days=90)
VARIABLE_FIELDS = frozenset(
    {"variables", "by", "responses", "predictors", "response", "duration", "event", "inputs"}
)  # fmt: skip
"""The parameters that name variables of the data sets, whatever the recipe."""


def draft_of(person: int) -> StudyDraft:
    """The draft of ``person``, empty at first. Drafts that nobody touched for three months are forgotten."""
    StudyDraft.objects.filter(changed__lt=clock.now() - KEPT).delete()
    return StudyDraft.objects.get_or_create(person=person, defaults={"changed": clock.now()})[0]


def keep(draft: StudyDraft, **values: Any) -> None:
    """Add ``values`` to the draft; what was previewed is no longer what it says. Raises ``BadStudy`` if too large."""
    merged = {**draft.values, "text": None, **values}
    if len(json.dumps(merged)) > LARGEST_DRAFT:
        raise BadStudy("The draft is too large: name fewer variables or shorten the purpose.")
    draft.values, draft.changed = merged, clock.now()
    draft.save()


def forget(person: int) -> None:
    """Throw the draft away."""
    StudyDraft.objects.filter(person=person).delete()


def proposal_values(draft: StudyDraft) -> dict[str, Any]:
    """What the draft says so far, as ``proposals.make_proposal`` reads it."""
    return {name: told for name, told in draft.values.items() if name != "text" and told is not None}


def offered(records: Records) -> list[Record]:
    """The newest version of each data set that is not withdrawn, by institute and name."""
    newest = {(r.namespace, r.name): r for r in records.of("dataset")}
    return [newest[key] for key in sorted(newest) if not records.is_withdrawn(newest[key].ref)]


def matching(datasets: Sequence[Record], query: str) -> list[Record]:
    """Those that have every word of ``query`` in their reference, a title, a keyword or a variable's name."""
    words = query.casefold().split()[:10]
    return [record for record in datasets if all(word in _searched(record) for word in words)]


def _searched(record: Record) -> str:
    card = record.card
    names = (variable["name"] for variable in card["variables"])
    return " ".join([record.ref, *card["title"].values(), *card.get("keywords", ()), *names]).casefold()


@dataclass(frozen=True)
class Shared:
    """``agreed``: the variables that all data sets have and mean alike; ``differ``: why others cannot be used here."""

    agreed: tuple[AgreedVariable, ...]
    differ: dict[str, JazariError]


def shared_variables(cards: Mapping[str, Mapping[str, Any]]) -> Shared:
    """What the data sets (cards by institute) have in common."""
    from jazari.studies.data.schema import agree_variables
    from jazari.studies.datasets import schema_of_card

    schemas = {institute: schema_of_card(card) for institute, card in cards.items()}
    names = dict.fromkeys(v.name for schema in schemas.values() for v in schema.variables if v.kind != "identifier")
    agreed: list[AgreedVariable] = []
    differ: dict[str, JazariError] = {}
    for name in names:
        try:
            agreed += agree_variables(schemas, [name])
        except JazariError as error:
            differ[name] = error
    return Shared(tuple(agreed), differ)


@dataclass
class FormField:
    """A field of the form. ``kind``: ``variable``, ``variables``, ``choice``, ``flag``, ``number``, ``text``,
    ``list`` (separated by commas) or ``lists`` (one name with a list in each line).
    """

    name: str
    kind: str
    required: bool
    choices: tuple[str, ...] = ()
    value: Any = ""
    default: str = ""
    step: str = "any"
    errors: list[Problem] = field(default_factory=list)

    @property
    def id(self) -> str:
        """What labels and errors refer to."""
        return "p-" + self.name.replace(".", "-")


def fields_of(model: type[BaseModel], variables: Sequence[str], values: Mapping[str, Any]) -> list[FormField]:
    """The fields that ``model`` asks for, filled with ``values``; ``variables`` are the names to choose from."""
    schema = model.model_json_schema()
    return _fields(schema, schema.get("$defs", {}), tuple(variables), values, "")


def _fields(
    schema: Mapping[str, Any],
    defs: Mapping[str, Any],
    variables: tuple[str, ...],
    values: Mapping[str, Any],
    prefix: str,
) -> list[FormField]:
    found: list[FormField] = []
    for name, told in schema["properties"].items():
        if "$ref" in told:
            inner = defs[told["$ref"].rpartition("/")[2]]
            found += _fields(inner, defs, variables, values.get(name) or {}, f"{name}.")
            continue
        required = name in schema.get("required", ())
        made = _field(prefix + name, name, told, variables, required)
        made.value = _written(made.kind, values.get(name, told.get("default")))
        found.append(made)
    return found


def _field(full: str, name: str, told: Mapping[str, Any], variables: tuple[str, ...], required: bool) -> FormField:
    options = [one for one in told.get("anyOf", [told]) if one.get("type") != "null"]
    main = options[0]
    kind = main.get("type", "string")
    default = _written("text", told.get("default"))
    if name in VARIABLE_FIELDS:
        return FormField(full, "variables" if kind == "array" else "variable", required, variables)
    if "enum" in main:
        return FormField(full, "choice", required, tuple(main["enum"]), default=default)
    if kind == "boolean":
        return FormField(full, "flag", required, ("true", "false"), default=default)
    if kind in ("integer", "number"):
        return FormField(full, "number", required, default=default, step="1" if kind == "integer" else "any")
    return FormField(full, {"array": "list", "object": "lists"}.get(kind, "text"), required, default=default)


def _written(kind: str, value: Any) -> Any:
    """A JSON value as a field shows it."""
    if kind == "variables":
        return list(value or [])
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_written('list', numbers)}" for name, numbers in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def read_fields(fields: Sequence[FormField], posted: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The JSON values in a posted form; what was left empty is left out. Each field keeps what was written in it."""
    values: dict[str, Any] = {}
    for one in fields:
        written = list(posted.get(one.name, ()))
        one.value = written if one.kind == "variables" else (written or [""])[0].strip()
        if not one.value:
            continue
        outer, _, inner = one.name.rpartition(".")
        place = values.setdefault(outer, {}) if outer else values
        place[inner] = _read(one)
    return values


def _read(one: FormField) -> Any:
    if one.kind == "flag":
        return one.value == "true"
    if one.kind == "number":
        return _number(one.value)
    if one.kind == "list":
        return _list(one.value)
    if one.kind == "lists":
        lines = (line.partition(":") for line in one.value.splitlines() if line.strip())
        return {name.strip(): _list(numbers) for name, _, numbers in lines}
    return one.value


def _list(text: str) -> list[Any]:
    return [_number(part.strip()) for part in text.split(",") if part.strip()]


def _number(text: str) -> Any:
    """The number in ``text``; the text itself where there is none, which the model then refuses beside the field."""
    try:
        return json.loads(text) if text not in ("NaN", "Infinity", "-Infinity", "true", "false", "null") else text
    except ValueError:
        return text


def place_errors(fields: Sequence[FormField], error: JazariError) -> list[Problem]:
    """Put each problem of a validation beside its field, once; what belongs to none is returned."""
    if not isinstance(error.__cause__, ValidationError):
        return [error]
    left: list[Problem] = []
    by_name = {one.name: one for one in fields}
    for told in error.__cause__.errors(include_url=False):
        place = [str(part) for part in told["loc"]]
        found = by_name.get(".".join(place[:2])) or by_name.get(place[0] if place else "")
        problem, beside = _said(told), left if found is None else found.errors
        if problem not in beside:
            beside.append(problem)
    return left


def _said(told: ErrorDetails) -> str:
    """What pydantic found, in plain words where it is one of the usual things, else as pydantic says it."""
    kind, context = told["type"], told.get("ctx", {})
    if kind == "missing" or told["input"] is None:
        return worded("Fill this in.")
    if kind.startswith(("int_", "float_")):
        return worded("Write a whole number.") if kind.startswith("int_") else worded("Write a number.")
    if kind in _LIMITS:
        return _limit(kind, context[_LIMITS[kind]])
    return told["msg"].removeprefix("Value error, ")


def _limit(kind: str, bound: float) -> Sentence:
    limit = bound if isinstance(bound, int) else figure(bound)
    if kind == "greater_than_equal":
        return worded("This must be at least {limit}.", limit=limit)
    if kind == "less_than_equal":
        return worded("This must be at most {limit}.", limit=limit)
    if kind == "too_short":
        return worded("This needs more values: at least {limit}.", limit=limit)
    if kind == "too_long":
        return worded("These are too many values: at most {limit}.", limit=limit)
    if kind == "greater_than":
        return worded("This must be more than {limit}.", limit=limit)
    return worded("This must be less than {limit}.", limit=limit)
