"""Receipts: searched, and one shown with every step of its verification."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.gateway.errors import ReceiptUntrusted
from jazari.gateway.forms import ReceiptSearchForm
from jazari.gateway.pages.home import whole_number, with_gateway
from jazari.gateway.receipt_files import Kept, find_receipt, journal_folder
from jazari.gateway.receipt_search import Wanted, search_receipts
from jazari.gateway.receipt_trail import trail_entry
from jazari.gateway.receipts import verify
from jazari.settings.runtime import this_home

PAGE = 50
MOST_LINES = 2**53


@dataclass(frozen=True)
class Verification:
    """How far a receipt can be verified. ``entry`` is the audit entry that has the root of its batch."""

    is_anchored: bool
    is_proven: bool
    entry: int | None

    @property
    def holds(self) -> bool:
        """All of it."""
        return self.is_anchored and self.is_proven and self.entry is not None


@require_safe
@requires(Permission.READ_GATEWAY)
@with_gateway
def index(request: HttpRequest) -> HttpResponseBase:
    """The newest receipts that fit; older ones by the number of their line."""
    form = ReceiptSearchForm(request.GET)
    wanted = Wanted(**form.cleaned_data) if form.is_valid() else Wanted()
    before = whole_number(request.GET.get("before", ""), MOST_LINES)
    found = search_receipts(journal_folder(this_home().path), wanted, before, PAGE)
    kept = {name: str(value) for name, value in request.GET.items() if name in form.fields and value}
    context = {"form": form, "found": found, "query": urlencode(kept), "searched": bool(kept)}
    return render(request, "gateway/receipts.html", context, status=200 if form.is_valid() else 400)


@require_safe
@requires(Permission.READ_GATEWAY)
@with_gateway
def receipt(request: HttpRequest, call: str) -> HttpResponseBase:
    """One receipt, its proof, and the anchor in the audit trail."""
    kept = find_receipt(journal_folder(this_home().path), call)
    return render(request, "gateway/receipt.html", shown(kept))


@require_safe
@requires(Permission.READ_GATEWAY)
@with_gateway
def document(request: HttpRequest, call: str) -> HttpResponseBase:  # noqa: ARG001  Django's form
    """The receipt with its proof as JSON, to be verified elsewhere."""
    return as_document(find_receipt(journal_folder(this_home().path), call))


def shown(kept: Kept) -> dict[str, Any]:
    """What the page of a receipt needs."""
    return {
        "kept": kept,
        "receipt": kept.receipt,
        "leaf": kept.receipt.hash(),
        "verification": verify_steps(kept),
        "document": json.dumps(kept.document(), ensure_ascii=False, indent=2),
    }


def verify_steps(kept: Kept) -> Verification:
    """Is it anchored, does its proof lead to the root, and does the audit trail have that root?"""
    if kept.anchor is None or kept.proof is None:
        return Verification(False, False, None)
    try:
        verify(kept.receipt, kept.proof, kept.anchor)
    except ReceiptUntrusted:
        return Verification(True, False, trail_entry(kept.anchor))
    return Verification(True, True, trail_entry(kept.anchor))


def as_document(kept: Kept) -> HttpResponse:
    """What ``jazari receipt verify --file`` reads."""
    data = json.dumps(kept.document(), ensure_ascii=False, indent=1)
    name = f"{kept.receipt.id}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(data, content_type="application/json", headers=headers)
