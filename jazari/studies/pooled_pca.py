"""Principal components of all rows in one place, with each institute's rare rows left out (see ``pooled``).

From the singular values of the centred rows themselves (Jolliffe, Principal Component Analysis, 2nd edition,
3.5), not from the eigenvalues of sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.pooled_glm import usable_rows
from jazari.studies.recipes.base import Plan


def complete_rows(table: Table, plan: Plan) -> pd.DataFrame:
    """The rows of one institute that enter: those of a model with all variables as predictors."""
    model = SimpleNamespace(predictors=plan.parameters.variables, responses=(), positive=None)
    return usable_rows(table, replace(plan, parameters=model))


def pooled_pca(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``pca`` should say."""
    parts = [complete_rows(tables[name], plan) for name in sorted(tables)]
    names = list(plan.parameters.variables)
    rows = pd.concat(parts, ignore_index=True)[names]
    means, deviations = rows.mean(), rows.std(ddof=1)
    centred = rows - means
    if plan.parameters.scale == "correlation":
        centred = centred / deviations
    _, singular, directions = np.linalg.svd(centred.to_numpy(), full_matrices=False)
    variances = singular**2 / (len(rows) - 1)
    return {
        "rows": len(rows),
        "subjects": sum(part["__subject"].nunique() for part in parts),
        "scale": plan.parameters.scale,
        "means": means.to_dict(),
        "deviations": deviations.to_dict(),
        "total_variance": float(variances.sum()),
        "components": [
            {"variance": float(v), "share": float(v / variances.sum()), "loadings": _pointed(names, direction)}
            for v, direction in zip(variances, directions, strict=True)
        ][: plan.parameters.components],
    }


def _pointed(names: list[str], direction: Any) -> dict[str, float]:
    """Loadings with the first of the (nearly) largest positive."""
    largest = max(abs(x) for x in direction)
    sign = next(np.sign(x) for x in direction if abs(x) >= largest * (1 - 1e-6))
    return {name: float(sign * x) for name, x in zip(names, direction, strict=True)}
