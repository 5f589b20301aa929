"""``docs/reference/public-api.md``: operations, parameters, scopes, limits, errors of the public API, from the code."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from jazari.accounts import api_limits
from jazari.accounts.api_access import MADE_ANEW
from jazari.accounts.rules import LONGEST_TOKEN_DAYS, NEED_SECOND_FACTOR, PERMISSIONS, READ, Permission
from jazari.accounts.tokens import MOST_TOKENS
from jazari.federation.paging import MOST_IN_A_PAGE, Paging
from jazari.nodes import public_api
from jazari.nodes.public_api import PREFIX, api
from jazari.settings.home import NodeConfig

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "public-api.md"
_LIMIT = Paging.model_fields["limit"].default
_CALLS = NodeConfig.portal_requests_per_minute
_AT_ONCE = _CALLS // api_limits.AT_ONCE

INTRODUCTION = f"""\
# The public API

<!-- Written by `python -m tests.docs.write_reference`; a test compares it with the code. -->

What the [portal](../how-to/run-a-portal.md) of a node shows, as JSON, under `{PREFIX}` at the portal's address.
`GET {PREFIX}openapi.json` describes it for tools (OpenAPI 3.1). It only reads: what is changed is changed on pages or
with commands. Pages of other sites cannot read it (no CORS); programs can.

```sh
curl https://portail.example.ma{PREFIX}node
curl -H "Authorization: Bearer $TOKEN" "https://portail.example.ma{PREFIX}gateway/use?since=2026-11-01"
```

## Tokens
What everybody may read needs no token. For the rest, make one in the portal under your account and send it as
`Authorization: Bearer TOKEN`. It opens what its scopes name, and never more than your roles of that moment; it lasts
{LONGEST_TOKEN_DAYS} days at most, is shown once, and can be revoked. A person has at most {MOST_TOKENS}. A token that
opens nothing is refused everywhere, also where none is needed. One with the scope `{READ}` alone reads what needs no
role. In a browser, the session of who has signed in opens what their roles open.

