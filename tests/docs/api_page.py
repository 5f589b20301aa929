"""``docs/reference/gateway-api.md``: paths, headers, forms and errors of the gateway's API, from the code.

What to do about an error is taken from ``errors.md``, so that it is written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jazari.gateway.errors import AddressRefused, GatewayError, Later, ProviderFailed
from jazari.gateway.openapi import openapi_document
from jazari.gateway.proxy import http, questions
from jazari.gateway.words import Kind
from tests.docs.errors_page import Row, errors

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "gateway-api.md"

INTRODUCTION = """\
# API of the gateway

<!-- Written by `python -m tests.docs.write_reference`; a test compares it with the code. -->

OpenAI's API, as far as it is listed here; Mistral's client speaks it too. `GET /v1/openapi.json` gives the whole
description (OpenAPI 3.1) of the gateway that answers. How to use it: [call the gateway](../how-to/call-the-gateway.md).

## Paths
A key goes in the header `authorization: Bearer jz-...`.

| path | key | what it does |
|---|---|---|
"""
FORMS = """
## Requests
JSON in UTF-8. The gateway checks the fields on which it acts; every other field passes to the provider as it came, but
for those that would change what was reserved, that ask a provider to keep what it is sent, or that Mistral's API does
not know. The embedded engine and requests for vectors take known fields only. `model` is the name of a
[route](files.md#a-route), in whose place the provider's model is put. If the client sets no limit of output tokens, the
route's own is sent. `prompt` and `input` are a text or a list of texts, not numbers of tokens; the content of a message
is a text or a list of parts of type `text` and `image_url`.

| request | required | also checked |
|---|---|---|
"""
LIMITS = f"""
At most {http.LARGEST_BODY:,} bytes that arrive within {http.SLOWEST_SECONDS:.0f} s; {questions.MOST_MESSAGES:,}
messages, {questions.MOST_INPUTS:,} prompts or inputs, {questions.MOST_TOOLS:,} tools, {questions.MOST_CHOICES} choices;
{questions.DEEPEST} levels of objects and lists, {questions.MOST_PARTS:,} of these and {questions.MOST_VALUES:,} values.
"""
HEADERS = """
## Headers
| header | in | means |
|---|---|---|
"""
ERRORS = """
## Errors
An error has this form, as OpenAI's client reads it (`error`) and as Mistral's does (the rest):

```json
{"error": {"message": "...", "type": "...", "param": "messages", "code": "gateway.bad-request"},
 "object": "error", "message": "...", "type": "...", "code": "gateway.bad-request"}
```

`code` does not change between versions; `message` is one sentence that says what to do; `param` names the field that is
wrong, or is null. Where the call got as far as a receipt, `jazari-receipt` names it.

| status | code | means | do |
|---|---|---|---|
"""
MISTAKE = "| 500 | `gateway.failed` | The gateway made a mistake | tell who runs it: its log has the details |\n"
STREAMS = """
A whole answer is asked of the next target until one gives it; if none does, the status is 503. In a stream, nobody else
is asked after the first event: it ends with `data: {"error": ...}` instead of `data: [DONE]`, and the code says how the
provider failed:

| code | means |
|---|---|
"""
NODES = """
Another institute's gateway that calls with its node's identity instead of a key may also get:

| status | code | means | do |
|---|---|---|---|
"""
_NODE = "jazari.gateway.node_errors"
_TOLD_OTHERWISE = (AddressRefused, Later)
"""The first becomes one of a provider's failures, the second is a family."""
_OPERATORS = "jazari.gateway.embedded.errors"


def render(rows: Mapping[str, Row]) -> str:
    """The whole page; ``rows`` are those of ``errors.md``."""
    document = openapi_document()
    told = list(_told())
    own = [_error(one, rows) for one in told if one.__module__ != _NODE]
    nodes = [_error(one, rows) for one in told if one.__module__ == _NODE]
    parts = [INTRODUCTION, *_paths(document), FORMS, *_forms(), LIMITS, HEADERS, *_headers(document)]
    return "".join([*parts, ERRORS, *own, MISTAKE, STREAMS, *_streamed(rows), NODES, *nodes])


def _paths(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            key = "no" if operation.get("security") == [] else "yes"
            yield f"| `{method.upper()} {path}` | {key} | {operation['summary']} |\n"


def _forms() -> Iterator[str]:
    for kind in Kind:
        fields = questions.FORMS[kind].model_fields
        needed = ", ".join(f"`{name}`" for name, field in fields.items() if field.is_required())
        others = ", ".join(f"`{name}`" for name, field in fields.items() if not field.is_required())
        yield f"| {kind} | {needed} | {others} |\n"


def _headers(document: dict[str, Any]) -> Iterator[str]:
    call = document["paths"]["/v1/chat/completions"]["post"]
    parts = document["components"]["headers"]
    for parameter in call["parameters"]:
        words = ", ".join(f"`{one}`" for one in parameter["schema"]["enum"])
        yield f"| `{parameter['name']}` | request | {parameter['description']} One of {words}. |\n"
    for status, answer in sorted(call["responses"].items()):
        for name, where in answer.get("headers", {}).items():
            yield f"| `{name}` | {status} | {parts[where['$ref'].rpartition('/')[2]]['description']} |\n"


def _told() -> Iterator[type[GatewayError]]:
    """Errors that an API client may get as a status, by that."""
    found = [one for one in errors().values() if issubclass(one, GatewayError) and one.status != GatewayError.status]
    told = [one for one in found if one not in _TOLD_OTHERWISE and one.__module__ != _OPERATORS]
    own = [one for one in told if not issubclass(one, ProviderFailed)]
    yield from sorted(own, key=lambda one: (one.status, one.code))


def _streamed(rows: Mapping[str, Row]) -> Iterator[str]:
    """Errors with which a stream may end."""
    for code, found in sorted(errors().items()):
        if issubclass(found, ProviderFailed) and found.__module__ != _OPERATORS:
            yield f"| `{code}` | {rows[code].means} |\n"


def _error(found: type[GatewayError], rows: Mapping[str, Row]) -> str:
    row = rows[found.code]
    return f"| {found.status} | `{found.code}` | {row.means} | {row.do} |\n"
