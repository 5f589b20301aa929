"""The same results from all rows in one place, under the same floor: what a federated result is compared with.

Written with pandas and textbook formulas, apart from the recipes, so that both would have to be wrong in the
same way. Only somebody who holds all data can run it: tests, the demo, benchmarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from jazari.studies.agreement import StudyText
from jazari.studies.data.table import Table
from jazari.studies.recipes.registry import find_recipe, plan_of


def pooled(study: StudyText, tables: Mapping[str, Table], inputs: Path | None = None) -> dict[str, Any]:
    """The result of ``study`` computed from all rows of ``tables`` (by institute): ``pooled_<recipe>`` says how.

    ``inputs`` is the folder of the files that the recipe reads, if it reads any.
    """
    _, plan = plan_of(study, len(tables), inputs)
    name = study.recipe.replace("-", "_")
    compute = getattr(import_module(f"jazari.studies.pooled_{name}"), f"pooled_{name}")
    result: dict[str, Any] = compute(plan, tables)
    return result


def declared_scales(study: StudyText) -> dict[str, float]:
    """The scales that the recipe of ``study`` declares for its outputs."""
    recipe, plan = plan_of(study, len(study.datasets))
    return find_recipe(recipe.name).scales(plan)


def max_relative_difference(result: Any, reference: Any, scales: Mapping[str, float]) -> float:
    """The largest \\|a - b\\| / max(\\|b\\|, scale) over all numbers of two results; infinite if they differ in form.

    ``scales`` maps ``name`` or ``parent.name`` of a number to its scale, 1 by default. The scale of a
    coefficient's ``estimate`` is its standard error in ``reference``.
    """
    return _difference(result, reference, scales, ())


def _difference(a: Any, b: Any, scales: Mapping[str, float], path: tuple[str, ...]) -> float:
    if isinstance(b, Mapping) and isinstance(a, Mapping) and set(a) == set(b):
        if "standard_error" in b:
            scales = {**scales, "estimate": b["standard_error"]}
        return max((_difference(a[key], b[key], scales, (*path, str(key))) for key in b), default=0.0)
    if isinstance(b, list) and isinstance(a, list) and len(a) == len(b):
        return max((_difference(x, y, scales, path) for x, y in zip(a, b, strict=True)), default=0.0)
    if _is_number(a) and _is_number(b):
        return 0.0 if a == b else abs(a - b) / max(abs(b), _scale(scales, path))
    return 0.0 if type(a) is type(b) and a == b else float("inf")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scale(scales: Mapping[str, float], path: tuple[str, ...]) -> float:
    names = (".".join(path[-2:]), ".".join(path[-3:-1]), path[-1] if path else "")
    return next((scales[name] for name in names if name in scales), 1.0)
