"""The pages of one card: what it says, who signed it, its versions, what it rests on, and its exports."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import select_template
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jazari.accounts.access import public, same_for_all
from jazari.catalog import queries
from jazari.catalog.card_facts import facts_of
from jazari.catalog.changes import changes_between
from jazari.catalog.citing import to_bibtex
from jazari.catalog.croissant import to_croissant
from jazari.catalog.errors import ItemNotFound, UnknownCardType
from jazari.catalog.labels import institute_names
from jazari.catalog.lineage import lineage_of, picture_of
from jazari.catalog.models import CatalogItem
from jazari.catalog.registry import card_type
from jazari.catalog.templatetags.catalog_pages import plain_label_of
from jazari.catalog.texts import in_language
from jazari.catalog.usage import uses_of
from jazari.catalog.verifying import signature_of, verify_item
from jazari.core.errors import JazariError
from jazari.federation.http import http_status
from jazari.settings.runtime import this_home

MOST_VERSIONS = 100
_SAID_ELSEWHERE = ("title", "description", "purpose")


@public
@same_for_all
@require_safe
def card(request: HttpRequest, namespace: str, kind: str, name: str, version: int = 0) -> HttpResponse:
    """A card: this version, or the latest."""
    item = _item(namespace, kind, name, version)
    record = item.as_record()
    lineage = lineage_of(item)
    language = _language()
    facts = [] if item.problem else facts_of(item.type, record.card, _SAID_ELSEWHERE)
    shown = {
        "item": item,
        "record": record,
        "texts": _texts(record.card) if not item.problem else {},
        "facts": facts,
        "fact": {fact.name: fact for fact in facts},
        "card_template": _template(item),
        "institute": institute_names([namespace])[namespace],
        "signature": signature_of(this_home(), item),
        "versions": _versions(item),
        "latest": reverse("catalog:latest", args=[namespace, kind, name]),
        "lineage": lineage,
        "picture": picture_of(lineage, lambda each: in_language(each.title, language)),
        "uses": uses_of(item, has_files=bool(record.files)),
    }
    return render(request, "catalog/card.html", shown)


def _item(namespace: str, kind: str, name: str, version: int) -> CatalogItem:
    series = f"{namespace}/{kind}/{name}"
    try:
        return queries.get_item(f"{series}@{version}" if version else series)
    except ItemNotFound as error:
        raise Http404(str(error)) from error


def _language() -> str:
    return get_language() or "fr"


def _texts(card: dict[str, Any]) -> dict[str, str]:
    """What the card says about itself at length, by language."""
    for name in _SAID_ELSEWHERE[1:]:
        found = card.get(name)
        if found:
            return {"und": found} if isinstance(found, str) else found
    return {}


def _template(item: CatalogItem) -> str:
    """The template of the type's own slice, else the catalogue's for that type, else one for all."""
    try:
        slice_name = card_type(item.type).model.__module__.split(".")[1]
    except UnknownCardType:
        return "catalog/card_unknown.html"
    if item.problem:
        return "catalog/card_unknown.html"
    names = [f"{slice_name}/card_{item.type}.html", f"catalog/card_{item.type}.html", "catalog/card_any.html"]
    return str(select_template(names).template.name)


def _versions(item: CatalogItem) -> list[CatalogItem]:
    rows = CatalogItem.objects.filter(series=item.series).order_by("-version")
    return list(rows.defer("record", "search_title", "search_text", "search_facets")[:MOST_VERSIONS])


@public
@same_for_all
@require_safe
def changes(request: HttpRequest, namespace: str, kind: str, name: str) -> HttpResponse:
    """What differs between two versions: ``?from=1&to=2``, else the last two."""
    item = _item(namespace, kind, name, 0)
    versions = _versions(item)
    after = _chosen(request.GET.get("to", ""), item.version)
    before = _chosen(request.GET.get("from", ""), max(1, after - 1))
    first, second = (_item(namespace, kind, name, number) for number in (before, after))
    shown = {
        "item": item,
        "versions": versions,
        "before": first,
        "after": second,
        "changes": changes_between(first.as_record(), second.as_record()),
    }
    return render(request, "catalog/changes.html", shown)


def _chosen(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) else otherwise


@public
@never_cache
@require_safe
def verify(request: HttpRequest, namespace: str, kind: str, name: str, version: int) -> HttpResponse:
    """Verify the record now, and explain each step."""
    item = _item(namespace, kind, name, version)
    shown: dict[str, Any] = {"item": item}
    try:
        proof = verify_item(this_home(), item)
    except JazariError as error:
        return render(request, "catalog/verify.html", {**shown, "trouble": error}, status=http_status(error))
    return render(request, "catalog/verify.html", {**shown, "proof": proof})


@public
@same_for_all
@require_safe
def record_json(_request: HttpRequest, namespace: str, kind: str, name: str, version: int) -> HttpResponse:
    """The signed record, byte for byte as its line in the log."""
    item = _item(namespace, kind, name, version)
    return _file(item.record.encode(), "application/json", f"{namespace}-{kind}-{name}-{item.version}.json")


@public
@same_for_all
@require_safe
def croissant(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """A data set as Croissant 1.0."""
    item = _item(namespace, "dataset", name, version)
    if item.problem:
        raise Http404("This node cannot read that card.")
    language = _language()
    creator = plain_label_of(institute_names([namespace])[namespace])
    origin = f"{request.scheme}://{request.get_host()}"
    document = to_croissant(item.as_record(), creator=creator, root_url=_files_url(origin), language=language)
    answer = JsonResponse(document, json_dumps_params={"ensure_ascii": False, "indent": 1})
    answer["Content-Disposition"] = f'inline; filename="{name}-{item.version}.croissant.json"'
    return answer


def _files_url(origin: str) -> str:
    """Where the network's files are served: the Root, where this node knows one."""
    return this_home().config.root_url or origin


@public
@same_for_all
@require_safe
def bibtex(request: HttpRequest, namespace: str, kind: str, name: str, version: int) -> HttpResponse:
    """How to cite this version."""
    item = _item(namespace, kind, name, version)
    text = to_bibtex(
        item.as_record(),
        title=in_language(item.title, _language()) or item.ref,
        institute=plain_label_of(institute_names([namespace])[namespace]),
        address=request.build_absolute_uri(reverse("catalog:card", args=[namespace, kind, name, item.version])),
    )
    return _file(text.encode(), "application/x-bibtex; charset=utf-8", f"{namespace}-{name}-{item.version}.bib")


def _file(content: bytes, content_type: str, name: str) -> HttpResponse:
    # Names are small letters, digits and hyphens: nothing in them can end the header's value.
    return HttpResponse(
        content, content_type=content_type, headers={"Content-Disposition": f'inline; filename="{name}"'}
    )
