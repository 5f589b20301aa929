"""The gateway's API as OpenAPI 3.1: for who writes a client, and for tools that test it.

Requests are described by the very forms that they are checked with, so both change together. What a provider answers
is described only as far as the gateway vouches for it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from jazari.gateway.breaker import Health
from jazari.gateway.policy import Reason
from jazari.gateway.proxy.questions import FORMS, SCHEMA_NAMES
from jazari.gateway.words import PATHS, DataClass, Kind

Document = dict[str, Any]
_REFS = "#/components/schemas/"
_SUMMARIES = {
    Kind.CHAT: "Answer a conversation",
    Kind.COMPLETION: "Continue a text",
    Kind.EMBEDDING: "Turn texts into vectors",
}
CALLS = {f"/v1{path}": kind for kind, path in PATHS.items()}
_ERRORS = {
    400: "The request, its data class or its route is not right; or the provider does not take it.",
    401: "No key, or one that opens nothing (any more).",
    402: "The project's budget does not cover what the call may cost at most.",
    403: "The key is not for this model or data class, or the policy lets the call go to no provider.",
    404: "There is no such model or path.",
    405: "Another method is for this path.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    429: "The key's limit is reached: try again after `retry-after` seconds.",
    503: "Nobody can answer now, or the gateway is about to stop: try again.",
}
_OF_ANY = (405,)
_OF_KEYED = (401, 408, 413, 503)
_OF_CALLS = (400, 402, 403, 404, 408, 413, 429)
_OF_EXPLAIN = (400, 403, 404, 408, 413)


@cache
def openapi_bytes() -> bytes:
    """The document as JSON."""
    return json.dumps(openapi_document(), ensure_ascii=False).encode()


def openapi_document() -> Document:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jazari inference gateway",
            "version": "1",
            "summary": "OpenAI's and Mistral's API over providers that a residency policy allows.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": {
            **{path: {"post": _call(kind)} for path, kind in CALLS.items()},
            "/v1/explain": {"post": _explain()},
            "/v1/models": {"get": _read("listModels", "The models that the key is for", "Models")},
            "/v1/models/{model}": {"get": _one("Model", "model", "One of them")},
            "/v1/receipts/{receipt}": {"get": _one("Receipt", "receipt", "What a call left, with its proof")},
            **_open_paths(),
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`jz-...`, of a project."}},
            "schemas": _schemas(),
            "headers": _HEADERS,
        },
    }


_HEADERS: Document = {
    "Receipt": {
        "description": "The id of the call's receipt.",
        "schema": {"type": "string", "pattern": "^rc-[0-9a-f]{11}-[0-9a-f]{20}$"},
    },
    "Provider": {"description": "Who computed the answer.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    "Challenge": {"description": "How to name a key.", "schema": {"const": "Bearer"}},
    "Allow": {"description": "The method for this path.", "schema": {"type": "string"}},
}
_ERROR_HEADERS = {
    401: {"www-authenticate": "Challenge"},
    405: {"allow": "Allow"},
    429: {"retry-after": "RetryAfter"},
    503: {"retry-after": "RetryAfter"},
}


def _headers(**names: str) -> Document:
    return {name.replace("_", "-"): {"$ref": f"#/components/headers/{part}"} for name, part in names.items()}


def _json(schema: str) -> Document:
    return {"application/json": {"schema": {"$ref": _REFS + schema}}}


def _errors(*statuses: int) -> Document:
    return {
        str(status): {
            "description": _ERRORS[status],
            "headers": _headers(**_ERROR_HEADERS.get(status, {})),
            "content": _json("Error"),
        }
        for status in sorted({*statuses, *_OF_ANY})
    }


def _call(kind: Kind) -> Document:
    name = SCHEMA_NAMES[kind]
    content = _json(f"{name}Answer")
    if kind is not Kind.EMBEDDING:
        # Without a schema: OpenAPI 3.1 has none for events.
        content["text/event-stream"] = {}
    answered = {
        "description": "The provider's answer; with `stream`, events of `data:` that end with `[DONE]`.",
        "headers": _headers(jazari_receipt="Receipt", jazari_provider="Provider"),
        "content": content,
    }
    return {
        "operationId": f"create{name}",
        "summary": _SUMMARIES[kind],
        "parameters": [_CLASS],
        "requestBody": {"required": True, "content": _json(f"{name}Request")},
        "responses": {"200": answered, **_errors(*_OF_CALLS, *_OF_KEYED)},
    }


_CLASS: Document = {
    "name": "jazari-data-class",
    "in": "header",
    "description": "How sensitive the data of this call are; left out, as sensitive as the key allows.",
    "schema": {"enum": [str(one) for one in DataClass]},
}


def _explain() -> Document:
    return {
        "operationId": "explainRoute",
        "summary": "Where a call would go now and why; sends and charges nothing",
        "requestBody": {"required": True, "content": _json("ExplainRequest")},
        "responses": {
            "200": {"description": "Every target of the route.", "content": _json("Explanation")},
            **_errors(*_OF_EXPLAIN, *_OF_KEYED),
        },
    }


def _read(operation: str, summary: str, schema: str) -> Document:
    found = {"description": "Found.", "content": _json(schema)}
    return {"operationId": operation, "summary": summary, "responses": {"200": found, **_errors(*_OF_KEYED)}}


def _one(schema: str, parameter: str, summary: str) -> Document:
    document = _read(f"get{schema}", summary, schema)
    name = {"name": parameter, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return document | {"parameters": [name], "responses": document["responses"] | _errors(404)}


def _open_paths() -> Document:
    """What needs no key."""
    ready = {"content": _json("Readiness")}
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "/v1/openapi.json": _open("getOpenapi", "This document", {"application/json": {"schema": {"type": "object"}}}),
        "/healthz": _open("getHealth", "Whether the process runs", _json("Health")),
        "/readyz": _open(
            "getReadiness",
            "Whether it takes calls",
            ready["content"],
            {"503": {"description": "It does not.", **ready}},
        ),
        "/metrics": _open("getMetrics", "Numbers for Prometheus, for who may look", text, _errors(404)),
    }


def _open(operation: str, summary: str, content: Document, more: Document | None = None) -> Document:
    responses = {"200": {"description": "As asked.", "content": content}, **_errors(), **(more or {})}
    return {"get": {"operationId": operation, "summary": summary, "security": [], "responses": responses}}


def _schemas() -> Document:
    return {**_requests(), **_ANSWERS, **_OWN, "Explanation": _explanation()}


def _requests() -> Document:
    """The forms that requests are checked with. Their names inside begin with an underscore, here they do not."""
    forms: list[tuple[type[BaseModel], Any]] = [(form, "validation") for form in FORMS.values()]
    _, made = models_json_schema(forms, ref_template=_REFS + "{model}")
    public = {f"_{name}": f"{name}Request" for name in SCHEMA_NAMES.values()}
    text = json.dumps(made["$defs"])
    for name in made["$defs"]:
        new = public.get(name, name.removeprefix("_"))
        text = text.replace(f'"{name}"', f'"{new}"').replace(f'"{_REFS}{name}"', f'"{_REFS}{new}"')
    found: Document = json.loads(text)
    return found


def _object(required: Document, **more: Any) -> Document:
    return {"type": "object", "required": list(required), "properties": required, **more}


_TEXT: Document = {"type": "string"}
_FLAG: Document = {"type": "boolean"}
_COUNT: Document = {"type": "integer", "minimum": 0}
_CLASSES: Document = {"enum": [str(one) for one in DataClass]}


def _list_of(schema: str) -> Document:
    return {"type": "array", "items": {"$ref": _REFS + schema}}


_ANSWERS: Document = {
    "ChatAnswer": _object({"choices": {"type": "array"}}),
    "CompletionAnswer": _object({"choices": {"type": "array"}}),
    "EmbeddingAnswer": _object({"data": {"type": "array"}}),
}
_OWN: Document = {
    "Error": _object(
        {
            "error": _object(
                {
                    "message": _TEXT,
                    "type": _TEXT,
                    "param": {"type": ["string", "null"], "description": "The field that is wrong."},
                    "code": {"type": "string", "pattern": "^gateway\\."},
                },
                additionalProperties=False,
            ),
            "object": {"const": "error"},
            "message": _TEXT,
            "type": _TEXT,
            "code": _TEXT,
        },
        additionalProperties=False,
        description="As OpenAI's clients read it (`error`) and as Mistral's do (the rest).",
    ),
    "Model": _object(
        {
            "id": _TEXT,
            "object": {"const": "model"},
            "created": _COUNT,
            "owned_by": _TEXT,
            "type": _TEXT,
            "capabilities": {"type": "object"},
        }
    ),
    "Models": _object({"object": {"const": "list"}, "data": _list_of("Model")}),
    "Health": _object({"status": {"const": "ok"}}),
    "Receipt": _object(
        {
            "receipt": _object({"id": _TEXT, "project": _TEXT, "outcome": _TEXT, "moment": _TEXT}),
            "line": {"type": "integer", "minimum": 1},
            "proof": {"type": ["object", "null"], "description": "Null until its batch is anchored."},
            "anchor": {"type": ["object", "null"]},
        }
    ),
    "Readiness": {
        "type": "object",
        "required": ["ready"],
        "properties": {
            "ready": _FLAG,
            "draining": _FLAG,
            "open_calls": _COUNT,
            "problems": {"type": "object", "additionalProperties": _TEXT},
        },
        "description": "Only `ready` for who may not look further.",
    },
    "ExplainRequest": {
        "type": "object",
        "required": ["model"],
        "properties": {"model": _TEXT, "data_class": {"enum": [*_CLASSES["enum"], None]}},
        "additionalProperties": False,
    },
}


def _explanation() -> Document:
    decision = {
        "allowed": _FLAG,
        "code": {"enum": [str(reason) for reason in Reason]},
        "sentence": _TEXT,
        "policy": _TEXT,
        "rule": {"type": ["integer", "null"]},
    }
    state = {
        "health": {"enum": [str(health) for health in Health]},
        "ready": _FLAG,
        "retry_in": {"type": ["number", "null"]},
        "running": _COUNT,
        "waiting": _COUNT,
        "most_at_once": _COUNT,
        "image_addresses": _FLAG,
    }
    target = {
        "provider": _TEXT,
        "model": _TEXT,
        "usable": _FLAG,
        "decision": _object(decision),
        "state": _object(state),
        "share": {"type": ["number", "null"]},
        "sentence": _TEXT,
    }
    return _object(
        {
            "route": _TEXT,
            "order": {"enum": ["ordered", "weighted"]},
            "data_class": _CLASSES,
            "declassified": _FLAG,
            "targets": {"type": "array", "items": _object(target)},
            "first": {"type": ["string", "null"]},
        }
    )
