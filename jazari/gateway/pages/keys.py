"""Keys of projects. The secret of a new one is on the page that made it, once: in no message, session or cache."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.core.errors import JazariError
from jazari.gateway import operations, queries
from jazari.gateway.authorization import ANY_ROUTE
from jazari.gateway.configuration import read_gateway
from jazari.gateway.errors import KeyNotFound
from jazari.gateway.forms import KeyForm, RotateForm
from jazari.gateway.models import Key
from jazari.gateway.operations import NewKey
from jazari.gateway.pages.home import actor, refused, with_gateway
from jazari.gateway.scopes import Scope
from jazari.gateway.words import DataClass
from jazari.settings.runtime import this_home


@require_GET
@requires(Permission.READ_GATEWAY)
@with_gateway
def index(request: HttpRequest) -> HttpResponseBase:
    """The keys of one project or of all. The keys themselves are not known here."""
    project, over = request.GET.get("project", "")[:64], request.GET.get("over") == "1"
    found = [{"key": key, "state": str(queries.state_of(key))} for key in queries.list_keys(project, over=over)]
    return render(request, "gateway/keys.html", {"keys": found, "project": project, "over": over})


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_GATEWAY)
@with_gateway
def create(request: HttpRequest, name: str) -> HttpResponseBase:
    """Make a key for a project and show it, once."""
    project = queries.find_project(name)
    form, status = KeyForm(list(read_gateway(this_home().path).route), request.POST or None), 200
    if request.method == "POST" and form.is_valid():
        try:
            life = timedelta(days=form.cleaned_data["days"])
            made = operations.create_key(
                project.name, form.cleaned_data["name"], _scope(form.cleaned_data), actor(request), life
            )
        except JazariError as error:
            status = refused(form, error)
        else:
            return _shown_once(request, made)
    elif request.method == "POST":
        status = 400
    return render(request, "gateway/key_create.html", {"form": form, "project": project}, status=status)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_GATEWAY)
@with_gateway
def rotate(request: HttpRequest, key_id: str) -> HttpResponseBase:
    """Replace a key by a new one, shown once, while the old one opens for a while."""
    key = _key(key_id)
    form, status = RotateForm(request.POST or None), 200
    if request.method == "POST" and form.is_valid():
        try:
            overlap = timedelta(hours=form.cleaned_data["overlap_hours"])
            made = operations.rotate_key(key.id, actor(request), overlap)
        except JazariError as error:
            status = refused(form, error)
        else:
            return _shown_once(request, made, old=made.key.replaces)
    elif request.method == "POST":
        status = 400
    return render(request, "gateway/key_rotate.html", {"form": form, "key": key}, status=status)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_GATEWAY)
@with_gateway
def revoke(request: HttpRequest, key_id: str) -> HttpResponseBase:
    """Shut a key now, after one more question."""
    key = _key(key_id)
    if request.method == "POST":
        count = len(operations.revoke_key(key.id, actor(request)))
        said = ngettext("One key was revoked.", "%(count)d keys were revoked.", count) % {"count": count}
        messages.success(request, said if count else _("The key was revoked before."))
        return redirect("gateway:project", name=key.project.name)
    return render(request, "gateway/key_revoke.html", {"key": key})


def _shown_once(request: HttpRequest, made: NewKey, old: Key | None = None) -> HttpResponse:
    context = {"key": made.key, "secret": made.secret, "old": old}
    response = render(request, "gateway/key_made.html", context)
    # Nothing between here and the screen may keep it, the browser's own history included.
    response["Cache-Control"] = "no-store, private"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _key(key_id: str) -> Key:
    """A key by its id alone: ``operations`` would take ``PROJECT/NAME`` too."""
    found = Key.objects.select_related("project").filter(id=key_id[:64]).first()
    if found is None:
        raise KeyNotFound(f"There is no key {key_id[:60]!r}: see the list of keys.")
    return found


def _scope(values: dict[str, Any]) -> Scope:
    return Scope(
        routes=(ANY_ROUTE,) if values["every_route"] else tuple(values["routes"]),
        highest=DataClass(values["highest"]),
        may_declassify=values["may_declassify"],
        requests_a_minute=values["requests_a_minute"],
        tokens_a_minute=values["tokens_a_minute"],
        streams=values["streams"],
    )
