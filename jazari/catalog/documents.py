"""JSON from outside, before anything looks at what it says: size, depth, and only one way to read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from jazari.catalog.errors import CardRefused, UnreadableCard
from jazari.catalog.texts import is_forbidden
from jazari.core.canonical import NotCanonical, canonical_json
from jazari.core.files import plain_os_errors

LARGEST_CARD = 1_000_000
"""Bytes of a card's canonical JSON; a record may have 1 MiB, and needs some for itself."""
LARGEST_FILE = 4 * LARGEST_CARD
DEEPEST = 32
MOST_VALUES = 200_000


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file; ``UnreadableCard`` for anything that is not plainly one."""
    with plain_os_errors(path), path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise UnreadableCard(f"{path} has more than {LARGEST_FILE:,} bytes: move large content into a file.")
    return parse_document(data, str(path))


def parse_document(data: bytes, what: str) -> dict[str, Any]:
    """``data`` as a JSON object: no key twice, no NaN, not nested beyond ``DEEPEST``."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except RecursionError as error:
        raise UnreadableCard(f"{what} is nested too deep: flatten it.") from error
    except ValueError as error:
        raise UnreadableCard(f"{what} is not valid JSON ({error}): correct it.") from error
    if not isinstance(value, dict):
        raise UnreadableCard(f"{what} is not a JSON object: write {{...}}.")
    check_shape(value, what)
    return value


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def check_shape(value: Any, what: str) -> None:
    """Refuse a value nested beyond ``DEEPEST`` or with more than ``MOST_VALUES`` values.

    Walks without recursion, so that the check itself cannot be made to overflow.
    """
    level, values = [value], 0
    for _depth in range(DEEPEST):
        values += len(level)
        if values > MOST_VALUES:
            raise CardRefused(f"{what} has more than {MOST_VALUES:,} values: move them into a file.")
        level = [item for parent in level for item in _children(parent)]
        if not level:
            return
    raise CardRefused(f"{what} is nested deeper than {DEEPEST} levels: flatten it.")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def check_characters(value: Any, what: str) -> None:
    """Refuse a value with control, broken or text-turning characters in any string or key, of any type.

    What a card type does not check itself still reaches terminals, pages and databases.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str):
            bad = next((character for character in item if is_forbidden(character)), None)
            if bad is not None:
                raise CardRefused(f"{what} holds the invisible or control character U+{ord(bad):04X}: remove it.")


def card_bytes(card: dict[str, Any], what: str) -> bytes:
    """The canonical JSON of a card; refused when larger than ``LARGEST_CARD`` bytes or without one."""
    try:
        data = canonical_json(card)
    except (NotCanonical, UnicodeEncodeError) as error:
        raise CardRefused(f"{what} holds a value that JSON cannot carry exactly: correct it.") from error
    if len(data) > LARGEST_CARD:
        raise CardRefused(
            f"{what} has {len(data):,} bytes, more than {LARGEST_CARD:,}: move large content into a file."
        )
    return data
