"""Any card as a readable tree, by the model of its type: names of fields, texts, references, tables; all bounded.

What a card says comes from whoever signed it. Nothing of it is ever marked safe; links are made of ``https`` addresses
and of references alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from jazari.catalog.errors import UnknownCardType
from jazari.catalog.field_names import field_name
from jazari.catalog.indexing import is_reference
from jazari.catalog.labels import Label, value_names
from jazari.catalog.registry import card_type
from jazari.catalog.texts import LANGUAGES

MOST_ITEMS = 200
MOST_COLUMNS = 8
DEEPEST = 5
LONGEST = 4000
Kind = Literal[
    "label", "text", "texts", "number", "yes", "no", "reference", "link", "code", "list", "table", "facts", "json"
]
_CODES = {"region": "region", "regions": "region", "sectors": "sector", "languages": "language"}
_HASH = re.compile(r"(?:sha256:)?[0-9a-f]{32,}|-----BEGIN .*", re.DOTALL)
_LINK = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/?#%&=+,;:@!$()*-]*)?")


@dataclass(frozen=True)
class Value:
    """A value to show: ``kind`` says how, ``value`` what. ``left_out`` counts what is too much to show."""

    kind: Kind
    value: Any
    left_out: int = 0


@dataclass(frozen=True)
class Fact:
    """A field with its name, what the model says of it (English), and its value."""

    name: str
    label: Label
    about: str
    value: Value


@dataclass(frozen=True)
class Table:
    """Objects with the same few fields."""

    columns: list[tuple[str, Label]]
    rows: list[list[Value | None]] = field(default_factory=list)


def facts_of(type_name: str, card: Mapping[str, Any], without: Sequence[str] = ()) -> list[Fact]:
    """The fields of a card in the order of its model, those that say nothing and those in ``without`` left out."""
    model = _model(type_name)
    about = {name: (info.description or "") for name, info in model.model_fields.items()} if model else {}
    names = [*(name for name in about if name in card), *(name for name in card if name not in about)]
    return [
        Fact(name, field_name(name), " ".join(about.get(name, "").split()), field_value(name, card[name]))
        for name in names
        if name not in without and not _is_nothing(card[name])
    ]


def _model(type_name: str) -> type[BaseModel] | None:
    try:
        return card_type(type_name).model
    except UnknownCardType:
        return None


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def field_value(name: str, value: Any, depth: int = 0) -> Value:
    """How the value of the field ``name`` is shown: codes of regions, sectors and languages by what they are called."""
    facet = _CODES.get(name)
    codes = [value] if isinstance(value, str) else value
    if facet is None or not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        return value_of(value, depth)
    names = value_names(facet, codes[:MOST_ITEMS])
    shown = [Value("label", names[code]) for code in codes[:MOST_ITEMS]]
    return Value("list", shown, max(0, len(codes) - MOST_ITEMS)) if len(codes) != 1 else shown[0]


def value_of(value: Any, depth: int = 0) -> Value:
    """How ``value`` is shown."""
    if isinstance(value, bool):
        return Value("yes" if value else "no", value)
    if isinstance(value, int | float):
        return Value("number", value)
    if isinstance(value, str):
        return _text(value)
    if depth >= DEEPEST:
        return Value("json", json.dumps(value, ensure_ascii=False, indent=1)[:LONGEST])
    return _many(value, depth) if isinstance(value, list) else _object(value, depth)


def _text(text: str) -> Value:
    if is_reference(text):
        return Value("reference", text)
    if _LINK.fullmatch(text):
        return Value("link", text)
    if _HASH.fullmatch(text):
        return Value("code", text[:LONGEST])
    return Value("text", text[:LONGEST], max(0, len(text) - LONGEST))


def _many(values: list[Any], depth: int) -> Value:
    shown, left_out = values[:MOST_ITEMS], max(0, len(values) - MOST_ITEMS)
    if shown and all(isinstance(item, dict) and not is_texts(item) for item in shown):
        table = _table(shown, depth)
        if table is not None:
            return Value("table", table, left_out)
    return Value("list", [value_of(item, depth + 1) for item in shown], left_out)


def _table(rows: list[dict[str, Any]], depth: int) -> Table | None:
    """None where the objects have too many fields for columns."""
    names = list(dict.fromkeys(name for row in rows for name, value in row.items() if not _is_nothing(value)))
    if not 0 < len(names) <= MOST_COLUMNS:
        return None
    cells = [[None if _is_nothing(row.get(name)) else value_of(row[name], depth + 1) for name in names] for row in rows]
    return Table([(name, field_name(name)) for name in names], cells)


def _object(value: Any, depth: int) -> Value:
    if not isinstance(value, dict):
        return Value("json", json.dumps(value, ensure_ascii=False)[:LONGEST])
    if is_texts(value):
        return Value("texts", value)
    pairs = [(name, item) for name, item in value.items() if not _is_nothing(item)]
    facts = [Fact(name, field_name(name), "", field_value(name, item, depth + 1)) for name, item in pairs[:MOST_ITEMS]]
    return Value("facts", facts, max(0, len(pairs) - MOST_ITEMS))


def is_texts(value: Mapping[str, Any]) -> bool:
    """Whether an object is a text in several languages."""
    return bool(value) and set(value) <= set(LANGUAGES) and all(isinstance(text, str) for text in value.values())
