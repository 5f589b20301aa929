"""Typed readers of environment variables: a bad value is refused by name, never guessed."""

from __future__ import annotations

import os
from pathlib import Path

from jazari.settings.errors import BadSetting

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def read_text(name: str, default: str) -> str:
    """The variable ``name``, or ``default`` when unset or empty."""
    return os.environ.get(name) or default


def read_flag(name: str, default: bool = False) -> bool:
    """The variable ``name`` as yes or no."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise BadSetting(f"{name} is {value[:40]!r}: set it to 1 or 0.")


def read_number(name: str, default: float, low: float, high: float) -> float:
    """The variable ``name`` as a number from ``low`` to ``high``, both included."""
    value = os.environ.get(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        raise BadSetting(f"{name} is {value[:40]!r}: set it to a number from {low:g} to {high:g}.")
    return number


def read_path(name: str, default: Path | None = None) -> Path:
    """The variable ``name`` as an absolute path; ``BadSetting`` when unset and without default."""
    value = os.environ.get(name)
    if value:
        return Path(value).absolute()
    if default is None:
        raise BadSetting(f"{name} is not set: set it to a folder, or give --home.")
    return default.absolute()
