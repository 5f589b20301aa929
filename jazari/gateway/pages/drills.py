"""Published drills: what was cut off, and what that did, as institutes have signed it. Anybody may read them."""

from __future__ import annotations

from contextlib import suppress

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe
from pydantic import ValidationError

from jazari.accounts.access import public, same_for_all
from jazari.catalog.models import CatalogItem
from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors
from jazari.federation.answers import plain_errors
from jazari.federation.exchange import open_reader
from jazari.gateway.drills.card import DrillCard
from jazari.gateway.pages.home import whole_number
from jazari.settings.runtime import this_home

PAGE = 50
MOST_PAGES = 10_000
LARGEST_FILE = 5_000_000
# A picture of somebody else's: should it be opened by itself, nothing in it runs and nothing is fetched.
_INERT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@require_safe
@public
@same_for_all
def index(request: HttpRequest) -> HttpResponseBase:
    """All drills that are in the verified catalogue, the newest first."""
    page = whole_number(request.GET.get("page", ""), MOST_PAGES) or 1
    rows = CatalogItem.objects.filter(type="drill", is_latest=True, withdrawn_by="", problem="")
    items = list(rows.order_by("-published", "ref")[(page - 1) * PAGE : page * PAGE + 1])
    drills = [(item, card) for item in items[:PAGE] if (card := card_of_item(item))]
    context = {"drills": drills, "page": page, "more": len(items) > PAGE}
    return render(request, "gateway/drills.html", context)


@require_safe
@public
@same_for_all
@plain_errors
def drill(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponseBase:
    """The figures of one drill, with its pictures."""
    item = _item(namespace, name, version)
    card = card_of_item(item)
    if card is None:
        raise Http404
    record = item.as_record()
    sizes = {file.name: file.size for file in record.files}
    plots = [name for name in card.plots if name.endswith(".svg") and sizes.get(name, LARGEST_FILE) < LARGEST_FILE]
    context = {"item": item, "card": card, "plots": plots}
    return render(request, "gateway/drill.html", context)


@require_safe
@public
@plain_errors
def picture(request: HttpRequest, namespace: str, name: str, version: int, file: str) -> HttpResponseBase:  # noqa: ARG001
    """A picture among a drill's files: fetched once, checked against the signed record, and inert."""
    item = _item(namespace, name, version)
    card, record = card_of_item(item), item.as_record()
    known = record.file(file)
    is_plot = card is not None and file in card.plots and file.endswith(".svg")
    if not is_plot or known is None or known.size > LARGEST_FILE:
        raise Http404
    path = open_reader(this_home()).file(record, file)
    with plain_os_errors(path):
        response = HttpResponse(path.read_bytes(), content_type="image/svg+xml")
    response["Content-Security-Policy"] = _INERT
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def card_of_item(item: CatalogItem) -> DrillCard | None:
    """The card of a drill; None where it does not have the form that is known here."""
    with suppress(ValidationError):
        return DrillCard.model_validate_json(canonical_json(item.as_record().card))
    return None


def _item(namespace: str, name: str, version: int) -> CatalogItem:
    ref = f"{namespace}/drill/{name}@{version}"
    item = CatalogItem.objects.filter(ref=ref[:140], type="drill", withdrawn_by="").first()
    if item is None:
        raise Http404
    return item
