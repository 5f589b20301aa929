"""What differs between two versions of a record, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from jazari.catalog.field_names import field_name
from jazari.catalog.labels import Label
from jazari.trust.records import Record

MOST_CHANGES = 500
LONGEST = 2000
What = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Change:
    """``path`` leads to the field by names; ``before`` and ``after`` are what it held, as text."""

    path: tuple[Label, ...]
    what: What
    before: str
    after: str


def changes_between(before: Record, after: Record) -> list[Change]:
    """The changes of the card, then of the files, in the order of the cards; at most ``MOST_CHANGES``."""
    found = _changes(before.card, after.card, ())
    files = _changes(_files(before), _files(after), ())
    return list(islice((change for changes in (found, files) for change in changes), MOST_CHANGES))


def _files(record: Record) -> dict[str, Any]:
    return {file.name: {"sha256": file.sha256, "size": file.size} for file in record.files}


def _changes(before: Any, after: Any, path: tuple[Label, ...]) -> Iterator[Change]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list) and _are_named(before) and _are_named(after):
        yield from _of_objects(_by_name(before), _by_name(after), path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    else:
        yield _change(path, before, after)


def _of_objects(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[Label, ...]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        yield from _changes(before.get(name), after.get(name), (*path, field_name(name)))


def _of_lists(before: list[Any], after: list[Any], path: tuple[Label, ...]) -> Iterator[Change]:
    """Values that only one side has; or the whole, where only their order differs."""
    gone = [value for value in before if value not in after]
    new = [value for value in after if value not in before]
    for value in gone:
        yield _change(path, value, None)
    for value in new:
        yield _change(path, None, value)
    if not gone and not new:
        yield _change(path, before, after)


def _are_named(values: list[Any]) -> bool:
    names = [value.get("name") or value.get("variable") for value in values if isinstance(value, dict)]
    return len(names) == len(values) == len({name for name in names if isinstance(name, str)})


def _by_name(values: list[Any]) -> dict[str, Any]:
    return {value.get("name") or value["variable"]: value for value in values}


def _change(path: tuple[Label, ...], before: Any, after: Any) -> Change:
    what: What = "added" if before is None else "removed" if after is None else "changed"
    return Change(path, what, _told(before), _told(after))


def _told(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, dict | list):
        from jazari.core.canonical import canonical_json

        return canonical_json(value).decode()[:LONGEST]
    return str(value).lower() if isinstance(value, bool) else str(value)
