"""Reading the sums of days: one row a day for a chart, and shares by project, route, provider or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import QuerySet, Sum

from jazari.gateway.charts import days
from jazari.gateway.models import DailyUse
from jazari.gateway.use import SUMS

LONGEST = 366
"""Days that one question may cover."""
MOST_SHARES = 50


@dataclass(frozen=True)
class Period:
    """Which days, and of whom; empty: everybody's."""

    since: date
    until: date
    project: str = ""
    route: str = ""

    def rows(self) -> QuerySet[DailyUse]:
        """The sums of these days."""
        rows = DailyUse.objects.filter(day__range=(self.since, self.until))
        if self.project:
            rows = rows.filter(project=self.project)
        return rows.filter(route=self.route) if self.route else rows


def by_day(period: Period) -> list[dict[str, Any]]:
    """One row for every day, also for those without a call."""
    rows = period.rows().values("day").annotate(**_sums()).order_by("day")
    found: dict[date, dict[str, Any]] = {row["day"]: dict(row) for row in rows}
    nothing = dict.fromkeys(SUMS, 0)
    return [found.get(day, {"day": day, **nothing}) for day in days(period.since, period.until)]


def total(period: Period) -> dict[str, int]:
    """All of it."""
    return {name: value or 0 for name, value in period.rows().aggregate(**_sums()).items()}


def shares(period: Period, *names: str) -> tuple[Sequence[dict[str, Any]], bool]:
    """The largest shares by the fields ``names``, by credits; whether some were left out."""
    rows = list(
        period.rows().values(*names).annotate(**_sums()).order_by("-microcredits", "-calls", *names)[: MOST_SHARES + 1]
    )
    return rows[:MOST_SHARES], len(rows) > MOST_SHARES


def _sums() -> dict[str, Sum]:
    return {name: Sum(name) for name in SUMS}
