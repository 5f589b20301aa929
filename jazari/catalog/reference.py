"""The reference of card types, written from their models: JSON Schemas and ``docs/reference/cards.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jazari.catalog.documents import DEEPEST, LARGEST_CARD
from jazari.catalog.registry import CardType
from jazari.core.files import write_atomic

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_HEAD = f"""# Cards

<!-- Written by `jazari catalog schemas --out docs/reference`; a test compares it with the code. -->

A card is the typed content of a record. It is a JSON object of at most {LARGEST_CARD:,} bytes (canonical form), nested
at most {DEEPEST} deep, without control characters or characters that turn the direction of text. A field that is not
listed is refused, and so is a type that is not listed. The Root checks every card before it accepts a publication, and
every node again before it indexes one.

*Title* and *Text* are objects that hold plain text by language (`fr`, `ar`, `zgh`, `en`; at least one): a title one
line of at most 300 characters, a text at most 20,000. Nothing in them is read as HTML.

The JSON Schema of each type is in [`schemas/`](schemas/).
"""


def json_schema(card_type: CardType) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a card type."""
    schema = card_type.model.model_json_schema()
    return {"$schema": _DIALECT, "$id": f"jazari:card:{card_type.name}"} | schema


def write_reference(types: Iterable[CardType], folder: Path) -> list[Path]:
    """Write ``cards.md`` and ``schemas/<type>.json`` into ``folder``; the files written."""
    written = {folder / name: text for name, text in reference_files(types).items()}
    for path, text in written.items():
        write_atomic(path, text.encode())
    return list(written)


def reference_files(types: Iterable[CardType]) -> dict[str, str]:
    """What ``write_reference`` writes: text by path relative to the folder."""
    ordered = sorted(types, key=lambda item: item.name)
    schemas = {item.name: json_schema(item) for item in ordered}
    files = {"cards.md": "\n".join([_HEAD, *(_section(item, schemas[item.name]) for item in ordered)])}
    for name, schema in schemas.items():
        files[f"schemas/{name}.json"] = json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
    return files


def _section(card_type: CardType, schema: Mapping[str, Any]) -> str:
    lines = [f"## {card_type.name}", "", card_type.purpose or "", ""]
    lines += _table(schema)
    inner: dict[str, Any] = schema.get("$defs", {})
    for name, part in sorted(inner.items()):
        lines += ["", f"### {card_type.name}: {name}", "", _first_sentence(part), ""]
        lines += _table(part) if "properties" in part else [f"One of {_form(part)}."]
    return "\n".join(lines) + "\n"


def _first_sentence(schema: Mapping[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split("\n\n")[0].split()).replace("``", "`")


def _table(schema: Mapping[str, Any]) -> Iterator[str]:
    yield "| field | form | needed | meaning |"
    yield "|---|---|---|---|"
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        needed = "yes" if name in required else "no"
        meaning = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
        yield f"| `{name}` | {_form(field)} | {needed} | {meaning} |"


def _form(field: Mapping[str, Any]) -> str:
    """The form of a field in a few words."""
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_form(option) for option in field["anyOf"])
    choices = field.get("enum") or ([field["const"]] if "const" in field else [])
    if choices:
        return ", ".join(f"`{value}`" for value in choices)
    return _typed_form(field, str(field.get("type", "any")))


def _typed_form(field: Mapping[str, Any], kind: str) -> str:
    if kind == "array":
        return f"list of {_form(field.get('items', {}))}" if "items" in field else "list"
    if kind == "object":
        return _object_form(field)
    return _names.get(kind, kind) + _limits(field)


_names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no", "null": "null"}


def _object_form(field: Mapping[str, Any]) -> str:
    languages = field.get("propertyNames", {}).get("enum")
    values = field.get("additionalProperties")
    if languages and isinstance(values, dict):
        return "Title" if values.get("maxLength", 0) <= 300 else "Text"
    return f"object of {_form(values)}" if isinstance(values, dict) else "object"


def _limits(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    if low is not None:
        return f", at least {low:,}"
    if field.get("exclusiveMinimum") is not None:
        return f", above {field['exclusiveMinimum']:,}"
    if field.get("pattern"):
        return " `" + str(field["pattern"]).replace("|", "\\|") + "`"
    return f", at most {field['maxLength']:,} characters" if field.get("maxLength") else ""
