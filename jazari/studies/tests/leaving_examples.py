"""A study of every recipe, and of every kind of terms, whose sentences on what would leave are all different."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.data.schema import Schema, agree_variables, parse_schema

BEFORE = Path(__file__).parent / "golden" / "leaving.json"
"""The English sentences as they were before they could be said in other languages; commands print them so."""

_CROPS = ["barley", "maize", "wheat"]
_HARMFUL = '<b>قمح</b> & "co"'
_LONG = [f"level {n}" for n in range(12)]
_NAMES = ("fes", "rabat", "taza")
_NUMBERS: dict[str, tuple[float, float]] = {
    "age": (0, 110), "days": (0, 5000), "dead": (0, 1), "ph": (0, 14), "sick": (0, 1), "yields": (-1000, 1000),
}  # fmt: skip
_EVALUATED = {"model": "safi/model/yield@1", "sha256": "0" * 64, "inputs": ["ph"]}
_CLASSES = {"task": "multiclass", "response": "crop", "classes": [*_CROPS, _HARMFUL]}
_NET = {"model": "mlp", "rounds": 12, "layers": [8], "clip": 2.5}
_TEXT = {"model": "text", "task": "multiclass", "response": "crop", "predictors": ["letter"], "buckets": 256,
         "rounds": 1}  # fmt: skip
_BOOSTED = {"predictors": ["ph", "crop"], "edges": {"ph": [4, 5.5, 7]}}
_COX = {"duration": "days", "event": "dead", "predictors": ["age", "crop"], "grid": [0, 50, 100, 200, 400]}
_NOISY = {"variables": ["ph"], "by": ["crop"], "privacy": {"epsilon": 1.5, "max_rows_per_subject": 1}}
_GAUSSIAN = {"epsilon": 0.25, "delta": 1e-6, "mechanism": "gaussian", "max_rows_per_subject": 3}
_PH = {"variables": ["ph"]}
_BINS = {"histograms": {"ph": [4, 5.5, 7, 9]}}
_SPREAD = {"spread": False}
_TWO_BY = {"by": ["crop", "soil"]}

_ASKED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "statistics": ("statistics", {"variables": ["ph", "crop", "yields"], **_BINS, "quantiles": [0.5]}, {}),
    "statistics by": ("statistics", {"variables": ["ph", "yields", "age"], **_BINS, **_TWO_BY}, {"floor": 5}),
    "statistics sums": ("statistics", {"variables": ["ph", "yields"], **_BINS, **_SPREAD}, {"max_runs": 3}),
    "statistics sums by": ("statistics", {"variables": ["ph", "yields"], **_BINS, **_SPREAD, "by": ["crop"]}, {}),
    "statistics levels by": ("statistics", {"variables": ["crop"], "by": ["soil"]}, {}),
    "statistics public": ("statistics", _PH, {"floor": 1}),
    "statistics unmasked": ("statistics", _PH, {"secure_aggregation": False, "minimum_institutes": 1, "max_runs": 2}),
    "noisy": ("private-statistics", _NOISY | {"variables": ["ph", "yields", "soil"], **_BINS}, {}),
    "noisy, none by": ("private-statistics",
                       {"variables": ["ph", "yields", "crop"], **_BINS, "privacy": _GAUSSIAN}, {"max_runs": 2}),
    "noisy unmasked": ("private-statistics", _NOISY, {"secure_aggregation": False, "minimum_institutes": 2}),
    "linear": ("glm", {"family": "gaussian", "responses": ["yields"], "predictors": ["ph", "crop"]}, {}),
    "regression applied": ("evaluation", _EVALUATED | {"task": "regression", "response": "yields"}, {}),
    "regression applied by": ("evaluation", _EVALUATED | {"task": "regression", "response": "age", "by": ["crop"]}, {}),
    "event applied": ("evaluation", _EVALUATED | {"task": "binary", "response": "sick"}, {}),
    "event applied by": ("evaluation", _EVALUATED | {"task": "binary", "response": "sick", **_TWO_BY}, {}),
    "classes applied": ("evaluation", _EVALUATED | _CLASSES, {}),
    "classes applied by": ("evaluation", _EVALUATED | _CLASSES | {"by": ["soil"]}, {}),
    "trees": ("boosting", _BOOSTED | {"task": "regression", "response": "yields"}, {}),
    "trees for classes": ("boosting", _BOOSTED | {"task": "multiclass", "response": "soil"}, {}),
    "one tree": ("boosting", _BOOSTED | {"task": "binary", "response": "sick", "trees": 1, "depth": 1}, {}),
    "network": ("fedavg", _NET | {"task": "binary", "response": "sick", "predictors": ["ph", "crop"]}, {}),
    "network of ranges": ("fedavg", _NET | {"task": "regression", "response": "ph", "predictors": ["age"],
                                            "scaling": "ranges", "rounds": 1}, {}),
    "words": ("fedavg", _TEXT, {}),
    "clusters": ("kmeans", {"variables": ["ph", "yields"], "clusters": 3}, {}),
    "components": ("pca", {"variables": ["ph", "yields", "age"]}, {}),
    "survival": ("cox", _COX, {}),
    "survival, Breslow": ("cox", _COX | {"ties": "breslow"}, {}),
}  # fmt: skip
EXAMPLES = tuple(_ASKED)


def schemas(names: tuple[str, ...] = _NAMES) -> dict[str, Schema]:
    """What institutes declare: only Taza has some levels, one of which is written to do harm."""
    return {name: _schema(name == "taza") for name in names}


def _schema(more: bool) -> Schema:
    numbers = [{"name": n, "kind": "numeric", "lower": low, "upper": up} for n, (low, up) in _NUMBERS.items()]
    crops, soils = [*_CROPS, *([_HARMFUL] if more else [])], ["clay", *(_LONG if more else [])]
    return parse_schema({"subject": ["site"], "variables": [
        {"name": "site", "kind": "identifier"},
        {"name": "crop", "kind": "category", "levels": crops},
        {"name": "soil", "kind": "category", "levels": soils},
        {"name": "letter", "kind": "text"},
        *numbers,
    ]})  # fmt: skip


def example(name: str) -> tuple[StudyText, Mapping[str, Schema]]:
    """The study and the schemas of its institutes."""
    recipe, parameters, changes = _ASKED[name]
    names = _NAMES[-2:] if changes.get("minimum_institutes") == 1 else _NAMES
    declared = schemas(names)
    wanted = [v.name for v in declared["taza"].variables if v.kind != "identifier"]
    values: dict[str, Any] = {
        "title": "A study", "purpose": "To test.", "proposer": "taza", "recipe": recipe,
        "recipe_digest": recipe_digest(recipe), "parameters": json.loads(json.dumps(parameters)),
        "variables": agree_variables(declared, wanted), "datasets": {n: f"{n}/dataset/soil@1" for n in names},
        "largest_rows": 2**13, "expires": "2100-01-01T00:00:00Z", **changes,
    }  # fmt: skip
    return StudyText(**values), declared
