"""A result for people: its tables, the charts that help, where it comes from, and who attested it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, isfinite
from typing import Any

from django.utils.translation import gettext as _

from jazari.studies.charts import Chart, bar_chart, interval_chart, line_chart
from jazari.studies.operations import Here
from jazari.studies.tables import tables_of
from jazari.trust.records import Record

MOST_ROWS = 500
MOST_CHARTS = 24
NORMAL_95 = 1.959963984540054
LARGEST_EXPONENT = 700.0
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """``rows`` are the cells in the order of ``columns``; ``left`` counts the rows that are not shown."""

    name: str
    columns: tuple[str, ...]
    rows: list[list[Any]]
    left: int


def tables_for(recipe: str, values: Values) -> list[Table]:
    """The tables of a result, each with its first rows: the signed file has them all."""
    return [_table(name, rows) for name, rows in tables_of(recipe, values).items() if rows]


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    shown = [[row.get(column) for column in columns] for row in rows[:MOST_ROWS]]
    return Table(name, columns, shown, len(rows) - len(shown))


def charts_for(recipe: str, values: Values) -> list[Chart]:
    """The charts that help to read a result of ``recipe``; empty where the tables say it all."""
    draw = _DRAW.get(recipe)
    found = (chart for chart in (draw(values) if draw else ()) if chart is not None)
    return [chart for chart, _place in zip(found, range(MOST_CHARTS), strict=False)]


def attestations_of(here: Here, run: str, participants: Sequence[str], transcript: str) -> list[dict[str, Any]]:
    """What each participant attested, and whether it saw what the result names (None: it has not attested).

    Whoever ever attested other totals disagrees. ``run`` is the run's id (``cards.run_id``).
    """
    said: dict[str, list[Record]] = {name: [] for name in sorted(participants)}
    for record in here.records.of("attestation", name=run):
        if record.namespace in said:
            said[record.namespace].append(record)
    return [
        {
            "name": name,
            "record": records[-1].ref if records else "",
            "agrees": all(record.card["transcript"] == transcript for record in records) if records else None,
        }
        for name, records in said.items()
    ]


def _label(by: Mapping[str, Any], name: str = "") -> str:
    groups = ", ".join(f"{key} = {value}" for key, value in by.items())
    return ", ".join(part for part in (name, groups) if part)


def _statistics(values: Values) -> Iterator[Chart | None]:
    for group in values["groups"]:
        for name, told in group["variables"].items():
            title = _("Rows by value: %(what)s") % {"what": _label(group["by"], name)}
            yield _histogram(title, told.get("histogram"), name)
            levels = [(level, _count(cell)) for level, cell in told.get("levels", {}).items()]
            yield bar_chart(title, levels, (name, _("Rows")))


def _histogram(title: str, told: Values | None, name: str) -> Chart | None:
    if not told:
        return None
    bars = [(f"{low:.4g}", _count(n)) for low, n in zip(told["edges"], told["counts"], strict=False)]
    return bar_chart(title, bars, (name, _("Rows")))


def _count(told: Any) -> float:
    """A count as the recipes tell it: a number, a cell with ``rows``, or an estimate with its error."""
    if isinstance(told, Mapping):
        told = told.get("rows", told.get("estimate"))
    return float(told or 0)


def _glm(values: Values) -> Iterator[Chart | None]:
    for response, told in values["responses"].items():
        rows = [_interval(entry) for entry in told["coefficients"]]
        title = _("Coefficients for %(what)s with intervals of 95 %%") % {"what": response}
        yield interval_chart(title, [row for row in rows if row], _("Coefficient"))


def _interval(entry: Values) -> tuple[str, float, float, float] | None:
    middle, error = entry["estimate"], entry["standard_error"]
    if not (isfinite(middle) and isfinite(error)):
        return None
    return str(entry["term"]), middle - NORMAL_95 * error, middle, middle + NORMAL_95 * error


def _cox(values: Values) -> Iterator[Chart | None]:
    rows = [_interval(entry) for entry in values["coefficients"]]
    title = _("Logarithms of hazard ratios with intervals of 95 %")
    yield interval_chart(title, [row for row in rows if row], _("Logarithm of the hazard ratio"))
    intervals = values["intervals"]
    start = [(float(intervals[0]["from"]), 1.0)] if intervals else []
    curve = [(float(one["to"]), exp(-min(one["cumulative_hazard"], LARGEST_EXPONENT))) for one in intervals]
    title = _("Survival of the baseline: share without the event over time")
    yield line_chart(
        title, [start + curve], (_("Time"), _("Share")), steps=True, bounds=((start or [(0, 0)])[0], (0, 0))
    )


def _boosting(values: Values) -> Iterator[Chart | None]:
    points = [(float(place), float(loss)) for place, loss in enumerate(values["training_loss"])]
    yield line_chart(_("Loss on the training rows by number of trees"), [points], (_("Trees"), _("Loss")))


def _fedavg(values: Values) -> Iterator[Chart | None]:
    points = [(float(told["round"]), float(told["loss"])) for told in values["history"]]
    yield line_chart(_("Loss on the training rows by round"), [points], (_("Round"), _("Loss")))


def _pca(values: Values) -> Iterator[Chart | None]:
    shares = [(str(place + 1), float(told["share"])) for place, told in enumerate(values["components"])]
    yield bar_chart(_("Share of the variance by component"), shares, (_("Component"), _("Share")))


def _kmeans(values: Values) -> Iterator[Chart | None]:
    sizes = [(str(place), _count(told)) for place, told in enumerate(values["clusters"])]
    yield bar_chart(_("Rows by cluster"), sizes, (_("Cluster"), _("Rows")))


def _evaluation(values: Values) -> Iterator[Chart | None]:
    for group in values["groups"]:
        if "histogram" not in group:
            continue
        suffix = {"what": _label(group["by"]) or _("all rows")}
        roc = roc_points(group["histogram"]["negative"], group["histogram"]["positive"])
        labels = (_("False positives, share"), _("True positives, share"))
        corners = ((0.0, 0.0), (1.0, 1.0))
        yield line_chart(_("ROC curve: %(what)s") % suffix, [roc], labels, bounds=corners, diagonal=True)
        known = [told for told in group["calibration"] if None not in (told["mean_score"], told["positive_share"])]
        points = [(float(told["mean_score"]), float(told["positive_share"])) for told in known]
        labels = (_("Mean score"), _("Share of events"))
        yield line_chart(_("Calibration: %(what)s") % suffix, [points], labels, bounds=corners, diagonal=True)


def roc_points(negative: Sequence[int], positive: Sequence[int]) -> list[tuple[float, float]]:
    """(false positive share, true positive share) from the highest bin of score down; empty without both classes."""
    if not sum(negative) or not sum(positive):
        return []
    across = accumulate(reversed(negative), initial=0)
    up = accumulate(reversed(positive), initial=0)
    return [(x / sum(negative), y / sum(positive)) for x, y in zip(across, up, strict=True)]


_DRAW: dict[str, Callable[[Values], Iterator[Chart | None]]] = {
    "statistics": _statistics,
    "private-statistics": _statistics,
    "glm": _glm,
    "cox": _cox,
    "boosting": _boosting,
    "fedavg": _fedavg,
    "pca": _pca,
    "kmeans": _kmeans,
    "evaluation": _evaluation,
}
