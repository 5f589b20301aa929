"""Projects: teams with a budget. Reading is for those who may read the gateway, changing for those who manage it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.core.errors import JazariError
from jazari.gateway import operations, queries
from jazari.gateway.forms import GrantForm, ProjectForm
from jazari.gateway.pages.accounts import account_of, balances_of
from jazari.gateway.pages.home import actor, refused, with_gateway
from jazari.gateway.scopes import credits_text, microcredits
from jazari.settings.runtime import this_home


@require_GET
@requires(Permission.READ_GATEWAY)
@with_gateway
def index(request: HttpRequest) -> HttpResponseBase:
    """All projects with their credits; the closed ones too if asked."""
    closed = request.GET.get("closed") == "1"
    state = balances_of(this_home())
    found = [
        {"project": one, "account": account_of(state, one.name, one.granted)}
        for one in queries.list_projects(closed=closed)
    ]
    return render(request, "gateway/projects.html", {"projects": found, "closed": closed})


@require_GET
@requires(Permission.READ_GATEWAY)
@with_gateway
def project(request: HttpRequest, name: str) -> HttpResponseBase:
    """One project: what it was granted and why, what it spent, its keys."""
    return _show(request, name)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_GATEWAY)
@with_gateway
def create(request: HttpRequest) -> HttpResponseBase:
    """Make a project."""
    form, status = ProjectForm(request.POST or None), 200
    if request.method == "POST" and form.is_valid():
        try:
            made = operations.create_project(form.cleaned_data["name"], form.cleaned_data["title"], actor(request))
        except JazariError as error:
            status = refused(form, error)
        else:
            messages.success(request, _("The project was made. It has no credits yet."))
            return redirect("gateway:project", name=made.name)
    elif request.method == "POST":
        status = 400
    return render(request, "gateway/project_create.html", {"form": form}, status=status)


@require_POST
@requires(Permission.MANAGE_GATEWAY)
@with_gateway
def grant(request: HttpRequest, name: str) -> HttpResponseBase:
    """Give a project more credits."""
    form = GrantForm(request.POST)
    if not form.is_valid():
        return _show(request, name, form, 400)
    try:
        total = operations.grant(
            name, microcredits(form.cleaned_data["amount"].strip()), form.cleaned_data["note"], actor(request)
        )
    except JazariError as error:
        return _show(request, name, form, refused(form, error))
    said = _("The project was granted %(total)s credits in all.") % {"total": credits_text(total)}
    messages.success(request, said)
    return redirect("gateway:project", name=name)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_GATEWAY)
@with_gateway
def close(request: HttpRequest, name: str) -> HttpResponseBase:
    """End a project for good, after one more question."""
    found = queries.find_project(name)
    if request.method == "POST":
        operations.close_project(found.name, actor(request))
        messages.success(request, _("The project is closed. A running gateway refuses its keys within seconds."))
        return redirect("gateway:project", name=found.name)
    return render(request, "gateway/project_close.html", {"project": found})


def _show(request: HttpRequest, name: str, form: GrantForm | None = None, status: int = 200) -> HttpResponseBase:
    found, grants = queries.find_project(name), queries.list_grants(name)
    account = account_of(balances_of(this_home()), found.name, sum(one.amount for one in grants))
    keys = [{"key": key, "state": str(queries.state_of(key))} for key in queries.list_keys(found.name, over=True)]
    context: dict[str, Any] = {
        "project": found,
        "grants": grants,
        "account": account,
        "keys": keys,
        "form": form or GrantForm(),
    }
    return render(request, "gateway/project.html", context, status=status)
