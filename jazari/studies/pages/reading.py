"""The list of studies, and the page of one: open to everybody, since records are published."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jazari.accounts.access import may, public, same_for_all_for
from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.federation.answers import plain_errors
from jazari.settings.runtime import this_home
from jazari.studies.listing import Show, page_of_studies
from jazari.studies.models import Run
from jazari.studies.operations import Here
from jazari.studies.overview import Study, study_of
from jazari.studies.pages import words
from jazari.studies.pages.node import reference, this_node, titles
from jazari.studies.saying import Sentence
from jazari.trust.records import Record

MOST_PAGES = 1_000_000
KEPT_SECONDS = 5.0
"""What this node hears of a run changes no record, and a study expires: so old may a page be."""


@public
@same_for_all_for(KEPT_SECONDS)
@require_safe
@plain_errors
def index(request: HttpRequest) -> HttpResponse:
    """The studies of the network, newest first."""
    try:
        show = Show(request.GET.get("show", Show.ALL))
    except ValueError:
        show = Show.ALL
    node = this_node()
    page = page_of_studies(node.records, node.namespace, show, _number(request.GET.get("page", "")), clock.now())
    filters = [(name, word, name == show) for name, word in words.SHOW.items() if _offered(request, Show(name))]
    return render(request, "studies/index.html", {"page": page, "show": str(show), "filters": filters})


def _offered(request: HttpRequest, show: Show) -> bool:
    return show is not Show.TO_DECIDE or (may(request).decide_studies and not this_home().is_root)


def _number(text: str) -> int:
    return min(int(text), MOST_PAGES) if text.isascii() and text.isdigit() and len(text) < 10 else 1


@public
@same_for_all_for(KEPT_SECONDS)
@require_safe
@plain_errors
def study(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """One study: its text, who decided what and why, its runs and results, and what would leave."""
    node = this_node()
    found = study_of(node.records, reference("study", namespace, name, version))
    return render(request, "studies/study.html", study_context(node, found))


def study_context(node: Here, found: Study) -> dict[str, Any]:
    """What the page of a study shows."""
    now = clock.now()
    names = titles(node)
    states = dict(Run.objects.filter(study=found.reference).values_list("reference", "state"))
    sentences, problem = leaving(node, found)
    return {
        "study": found,
        "text": found.text,
        "status": found.status(now),
        "is_mine": node.namespace == found.proposer,
        "asks_me": node.namespace in found.text.institutes,
        "institutes": [_institute(found, one, names) for one in found.text.institutes],
        "runs": [_run(node, run, states) for run in found.runs],
        "sentences": sentences,
        "problem": problem,
    }


def _institute(found: Study, name: str, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    dataset, decision = found.text.datasets[name], found.decisions.get(name)
    return {"name": name, "titles": names.get(name, {}), "dataset": dataset, "decision": decision}


def _run(node: Here, run: Record, states: dict[str, str]) -> dict[str, Any]:
    return {"record": run, "state": states.get(run.ref, ""), "withdrawn": node.records.is_withdrawn(run.ref)}


def leaving(node: Here, found: Study) -> tuple[list[Sentence], JazariError | None]:
    """What would leave in plain sentences, or why this version cannot say."""
    from jazari.studies import on_site  # recipes, so numpy: not for the list

    try:
        return on_site.disclosures(node, found.text), None
    except JazariError as error:
        return [], error
