"""Writing what was measured: one JSON file per benchmark, and one table of them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.base import Outcome

FOLDER = Path(__file__).parent / "results"
_MET = {True: "yes", False: "**no**", None: ""}
_HEAD = """# Results

Written by `make bench`; each section has its own date, since each can be repeated alone. What the measures mean,
what they do not show and what bounds them: [performance](../../docs/explanation/performance.md). "Others used" is the
share of the processor that programs which have nothing to do with the benchmark took meanwhile.
"""


def document(name: str, title: str, outcome: Outcome, **circumstances: Any) -> dict[str, Any]:
    """The JSON document of one benchmark."""
    return {
        "name": name,
        "title": title,
        **circumstances,
        "findings": [vars(finding) for finding in outcome.findings],
        "tables": [{"title": t, "header": h, "rows": r} for t, h, r in outcome.tables],
        "notes": outcome.notes,
        "measured": outcome.measured,
    }


def write(folder: Path, found: dict[str, Any]) -> Path:
    """Write one benchmark's file and the table of all files in ``folder``; the path of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found['name']}.json"
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    documents = [json.loads(each.read_text(encoding="utf-8")) for each in sorted(folder.glob("*.json"))]
    (folder / "README.md").write_text(table(documents), encoding="utf-8")
    return path


def table(documents: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    return "\n".join([_HEAD, *(line for each in documents for line in _section(each))]) + "\n"


def _section(found: dict[str, Any]) -> list[str]:
    rows = [[f["measure"], f["value"], f["target"], _MET[f["met"]]] for f in found["findings"]]
    lines = [f"## {found['name']}", "", f"What: {found['title']}.", "", _circumstances(found), ""]
    lines += _markdown(["measure", "measured", "target", "met"], rows)
    for more in found["tables"]:
        lines += [f"**{more['title']}**", "", *_markdown(more["header"], more["rows"])]
    return [*lines, *(f"- {note}" for note in found["notes"]), *([""] if found["notes"] else [])]


def _circumstances(found: dict[str, Any]) -> str:
    machine, versions = found["machine"], found["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    smoke = "A smoke run: **the figures mean nothing.** " if found["size"] == "smoke" else ""
    return (
        f"{smoke}{found['date']}, {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}; {named}. Others used {found['busyness']['others_share']:.0%}. "
        f"Took {found['seconds']:.0f} s; repeat with `{found['command']}`."
    )


def _markdown(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines), ""]


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
