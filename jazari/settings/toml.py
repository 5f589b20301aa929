"""The little TOML that a node writes about itself: strings, numbers, booleans and tables of these."""

from __future__ import annotations

import json
from collections.abc import Mapping

Scalar = str | int | float | bool


def dump_toml(values: Mapping[str, Scalar | Mapping[str, Scalar]]) -> str:
    """``values`` as TOML: scalars first, then one table per mapping."""
    lines = [_line(name, value) for name, value in values.items() if not isinstance(value, Mapping)]
    for name, table in values.items():
        if isinstance(table, Mapping) and table:
            lines += ["", f"[{name}]", *(_line(key, value) for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _line(name: str, value: Scalar) -> str:
    # A JSON string, number or boolean is a TOML one too, once DEL is escaped.
    return f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
