"""Notices of the person, and which of them come by e-mail."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from jazari.accounts import notices
from jazari.accounts.access import signed_in
from jazari.accounts.pages import person_of

_PAGE = 25


@signed_in
def my_notices(request: HttpRequest) -> HttpResponse:
    """What the person should know, the newest first."""
    person = person_of(request)
    page = Paginator(notices.of(person), _PAGE).get_page(request.GET.get("page"))
    rows = [{"notice": notice, "title": _title(notice.kind)} for notice in page]
    chosen = notices.chosen(person)
    kinds = [{"name": name, "title": kind.title, "on": name in chosen} for name, kind in notices.KINDS.items()]
    return render(request, "accounts/notices.html", {"page": page, "rows": rows, "kinds": kinds})


@signed_in
@require_POST
def mark_read(request: HttpRequest) -> HttpResponse:
    """All was seen."""
    notices.mark_read(person_of(request))
    return redirect("accounts:notices")


@signed_in
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Which kinds come by e-mail."""
    notices.choose(person_of(request), request.POST.getlist("kind"))
    messages.success(request, _("Your choice was kept."))
    return redirect("accounts:notices")


def _title(kind: str) -> object:
    return notices.KINDS[kind].title if kind in notices.KINDS else kind
