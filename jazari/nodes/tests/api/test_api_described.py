"""Every operation of the public API answers as its description says, at an institute and at a Root.

Each is asked for what is there and for whatever a tool that reads the description can think of.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from django.urls import path
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from ninja import Router, Schema
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from jazari.accounts.api_access import everybody, nobody
from jazari.nodes.public_api import PublicApi
from jazari.nodes.tests.api.api_nodes import DOCUMENT, KINDS, QUERIES, Node
from jazari.nodes.tests.live_portal import serving
from jazari.settings.home import Home

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unlimited")]
load_all_checks()
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]
FEW, MANY = 2, 10
"""How many questions a tool thinks of for each operation, in the default tests and in the slow ones."""


def operations(document: dict[str, Any]) -> list[APIOperation]:
    return [found.ok() for found in schemathesis.openapi.from_dict(deepcopy(document)).get_all_operations()]


def problems(
    found: list[APIOperation], node: Node, examples: int, *, known_to_it: bool = True, negative: bool = False
) -> list[str]:
    """Each operation with what it answered otherwise than it should; it is asked as a stranger where not known."""
    headers = {"authorization": f"Bearer {node.secret}"} if known_to_it else {}

    session = requests.Session()

    def ask(case: Case) -> None:
        case.call_and_validate(base_url=str(node.client.base_url), headers=headers, checks=CHECKS, session=session)

    wrong = []
    for operation in found:
        mode = GenerationMode.NEGATIVE if negative and any(operation.iter_parameters()) else GenerationMode.POSITIVE
        asked = given(case=operation.as_strategy(generation_mode=mode))(ask)
        asked = hypothesis_settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(asked)
        try:
            asked()
        except Unsatisfiable:
            if not negative:
                raise
            continue  # whatever is asked is as described, e.g. where every text may be a name
        except FailureGroup as failed:
            wrong += [f"{operation.label}: {type(one).__name__}" for one in failed.exceptions]
    return wrong


@pytest.mark.parametrize("node", KINDS, indirect=True)
def test_answers_are_as_described(node: Node) -> None:
    found = operations(DOCUMENT)
    assert {operation.path for operation in found} == set(DOCUMENT["paths"])
    assert problems(found, node, FEW) == []
    known = dict(node.known())
    for operation in found:
        if operation.path in known:
            case = operation.Case(path_parameters=node.parameters(operation.path), query=QUERIES.get(operation.path))
            headers = {"authorization": f"Bearer {node.secret}"}
            answer = case.call_and_validate(base_url=str(node.client.base_url), headers=headers, checks=CHECKS)
            assert answer.status_code == 200, operation.label


@pytest.mark.slow
@pytest.mark.parametrize(
    ("known_to_it", "negative"),
    [(True, False), (True, True), (False, False)],
    ids=["with a token", "with a token, as it should not be asked", "as a stranger"],
)
@pytest.mark.parametrize("node", KINDS, indirect=True)
def test_answers_to_many_questions_are_as_described(node: Node, known_to_it: bool, negative: bool) -> None:
    found = operations(DOCUMENT)
    assert problems(found, node, MANY, known_to_it=known_to_it, negative=negative) == []


class Told(Schema):
    """What the planted operations should answer."""

    number: int


router = Router()


@router.get("right", response=Told, auth=everybody)
def right(request: Any, number: int) -> dict[str, int]:
    return {"number": number}


@router.get("bug", response=Told, auth=everybody)
def bug(request: Any) -> dict[str, int]:
    raise RuntimeError("a bug")


@router.get("other", response=Told, auth=everybody)
def other(request: Any) -> Any:
    from django.http import JsonResponse

    return JsonResponse({"number": "none"})


@router.get("page", response=Told, auth=everybody)
def page(request: Any) -> Any:
    from django.http import HttpResponse

    return HttpResponse("<p>1</p>")


def test_the_check_itself_finds_operations_that_answer_otherwise(portal: Home, settings: Any) -> None:
    from types import ModuleType

    planted = PublicApi(docs_url=None, urls_namespace="planted-answers", auth=nobody)
    planted.add_router("", router)
    settings.ROOT_URLCONF = urls = ModuleType("urls")
    urls.urlpatterns = [path("api/v1/", planted.urls)]  # type: ignore[attr-defined]
    portal.write(type(portal.config)(**vars(portal.config) | {"portal_port": 8655}))
    with serving(portal) as url, httpx.Client(base_url=url) as client:
        found = problems(
            operations(planted.get_openapi_schema()), Node("institute", client, "", {}), FEW, known_to_it=False
        )
    assert sorted(found) == [
        "GET /api/v1/bug: ServerError",
        "GET /api/v1/other: JsonSchemaError",
        "GET /api/v1/page: UndefinedContentType",
    ]
