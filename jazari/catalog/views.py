"""The catalogue's pages: search. Cards have pages of their own in ``card_pages``."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from jazari.accounts.access import public, same_for_all
from jazari.catalog.asking import PAGE_SIZE, SORTS, Question, pages
from jazari.catalog.labels import institute_names


@public
@same_for_all
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Search as one types, with facets; htmx asks for the part that answers, everybody else for the page."""
    question = Question.of(request.GET.get, request.GET.getlist)
    page = question.answer(get_language() or "fr")
    last = pages(page.total)
    found = {
        "question": question,
        "page": page,
        "facets": question.facets(page),
        "names": institute_names({item.namespace for item in page.items}),
        "sorts": SORTS,
        "start": (question.page - 1) * PAGE_SIZE + 1,
        "last": last,
        "first": question.on_page(1).query,
        "previous": question.on_page(question.page - 1).query if 1 < question.page <= last else "",
        "following": question.on_page(question.page + 1).query if question.page < last else "",
    }
    response = render(request, "catalog/found.html" if _asks_for_part(request) else "catalog/index.html", found)
    patch_vary_headers(response, ("HX-Request", "HX-History-Restore-Request"))
    return response


def _asks_for_part(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers
