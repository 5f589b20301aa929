"""Every field of every card has a name that people can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from jazari.catalog.field_names import FIELD_NAMES
from jazari.catalog.registry import card_types


def fields_of(annotation: Any) -> Iterator[str]:
    """The names of fields anywhere in a model or in what an annotation is made of."""
    for part in get_args(annotation):
        yield from fields_of(part)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield name
            yield from fields_of(field.annotation)


def test_every_field_of_every_card_is_named() -> None:
    named = {f"{kind.name}: {name}" for kind in card_types() for name in fields_of(kind.model) if name in FIELD_NAMES}
    found = {f"{kind.name}: {name}" for kind in card_types() for name in fields_of(kind.model)}
    assert {"drill: phases", "residency: operators", "dataset: variables"} <= found
    assert found == named


def test_no_name_is_of_a_field_that_no_card_has() -> None:
    assert FIELD_NAMES.keys() == {name for kind in card_types() for name in fields_of(kind.model)}
