"""Card types: every slice registers its own, and every record is checked against its type.

The same check runs before signing, at the Root's acceptance and when indexing. A type that nobody
registered is refused: deny when unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from jazari.catalog.documents import card_bytes, check_characters, check_shape
from jazari.catalog.errors import CardRefused, UnknownCardType
from jazari.core.identifiers import check_name
from jazari.trust.directory import Directory
from jazari.trust.records import Record


@dataclass(frozen=True)
class CardContext:
    """What a check may look at besides the record itself.

    ``find`` gives an accepted record by its reference, or None; ``directory`` who is admitted, where the
    checking side has it.
    """

    find: Callable[[str], Record | None]
    directory: Directory | None = None


@dataclass(frozen=True)
class CardType:
    """A kind of card: ``model`` says its form, ``check`` what must hold against other records.

    ``check`` raises ``JazariError`` to refuse. ``purpose`` is one sentence for the reference.
    """

    name: str
    model: type[BaseModel]
    check: Callable[[Record, CardContext], None] | None = None
    purpose: str = field(default="", compare=False)


_types: dict[str, CardType] = {}


def register_card_type(card_type: CardType) -> None:
    """Make ``card_type`` known; the same again is harmless, another of that name is a defect of ours."""
    check_name(card_type.name, "card type")
    known = _types.setdefault(card_type.name, card_type)
    if known != card_type:
        raise ValueError(f"two card types are called {card_type.name}")


def card_types() -> list[CardType]:
    """All registered types by name."""
    return [_types[name] for name in sorted(_types)]


def card_type(name: str) -> CardType:
    """The type ``name``; ``UnknownCardType`` if no slice registered it."""
    try:
        return _types[name]
    except KeyError:
        known = ", ".join(sorted(_types))
        raise UnknownCardType(f"There is no card type {name[:40]!r}: use one of {known}.") from None


def check_form(type_name: str, card: dict[str, Any]) -> BaseModel:
    """``card`` as its type's model; ``CardRefused`` names the first field that is wrong."""
    what = f"This {type_name} card"
    model = card_type(type_name).model
    check_shape(card, what)
    check_characters(card, what)
    try:
        # From JSON and not from Python values: strict models then take arrays for tuples, and nothing else.
        return model.model_validate_json(card_bytes(card, what))
    except ValidationError as error:
        raise CardRefused(f"{what} is not valid: {explain(error)}; correct it and publish again.") from error


def explain(error: ValidationError) -> str:
    """The first problem, as ``field: what is wrong`` (and how many more), without the refused value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Part of a path may be a key that the author of the card chose.
    where = ".".join(re.sub(r"[^\w-]", "?", str(part))[:60] for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {message}{more}" if where else f"{message}{more}"


def check_card(record: Record, context: CardContext) -> None:
    """Refuse ``record`` unless its card has the form of its type and passes the type's own check."""
    check_form(record.type, record.card)
    check = card_type(record.type).check
    if check is not None:
        check(record, context)


def card_checker(context: CardContext) -> Callable[[Record], None]:
    """``check_card`` for one publication, as trust's ``accept`` wants it.

    Records of the publication that passed are found by those after them, since a publication may, for
    example, publish and withdraw at once.
    """
    passed: dict[str, Record] = {}

    def find(ref: str) -> Record | None:
        return passed.get(ref) or context.find(ref)

    def check(record: Record) -> None:
        check_card(record, CardContext(find=find, directory=context.directory))
        passed[record.ref] = record

    return check
