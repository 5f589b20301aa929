"""What the description of the public API (OpenAPI) says beyond what django-ninja sees: who may call, tags, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ninja import Schema
from ninja.operation import Operation

from jazari.accounts.access import Access, Anyone, access_of_operation
from jazari.accounts.api_access import MADE_ANEW, ApiAccess
from jazari.accounts.rules import READ

_SCHEME = ApiAccess.__name__
_REFUSAL = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
_TAG = {"description": "Changes with the content", "schema": {"type": "string"}}
_WAIT = {"description": "Seconds after which to try again", "schema": {"type": "integer", "minimum": 1}}
_TOO_OFTEN = {"description": "Too often", "headers": {"Retry-After": _WAIT}, "content": _REFUSAL}
_REFUSED = {"description": "Refused or failed", "content": _REFUSAL}
_UNCHANGED = {"description": "As it was when the caller read it: `If-None-Match` names its ETag"}


class Problem(Schema):
    """``code`` is stable, for programs; ``message`` is one sentence for people."""

    code: str
    message: str


class Refusal(Schema):
    """What every answer that is no success holds."""

    error: Problem


def completed(document: dict[str, Any], operations: Mapping[str, Operation]) -> dict[str, Any]:
    """``document`` with the scope, tag and refusals of each of ``operations`` (by their id)."""
    schemas = document["components"]["schemas"]
    schemas |= {"Problem": Problem.model_json_schema(), "Refusal": _refusal_schema()}
    for methods in document["paths"].values():
        for method, told in methods.items():
            told["security"] = security(access_of_operation(operations[told["operationId"]]))
            told["responses"] |= {429: _TOO_OFTEN, "default": _REFUSED}
            if method == "get" and not told.get(MADE_ANEW):
                told["responses"][200]["headers"] = {"ETag": _TAG}
                told["responses"][304] = _UNCHANGED
    return document


def security(access: Access | None) -> list[dict[str, list[str]]]:
    """Whose token an operation needs, as OpenAPI says it: of which scope; ``{}`` where none is needed."""
    if access is Anyone.PUBLIC:
        return [{}, {_SCHEME: []}]
    return [{_SCHEME: [READ if access is Anyone.SIGNED_IN or access is None else str(access)]}]


def _refusal_schema() -> dict[str, Any]:
    problem = {"$ref": "#/components/schemas/Problem"}
    return {"type": "object", "title": "Refusal", "properties": {"error": problem}, "required": ["error"]}
