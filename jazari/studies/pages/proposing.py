"""Proposing a study step by step. Each step is kept on the server, can be gone back to, and is checked by the same
rules as the command's; the last one shows the exact text, its digest and what stewards will read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.core.errors import JazariError
from jazari.federation.answers import plain_errors
from jazari.settings.runtime import this_home
from jazari.studies import operations
from jazari.studies.agreement import agreement_digest, parse_study, study_dict
from jazari.studies.drafting import (
    FormField,
    Problem,
    draft_of,
    fields_of,
    forget,
    keep,
    matching,
    offered,
    place_errors,
    proposal_values,
    read_fields,
    shared_variables,
)
from jazari.studies.models import StudyDraft
from jazari.studies.operations import Here
from jazari.studies.pages import words
from jazari.studies.pages.node import person_asked, person_of, this_node
from jazari.studies.saying import worded
from jazari.studies.templatetags.studies import record_url

STEPS = ("recipe", "data", "parameters", "terms", "preview")
MOST_DATASETS_SHOWN = 100
_TEXTS = {"name": 40, "title": 300, "purpose": 5000}
_NUMBERS = ("floor", "minimum_institutes", "max_rounds", "max_runs", "round_deadline_seconds", "expires_in_days")


@requires(Permission.PROPOSE_STUDIES)
@require_http_methods(["GET", "HEAD", "POST"])
@plain_errors
def step(request: HttpRequest, name: str = "recipe") -> HttpResponse:
    """One step of the form."""
    if name not in STEPS or this_home().is_root:
        raise Http404
    draft = draft_of(person_of(request))
    missing = _first_missing(draft, name)
    if missing:
        return redirect("studies:new", missing)
    return _STEP[name](request, this_node(), draft)


def _first_missing(draft: StudyDraft, name: str) -> str:
    """The first step before ``name`` that was not done; empty when all were."""
    done = {"recipe": "recipe", "data": "datasets", "parameters": "parameters", "terms": "title"}
    before = STEPS[: STEPS.index(name)]
    return next((one for one in before if not draft.values.get(done[one])), "")


@requires(Permission.PROPOSE_STUDIES)
@require_POST
def discard(request: HttpRequest) -> HttpResponse:
    """Throw the draft away."""
    forget(person_of(request))
    messages.success(request, _("The draft is deleted."))
    return redirect("studies:index")


def _show(
    request: HttpRequest, draft: StudyDraft, name: str, problems: list[Problem] | None = None, **more: Any
) -> HttpResponse:
    done = [one for one in STEPS if not _first_missing(draft, one)]
    steps = [(one, words.STEPS[one], one in done, one == name) for one in STEPS]
    context = {"steps": steps, "draft": draft, "values": draft.values, "problems": problems or [], **more}
    failed = bool(problems) or any(one.errors for one in more.get("fields", ()))
    return render(request, f"studies/new_{name}.html", context, status=422 if failed else 200)


def _recipe(request: HttpRequest, _node: Here, draft: StudyDraft) -> HttpResponse:
    problems: list[Problem] = []
    if request.method == "POST":
        chosen = request.POST.get("recipe", "")
        if chosen in words.RECIPES:
            same = chosen == draft.values.get("recipe")
            keep(draft, recipe=chosen, **({} if same else {"parameters": None}))
            return redirect("studies:new", "data")
        problems = [worded("Choose what is to be computed.")]
    recipes = [(name, title, about) for name, (title, about) in words.RECIPES.items()]
    return _show(request, draft, "recipe", problems, recipes=recipes)


def _data(request: HttpRequest, node: Here, draft: StudyDraft) -> HttpResponse:
    from jazari.studies.proposals import one_of_each

    datasets = offered(node.records)
    known = {record.ref for record in datasets}
    chosen = [ref for ref in draft.values.get("datasets") or [] if ref in known]
    problems: list[Problem] = []
    if request.method == "POST":
        chosen = [ref for ref in request.POST.getlist("datasets") if ref in known]
        try:
            one_of_each(chosen)
            if chosen:
                keep(draft, datasets=sorted(chosen))
                return redirect("studies:new", "parameters")
            problems = [worded("Choose the data set of each institute that is to take part.")]
        except JazariError as error:
            problems = [error]
    query = request.GET.get("q", "")[:200]
    found = [record for record in matching(datasets, query) if record.ref not in chosen]
    selected = [record for record in datasets if record.ref in chosen]
    shared = shared_variables({record.namespace: record.card for record in selected}) if selected else None
    return _show(request, draft, "data", problems, query=query, found=found[:MOST_DATASETS_SHOWN], shared=shared,
                 more_found=len(found) - MOST_DATASETS_SHOWN, selected=selected)  # fmt: skip


def _parameters(request: HttpRequest, node: Here, draft: StudyDraft) -> HttpResponse:
    from jazari.studies.recipes.registry import find_recipe

    recipe = find_recipe(draft.values["recipe"])
    records = (node.records.get(ref) for ref in draft.values["datasets"])
    shared = shared_variables({record.namespace: record.card for record in records if record is not None})
    names = [variable.name for variable in shared.agreed]
    fields = fields_of(recipe.Parameters, names, draft.values.get("parameters") or {})
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            values = read_fields(fields, {name: request.POST.getlist(name) for name in request.POST})
            # What only the variables' kinds show is found here already, by the rules that write the contract.
            recipe.contracts(recipe.parse(values), {variable.name: variable for variable in shared.agreed})
            keep(draft, parameters=values)
            return redirect("studies:new", "terms")
        except JazariError as error:
            problems = place_errors(fields, error)
    return _show(request, draft, "parameters", problems, fields=fields, shared=shared)


def _terms(request: HttpRequest, _node: Here, draft: StudyDraft) -> HttpResponse:
    from jazari.studies.proposals import Proposal, make_proposal

    fields = _term_fields(Proposal.model_json_schema()["properties"], draft)
    problems: list[Problem] = []
    if request.method == "POST":
        values = read_fields(fields, {name: request.POST.getlist(name) for name in request.POST})
        texts = {name: values[name] for name in _TEXTS if values.get(name)}
        for one in fields:
            if one.name in _TEXTS and len(str(one.value)) > _TEXTS[one.name]:
                one.errors.append(worded("This is too long: at most {most} characters.", most=_TEXTS[one.name]))
        try:
            others = {name: values.get(name) for name in (*_NUMBERS, "secure_aggregation")}
            make_proposal(proposal_values(draft) | {name: told for name, told in others.items() if told is not None}
                          | dict.fromkeys(_TEXTS, None) | texts)  # fmt: skip
            if not any(one.errors for one in fields):
                keep(draft, **texts, **others)
                return redirect("studies:new", "preview")
        except JazariError as error:
            problems = place_errors(fields, error)
    return _show(request, draft, "terms", problems, fields=fields)


def _term_fields(schema: dict[str, Any], draft: StudyDraft) -> list[FormField]:
    texts = [FormField(name, "text", True, value=draft.values.get(name) or "") for name in _TEXTS]
    numbers = []
    for name in _NUMBERS:
        default = schema[name].get("default")
        told = draft.values.get(name)
        value = default if told is None else told
        shown = "" if value is None else str(value)
        numbers.append(FormField(name, "number", False, value=shown, step="1", default=str(default or "")))
    masked = draft.values.get("secure_aggregation") is not False
    flag = FormField("secure_aggregation", "flag", True, ("true", "false"), "true" if masked else "false")
    return [*texts, *numbers, flag]


def _preview(request: HttpRequest, node: Here, draft: StudyDraft) -> HttpResponse:
    from jazari.studies import on_site
    from jazari.studies.proposals import make_proposal

    try:
        proposal = make_proposal(proposal_values(draft))
        if request.method == "POST":
            return _publish(request, node, draft)
        text = operations.write_text(node, proposal)
        keep(draft, text=study_dict(text))
        sentences = on_site.disclosures(node, text)
    except JazariError as error:
        return _show(request, draft, "preview", [error])
    return _show(request, draft, "preview", text=text, digest=agreement_digest(text), sentences=sentences,
                 card=study_dict(text))  # fmt: skip


def _publish(request: HttpRequest, node: Here, draft: StudyDraft) -> HttpResponse:
    """Publish exactly the text that was previewed, whose digest the form repeats."""
    from jazari.studies.proposals import make_proposal

    seen = draft.values.get("text")
    text = parse_study(seen) if seen else None
    if text is None or request.POST.get("digest", "") != agreement_digest(text):
        changed = worded("The draft has changed since this preview: look at it again.")
        return _show(request, draft, "preview", [changed])
    record = operations.propose(node, make_proposal(proposal_values(draft)), text)
    person_asked(request, "propose", record.ref)
    forget(person_of(request))
    messages.success(request, _("The study is published. Each institute's steward now decides."))
    return redirect(record_url("study", record.ref))


_STEP: dict[str, Callable[[HttpRequest, Here, StudyDraft], HttpResponse]] = {
    "recipe": _recipe,
    "data": _data,
    "parameters": _parameters,
    "terms": _terms,
    "preview": _preview,
}
