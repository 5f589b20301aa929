"""Studies over tables in this process: the same recipe, guard, contract and rounding, without processes or permits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jazari.studies.agreement import StudyText
    from jazari.studies.data.table import Table


def tables(files: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Table]:
    """Each institute's CSV text, read as an institute reads its file."""
    from jazari.studies.data.loading import load_table
    from jazari.studies.data.schema import parse_schema

    declared = parse_schema(schema, "The benchmark's schema")
    with TemporaryDirectory(prefix="jazari-bench-") as folder:
        paths = {name: Path(folder) / f"{name}.csv" for name in files}
        for name, path in paths.items():
            path.write_text(files[name], encoding="utf-8")
        return {name: load_table(path, declared) for name, path in paths.items()}


def study(recipe: str, parameters: Mapping[str, Any], data: Mapping[str, Table], **more: Any) -> StudyText:
    """The text that the institutes of ``data`` would approve; ``more``: further fields of the proposal.

    Sums are added up securely unless ``more`` says otherwise: totals are rounded as masked totals are.
    """
    from jazari.core import clock
    from jazari.studies.proposals import largest_rows, make_proposal, write_study

    proposal = make_proposal({
        "name": "bench", "title": "A benchmark", "purpose": "A benchmark.", "recipe": recipe,
        "parameters": dict(parameters), "datasets": [f"{name}/dataset/bench@1" for name in data], **more,
    })  # fmt: skip
    schemas = {name: table.schema for name, table in data.items()}
    most = largest_rows([{"rows": table.rows} for table in data.values()])
    return write_study(proposal, sorted(data)[0], schemas, clock.now(), most)
