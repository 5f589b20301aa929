"""``docs/reference/errors.md``: codes, exit codes and meanings from the code; what to do is written on the page."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jazari.core.errors import JazariError, known_errors

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "reference" / "errors.md"

INTRODUCTION = """\
# Errors

<!-- `python -m tests.docs.write_reference` writes codes, exit codes and, where a class says it, meanings; the last
column is written here by hand. A test compares the page with the code. -->

Every error is one plain sentence that says what to do next. Behind it stands a code that does not change between
versions (`--json` shows it, and so do the audit trail and the exchange) and an exit code
([what those mean](commands.md#exit-codes)). From Python, each is a subclass of `jazari.core.errors.JazariError` with
`code` and `exit_code`. Codes that end in `.failed`, and those marked *family*, gather others.

What leaves an institute because of a study carries the code alone, never the sentence.
"""

SLICES = {
    "core": "Everything stands on this",
    "cli": "The command line",
    "settings": "Homes and settings",
    "territories": "Regions",
    "trust": "Keys, ceremonies, publications, verification",
    "accounts": "People of a node",
    "federation": "Joining a network and talking to its Root",
    "governance": "The audit trail",
    "catalog": "Cards and the catalogue",
    "studies": "Data sets, studies, runs and the engine",
    "gateway": "Inference",
    "nodes": "Running a node",
}

WITHOUT_CLASS = {
    "cli.broken-pipe": 1,
    "cli.interrupted": 130,
    "nodes.no-such-file": None,
    "studies.internal": None,
}
"""Codes that no class carries, with their exit code; None where no command ends with them."""

_DECLARES = re.compile(r'^    code(: [^=]+)? = "', re.MULTILINE)
_ROW = re.compile(r"^\| `([a-z]+\.[a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """What the page says of one code."""

    exit_code: str
    means: str
    do: str


def errors() -> dict[str, type[JazariError]]:
    """Every error class of the code, by its code; the modules that declare one are imported."""
    for path in sorted((REPOSITORY / "jazari").rglob("*.py")):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        if "tests" not in parts and "testing" not in parts and _DECLARES.search(path.read_text(encoding="utf-8")):
            importlib.import_module(".".join(parts))
    return {code: found for code, found in known_errors().items() if _is_production(found.__module__)}


def _is_production(module: str) -> bool:
    parts = module.split(".")
    return parts[0] == "jazari" and "tests" not in parts and "testing" not in parts


def written() -> dict[str, Row]:
    """The rows of the page as it is."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return {code: Row(exit_code, means, do) for code, exit_code, means, do in _ROW.findall(text)}


def render(kept: Mapping[str, Row]) -> str:
    """The page as it should be, with the cells that are written by hand taken from ``kept``."""
    classes = errors()
    codes = sorted({*classes, *WITHOUT_CLASS}, key=lambda code: (list(SLICES).index(code.split(".")[0]), code))
    parts = [INTRODUCTION]
    for name, members in groupby(codes, key=lambda code: code.split(".")[0]):
        rows = [_line(code, classes.get(code), kept.get(code, Row("", "", ""))) for code in members]
        parts += [
            f"## {name}: {_lower(SLICES[name])}\n",
            "| code | exit | means | do |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    return "\n".join(parts)


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def _line(code: str, found: type[JazariError] | None, kept: Row) -> str:
    exit_code = WITHOUT_CLASS[code] if found is None else int(found.exit_code)
    means = (docstring(found) if found else "") or kept.means
    return f"| `{code}` | {'' if exit_code is None else exit_code} | {means} | {kept.do} |"


def docstring(found: type[JazariError]) -> str:
    """The first sentence of what the class says about itself, without the full stop; "" if it tells of fields only."""
    text = " ".join(inspect.cleandoc(found.__dict__.get("__doc__") or "").split("\n\n")[0].split())
    if text.startswith("``"):
        return ""
    return re.split(r"\.(?:\s|$)", text)[0].replace("``", "`").replace("|", "\\|")


def undocumented() -> Iterator[str]:
    """Codes whose meaning, or what to do about them, is missing on the page."""
    for code, row in written().items():
        if not row.means.strip() or not row.do.strip():
            yield code
