"""Results as tables: lists of plain rows by name, for pandas and for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Row = dict[str, Any]
_SCALARS = ("missing", "present", "share_missing", "mean", "deviation", "variance", "left_out", "mean_left_out")


def tables_of(recipe: str, values: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The tables of a result; for a recipe that has no tables of its own, its plain values in one row."""
    makers = _TABLES.get(recipe, {"values": lambda whole: iter([dict(whole)])})
    return {name: list(make(values)) for name, make in makers.items()}


def _judged(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for all rows and for each group, with the figures that are one number."""
    for group in values["groups"]:
        figures = {name: told for name, told in group.items() if isinstance(told, int | float) or told is None}
        yield dict.fromkeys(values["by"], "all") | group["by"] | figures


def _calibration(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each bin of score."""
    for group in values["groups"]:
        for told in group.get("calibration", ()):
            yield dict.fromkeys(values["by"], "all") | group["by"] | told


def _described(values: Mapping[str, Any]) -> Iterator[tuple[Row, str, Mapping[str, Any]]]:
    for group in values["groups"]:
        for name, told in group["variables"].items():
            yield {**group["by"], "variable": name}, name, {"rows": group["rows"], "subjects": group["subjects"]} | told


def _groups(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each group and variable."""
    for labels, _, told in _described(values):
        row = {**labels, "rows": told["rows"], "subjects": told["subjects"]}
        row |= {name: told[name] for name in _SCALARS if name in told}
        row |= {f"q{float(q):g}": value for q, value in told.get("quantiles", {}).items()}
        yield row


def _histograms(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each bin; the open ones below and above have no edge on one side."""
    for labels, _, told in _described(values):
        histogram = told.get("histogram")
        if not histogram:
            continue
        edges = [None, *histogram["edges"], None]
        counts = [histogram["below"], *histogram["counts"], histogram["above"]]
        for place, (count, left_out) in enumerate(zip(counts, histogram["left_out"], strict=True)):
            yield {**labels, "low": edges[place], "high": edges[place + 1], "rows": count, "left_out": left_out}


def _levels(values: Mapping[str, Any]) -> Iterator[Row]:
    for labels, _, told in _described(values):
        for level, cell in told.get("levels", {}).items():
            yield {**labels, "level": level, **cell}


def _coefficients(values: Mapping[str, Any]) -> Iterator[Row]:
    for response, told in values["responses"].items():
        for coefficient in told["coefficients"]:
            yield {"response": response, **coefficient}


def _clusters(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each cluster, with its centre; empty where no institute could tell."""
    for place, told in enumerate(values["clusters"]):
        centre = told["centre"] or dict.fromkeys(values["means"])
        yield {"cluster": place, "rows": told["rows"], "within": told["within"], "left_out": told["left_out"], **centre}


def _components(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each component, with its loadings."""
    for place, told in enumerate(values["components"]):
        yield {"component": place, "variance": told["variance"], "share": told["share"], **told["loadings"]}


def _hazards(values: Mapping[str, Any]) -> Iterator[Row]:
    return (dict(entry) for entry in values["coefficients"])


def _intervals(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each interval of the model, with its baseline hazard."""
    return (dict(entry) for entry in values["intervals"])


def _losses(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each round of boosting; 0 is before the first tree."""
    return ({"trees": place, "training_loss": loss} for place, loss in enumerate(values["training_loss"]))


def _splits(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each node of each tree."""
    for number, trees in enumerate(values["trees"]):
        for place, tree in enumerate(trees):
            for node, told in enumerate(tree):
                yield {"round": number, "tree": place, "node": node, **told}


def _history(values: Mapping[str, Any]) -> Iterator[Row]:
    return (dict(entry) for entry in values["history"])


def _noisy(values: Mapping[str, Any]) -> Iterator[Row]:
    """One row for each figure with the error that the noise makes."""
    for group in values["groups"]:
        yield {**group["by"], "variable": "", "figure": "rows", **group["rows"]}
        for name, told in group["variables"].items():
            for figure, cell in _noisy_cells(told):
                yield {**group["by"], "variable": name, "figure": figure, **cell}


def _noisy_cells(told: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((name, told[name]) for name in ("present", "mean") if name in told)
    yield from told.get("levels", {}).items()
    histogram = told.get("histogram")
    if histogram:
        edges = histogram["edges"]
        yield f"below {edges[0]:g}", histogram["below"]
        for low, high, cell in zip(edges, edges[1:], histogram["counts"], strict=False):
            yield f"{low:g} to {high:g}", cell
        yield f"from {edges[-1]:g}", histogram["above"]


_TABLES: dict[str, dict[str, Callable[[Mapping[str, Any]], Iterator[Row]]]] = {
    "statistics": {"groups": _groups, "histograms": _histograms, "levels": _levels},
    "glm": {"coefficients": _coefficients},
    "cox": {"coefficients": _hazards, "intervals": _intervals},
    "boosting": {"losses": _losses, "nodes": _splits},
    "evaluation": {"groups": _judged, "calibration": _calibration},
    "fedavg": {"history": _history},
    "kmeans": {"clusters": _clusters},
    "pca": {"components": _components},
    "private-statistics": {"figures": _noisy},
}
"""By recipe: the tables of its result, and what makes the rows of each."""
