"""The page of a result, and its file exactly as it was signed: open to everybody, since results are published."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jazari.accounts.access import public, same_for_all
from jazari.federation.answers import plain_errors
from jazari.studies.agreement import parse_study
from jazari.studies.cards import run_id
from jazari.studies.errors import StudyNotFound
from jazari.studies.operations import Here
from jazari.studies.pages.node import reference, this_node, titles
from jazari.studies.privacy.terms import privacy_sentence
from jazari.studies.queries import result_facts
from jazari.studies.result_view import attestations_of, charts_for, tables_for
from jazari.trust.records import Record

FILE = "result.json"
LARGEST_SHOWN = 8 * 2**20
"""Bytes of values beyond which a page shows where the result comes from, and leaves the values to the file."""


@public
@same_for_all
@require_safe
@plain_errors
def result(request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponse:
    """A result: tables, charts, provenance and attestations. Its bytes are checked against the signed record."""
    node = this_node()
    record = _record(node, reference("result", namespace, name, version))
    file = record.file(FILE)
    provenance = record.card["provenance"]
    attested = attestations_of(node, run_id(provenance["run"]), provenance["participants"], provenance["transcript"])
    context: dict[str, Any] = {
        "result": record,
        "card": record.card,
        "provenance": provenance,
        "names": titles(node),
        "attested": attested,
        "privacy": _privacy(node, record),
        "disagree": [one["name"] for one in attested if one["agrees"] is False],
        "file": file,
        "withdrawn": node.records.is_withdrawn(record.ref),
        "large": file is None or file.size > LARGEST_SHOWN,
    }
    if not context["large"]:
        context |= _values(node, record.ref, provenance["recipe"])
    return render(request, "studies/result.html", context)


def _privacy(node: Here, record: Record) -> str:
    """What the card says about noise, as a sentence that a page can translate where it is the one that is due."""
    told, provenance = str(record.card["privacy"]), record.card["provenance"]
    study = node.records.get(provenance["study"])
    if study is None:
        return told
    due = privacy_sentence(parse_study(study.card).privacy, len(provenance["participants"]))
    return due if due == told else told


def _values(node: Here, ref: str, recipe: str) -> dict[str, Any]:
    values = result_facts(node, ref)["values"]
    plain = {name: told for name, told in values.items() if isinstance(told, int | float | str | None)}
    return {"tables": tables_for(recipe, values), "charts": charts_for(recipe, values), "plain": plain}


@public
@require_safe
@plain_errors
def download(_request: HttpRequest, namespace: str, name: str, version: int) -> HttpResponseBase:
    """``result.json``, byte for byte as the record names it."""
    node = this_node()
    record = _record(node, reference("result", namespace, name, version))
    path = node.file(record, FILE)
    response = FileResponse(
        path.open("rb"), as_attachment=True, filename=f"{namespace}-{name}-{version}.json",
        content_type="application/json",
    )  # fmt: skip
    found = record.file(FILE)
    response.headers["ETag"] = f'"{found.sha256}"' if found else ""
    return response


def _record(node: Here, ref: str) -> Record:
    record = node.records.get(ref)
    if record is None or record.type != "result":
        raise StudyNotFound(f"There is no result {ref[:140]!r} here: run `jazari sync` and look again.")
    return record