| scope | roles of which one is needed | second factor |
|---|---|---|
"""
LIMITS = f"""
## Limits
| who | calls in a minute | at once |
|---|---|---|
| each token | {_CALLS}, or [`portal_requests_per_minute`](settings.md#jazaritoml) | {_AT_ONCE}, a sixth |
| each person in a session | the same | the same |
| everybody else at one address (IPv6: one network of 64 bits) | {api_limits.PER_SECOND * 60:.0f} | {api_limits.BURST} |

Whoever shows a token or a session is counted by that and not by address: neither takes from the other. A token that
opens nothing counts for its address. Beyond a limit the answer is 429 and `Retry-After` names the seconds to wait.
Answers that a node keeps (those for everybody, to whoever shows neither token nor session) cost nothing and do not
count.

## Lists
A list answers `items` and `next`: the address of what follows, with everything that was asked, or null. Follow it until
then. `limit` says how many at most: {_LIMIT} if left out, up to {MOST_IN_A_PAGE}. Lists with `offset` also tell the
`total`. Those with `before` (receipts and the audit trail) are looked through from their end, a bounded part at a time,
so that `items` may be empty though `next` is not null.

## Tags
Every answer to GET has an `ETag`; `If-None-Match` with it gets 304 and no content as long as nothing has changed. What
everybody may read may be a minute old. Only verifications (marked `{MADE_ANEW}` in the description) are made anew each
time and have none. HEAD answers as GET, without content.

## Errors
```json
{{"error": {{"code": "api.not-found", "message": "..."}}}}
```

`code` does not change between versions; `message` is one sentence that says what to do. Besides these, the codes of
[errors](errors.md) occur, each with the status that fits it.

| status | code | means |
|---|---|---|
"""
FAILED = "| 500 | `core.bug` | The server made a mistake; its log has the details. |\n"
BAD_REQUEST = "A parameter is not as described: the sentence names it, and what it may be."
OPERATIONS = """
## Operations
Addresses begin with `{prefix}`. *Everybody* needs no token.
"""


def render() -> str:
    """The whole page."""
    document = api.get_openapi_schema()
    parts = [INTRODUCTION, *_scopes(), LIMITS, *_errors(), FAILED, OPERATIONS.format(prefix=PREFIX)]
    return "".join([*parts, *_operations(document)])


def _scopes() -> Iterator[str]:
    for permission in Permission:
        if permission in _used():
            roles = ", ".join(sorted(PERMISSIONS[permission]))
            yield f"| `{permission}` | {roles} | {'needed' if permission in NEED_SECOND_FACTOR else 'no'} |\n"


def _used() -> set[str]:
    operations = [each for methods in api.get_openapi_schema()["paths"].values() for each in methods.values()]
    return {scope for each in operations for needed in each["security"] for scope in needed.get("ApiAccess", ())}


def _errors() -> Iterator[str]:
    for status, code in public_api.CODES.items():
        if status != 400:  # as 422
            yield f"| {status} | `{code}` | {public_api.SENTENCES.get(status, BAD_REQUEST)} |\n"


def _operations(document: dict[str, Any]) -> Iterator[str]:
    told = [(path, each) for path, methods in document["paths"].items() for each in methods.values()]
    for tag, group in groupby(sorted(told, key=lambda one: _tags(document).index(one[1]["tags"][0])), _tag):
        operations = list(group)
        yield f"\n### {tag.capitalize()}\n| GET | for | answers |\n|---|---|---|\n"
        for path, operation in operations:
            yield f"| `{path.removeprefix(PREFIX)}` | {_for(operation)} | {operation['description']} |\n"
        rows = [row for path, operation in operations for row in _parameters(path.removeprefix(PREFIX), operation)]
        if rows:
            yield "\n| of | parameter | values | if left out | meaning |\n|---|---|---|---|---|\n"
            yield from rows


def _tags(document: dict[str, Any]) -> list[str]:
    """In the order of the description."""
    return list(dict.fromkeys(each["tags"][0] for methods in document["paths"].values() for each in methods.values()))


def _tag(one: tuple[str, dict[str, Any]]) -> str:
    return str(one[1]["tags"][0])


def _for(operation: dict[str, Any]) -> str:
    scopes = [scope for needed in operation["security"] for scope in needed.get("ApiAccess", ())]
    return f"`{scopes[0]}`" if scopes else "everybody"


def _parameters(path: str, operation: dict[str, Any]) -> Iterator[str]:
    for one in operation["parameters"]:
        if one["in"] == "query" and one["name"] not in ("limit", "before"):
            schema = _resolved(one["schema"])
            default = schema.get("default", one["schema"].get("default"))
            default = getattr(default, "value", default)
            without = "required" if one["required"] else "" if default in (None, "", []) else f"`{_text(default)}`"
            cells = (f"`{path}`", f"`{one['name']}`", _values(schema), without, one.get("description", ""))
            if one["name"] != "offset" or "Only" in cells[-1]:
                yield f"| {' | '.join(cells)} |\n"


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` without what stands elsewhere, and without null."""
    parts = [*schema.get("anyOf", ()), *schema.get("allOf", ())]
    whole = {**schema, **next((one for one in parts if one != {"type": "null"}), {})}
    name = str(whole.pop("$ref", "")).rpartition("/")[2]
    return whole | api.get_openapi_schema()["components"]["schemas"][name] if name else whole


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"texts, at most {schema['maxItems']}"
    if schema.get("type") == "integer":
        return f"{schema['minimum']} to {schema['maximum']}"
    if schema.get("type") == "string" and schema.get("format") == "date":
        return "a day, `2026-11-01`"
    return f"text, at most {schema['maxLength']}" if "maxLength" in schema else "`true` or `false`"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
