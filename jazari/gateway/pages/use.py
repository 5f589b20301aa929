"""Use over time: calls, tokens, credits and energy by day, project, route, provider and model."""

from __future__ import annotations

from datetime import date, timedelta

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.core import clock
from jazari.core.spreadsheets import csv_lines
from jazari.federation.answers import download
from jazari.gateway import use as counting
from jazari.gateway import use_queries as queries
from jazari.gateway.charts import HEIGHT, WIDTH, bars
from jazari.gateway.forms import UseForm
from jazari.gateway.pages.home import with_gateway
from jazari.settings.runtime import this_home

_USUAL_DAYS = 30
_COLUMNS = ("day", "project", "route", "provider", "model")


@require_safe
@requires(Permission.READ_GATEWAY)
@with_gateway
def index(request: HttpRequest) -> HttpResponseBase:
    """A chart of credits by day with its table, and who and what used them."""
    form = UseForm(request.GET)
    counted, period = counting.count(this_home()), _period(form)
    days = queries.by_day(period)
    projects, more = queries.shares(period, "project")
    routes, more_routes = queries.shares(period, "route", "provider", "model")
    context = {
        "form": form,
        "counted": counted,
        "period": period,
        "days": days,
        "total": queries.total(period),
        "bars": bars([(row["day"], row["microcredits"]) for row in days]),
        "width": WIDTH,
        "height": HEIGHT,
        "projects": projects,
        "routes": routes,
        "more": more or more_routes,
        "query": request.GET.urlencode(),
    }
    return render(request, "gateway/use.html", context, status=200 if form.is_valid() else 400)


@require_safe
@requires(Permission.READ_GATEWAY)
@with_gateway
def table(request: HttpRequest) -> HttpResponseBase:
    """The sums of each day, as a table for spreadsheets."""
    form = UseForm(request.GET)
    names = (*_COLUMNS, *counting.SUMS)
    rows = _period(form).rows().order_by(*_COLUMNS).values_list(*names)[:100_000]
    return download(request, csv_lines(names, rows), "text/csv; charset=utf-8", f"use-{this_home().namespace}.csv")


def _period(form: UseForm) -> queries.Period:
    """What was asked, at most ``LONGEST`` days; the last 30 where nothing or nonsense was."""
    values = form.cleaned_data if form.is_valid() else {}
    until: date = values.get("until") or clock.now().date()
    since: date = values.get("since") or until - timedelta(days=min(_USUAL_DAYS, until.toordinal()) - 1)
    since = min(since, until)
    earliest = date.fromordinal(max(1, until.toordinal() - queries.LONGEST + 1))
    return queries.Period(max(since, earliest), until, values.get("project", ""), values.get("route", ""))
